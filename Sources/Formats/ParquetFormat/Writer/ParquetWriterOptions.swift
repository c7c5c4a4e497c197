/// How pages are compressed.
public enum ParquetCodec: Hashable, Sendable {
    case uncompressed
    case snappy
    case gzip(level: Int32)
    case zstd(level: Int32)
}

/// How a file is laid out.
public struct ParquetWriterOptions: Hashable, Sendable {
    /// Smaller output at about the speed of snappy; 3 is libzstd's own default and takes about twice the time.
    public var codec: ParquetCodec = .zstd(level: 1)
    /// `append(_:)` closes a row group at this many rows, or when its columns take `rowGroupBytes` in memory.
    public var rowGroupRows = 1 << 20
    public var rowGroupBytes = 128 << 20
    /// A page is closed near this many bytes before compression, or at `pageRows` rows.
    public var pageBytes = 1 << 20
    public var pageRows = 20_000
    /// Try a dictionary for every column but booleans; it is given up per column chunk where it does not pay.
    public var dictionary = true
    public var dictionaryBytesMax = 1 << 20
    /// Offset index and column index, with which readers skip pages.
    public var pageIndex = true
    /// A CRC-32 in every page header.
    public var pageChecksums = false
    public var createdBy = "analytics version 1.0.0"
    public var keyValueMetadata: [ParquetKeyValue] = []
    /// Declares that the rows of every row group are sorted so. Set it only when they are: readers rely on it.
    public var sortingColumns: [SortingColumn] = []

    public init() {}

    public init(codec: ParquetCodec) { self.codec = codec }
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
