/// Who shall be able to read a file.
public enum ParquetProfile: Hashable, Sendable {
    /// PLAIN and RLE_DICTIONARY, which every reader has.
    case compatible
    /// Of the format's encodings the one that makes a column chunk smallest, measured on samples of its values: runs
    /// for booleans, deltas for integers and byte arrays, split bytes for floating point numbers. Readers from before
    /// about 2022 lack some of them.
    case compact
}

/// How data pages are laid out.
public enum ParquetDataPageVersion: Hashable, Sendable {
    /// Levels and values are compressed together.
    case v1
    /// Levels lie uncompressed before the values, which are left uncompressed when that is smaller.
    case v2
}

/// How a file is laid out.
public struct ParquetWriterOptions: Hashable, Sendable {
    /// Smaller output at about the speed of snappy; 3 is libzstd's own default and takes about twice the time.
    public var codec: ParquetCodec = .zstd(level: 1)
    /// Which encodings are chosen where `columns` does not say.
    public var profile: ParquetProfile = .compatible
    public var dataPageVersion: ParquetDataPageVersion = .v1
    /// `append(_:)` closes a row group at this many rows, or when its columns take `rowGroupBytes` in memory.
    public var rowGroupRows = 1 << 20
    public var rowGroupBytes = 128 << 20
    /// A page is closed near this many bytes in PLAIN encoding (of indices, where there is a dictionary), or at `pageRows`
    /// rows.
    public var pageBytes = 1 << 20
    public var pageRows = 20_000
    /// Try a dictionary for every column but booleans; it is given up per column chunk where it does not pay.
    public var dictionary = true
    public var dictionaryBytesMax = 1 << 20
    /// Offset index and column index, with which readers skip pages.
    public var pageIndex = true
    /// How large values and lists are, for readers that plan their memory (`SizeStatistics` of parquet.thrift).
    public var sizeStatistics = true
    /// A CRC-32 in every page header.
    public var pageChecksums = false
    public var createdBy = "analytics version 1.0.0"
    public var keyValueMetadata: [ParquetKeyValue] = []
    /// How the caller believes the rows to be sorted. Recorded for a row group as far as it is found to be true, which costs
    /// one comparison of neighbours per row and column: readers rely on it.
    public var sortingColumns: [SortingColumn] = []
    /// By the leaf's name, `extensions.key_value.key`, or else what tables call it, `extensions.key`. Names that the schema
    /// does not have are ignored, as the settings of a table are older than its schema.
    public var columns: [String: ParquetColumnOptions] = [:]

    public init() {}

    public init(codec: ParquetCodec) { self.codec = codec }
}

/// What differs in one column.
public struct ParquetColumnOptions: Hashable, Sendable {
    /// Nil: as the profile chooses.
    public var encoding: ParquetEncoding?
    /// Nil: none. Booleans never have one.
    public var bloomFilter: ParquetBloomFilterOptions?

    public init(encoding: ParquetEncoding? = nil, bloomFilter: ParquetBloomFilterOptions? = nil) {
        self.encoding = encoding
        self.bloomFilter = bloomFilter
    }
}

/// How large the bloom filters of a column are: one for each column chunk (BloomFilter.md).
public struct ParquetBloomFilterOptions: Hashable, Sendable {
    /// How often a filter may say "perhaps" for a value that is absent: above 0, below 1.
    public var falsePositiveRate: Double
    /// Distinct values of a column chunk. Nil: they are counted.
    public var distinctValues: Int?
    /// A filter that would be larger has more false positives instead. 32 bytes to 128 MiB.
    public var bytesMax: Int

    public init(falsePositiveRate: Double = 0.01, distinctValues: Int? = nil, bytesMax: Int = 1 << 20) {
        self.falsePositiveRate = falsePositiveRate
        self.distinctValues = distinctValues
        self.bytesMax = bytesMax
    }
}

/// `SortingColumn` of parquet.thrift.
public struct SortingColumn: Hashable, Sendable {
    public var leafIndex: Int
    public var isDescending: Bool
    public var nullsFirst: Bool

    public init(leafIndex: Int, isDescending: Bool, nullsFirst: Bool) {
        self.leafIndex = leafIndex
        self.isDescending = isDescending
        self.nullsFirst = nullsFirst
    }
}

/// `KeyValue` of parquet.thrift: metadata of the file.
public struct ParquetKeyValue: Hashable, Sendable {
    public var key: String
    public var value: String?

    public init(key: String, value: String?) {
        self.key = key
        self.value = value
    }
}

extension ParquetWriterOptions {
    /// - Throws: `.invalidArgument` for what contradicts the schema or is out of range.
    func check(_ schema: ParquetSchema) throws(ParquetError) {
        try codec.check()
        func refuse(_ message: String) -> ParquetError { ParquetError(.invalidArgument, at: "options", message) }
        for column in sortingColumns where !schema.leaves.indices.contains(column.leafIndex) {
            throw refuse("no leaf \(column.leafIndex) to be sorted by")
        }
        for (leaf, column) in zip(schema.leaves, columnOptions(schema)) {
            guard let column else { continue }
            if let encoding = column.encoding, !encoding.fits(leaf.physicalType) {
                throw refuse("column \(leaf.name): \(leaf.physicalType) has no encoding \(encoding)")
            }
            guard let filter = column.bloomFilter else { continue }
            guard filter.falsePositiveRate > 0, filter.falsePositiveRate < 1 else {
                throw refuse("column \(leaf.name): a false positive rate of \(filter.falsePositiveRate)")
            }
            guard (32...(128 << 20)).contains(filter.bytesMax), (filter.distinctValues ?? 0) >= 0 else {
                throw refuse(
                    "column \(leaf.name): a bloom filter of \(filter.bytesMax) bytes, allowed are 32 to 128 MiB")
            }
        }
    }

    /// What is asked for each leaf, in their order.
    func columnOptions(_ schema: ParquetSchema) -> [ParquetColumnOptions?] {
        guard !columns.isEmpty else { return Array(repeating: nil, count: schema.leaves.count) }
        return zip(schema.leaves, schema.tableNames).map { leaf, tableName in
            columns[leaf.name] ?? columns[tableName]
        }
    }
}
