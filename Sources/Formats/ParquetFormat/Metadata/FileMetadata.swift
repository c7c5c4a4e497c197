/// The footer of a file: `FileMetaData` of parquet.thrift.
public struct FileMetadata: Hashable, Sendable {
    public var version: Int32
    public var schema: ParquetSchema
    public var rowCount: Int64
    public var rowGroups: [RowGroupMetadata]
    public var keyValueMetadata: [ParquetKeyValue]
    public var createdBy: String?
    /// How the bounds of each leaf compare; empty when the file does not say.
    public internal(set) var columnOrders: [ColumnOrder] = []
}

/// `ColumnOrder` of parquet.thrift: what `min_value` and `max_value` of a leaf mean.
public enum ColumnOrder: Hashable, Sendable {
    /// By the logical type, or else the physical type.
    case typeDefined
    /// Floating point numbers by the totalOrder predicate of IEEE 754, NaN beyond the infinities.
    case ieee754Total
    /// An order this module does not know: bounds say nothing.
    case unknown
}

/// `RowGroup` of parquet.thrift.
public struct RowGroupMetadata: Hashable, Sendable {
    /// One per leaf, in schema order.
    public var columns: [ColumnChunkMetadata]
    public var totalByteSize: Int64
    public var rowCount: Int64
    public var sortingColumns: [SortingColumn]
    public var fileOffset: Int64?
    public var totalCompressedSize: Int64?
}

/// `ColumnChunk` with its `ColumnMetaData`.
public struct ColumnChunkMetadata: Hashable, Sendable {
    public var path: [String]
    public var encodings: [Int32]
    /// `CompressionCodec` of parquet.thrift.
    public var codec: Int32
    public var valueCount: Int64
    public var totalUncompressedSize: Int64
    public var totalCompressedSize: Int64
    public var dataPageOffset: Int64
    public var dictionaryPageOffset: Int64?
    public var statistics: ColumnStatistics?
    public var offsetIndexOffset: Int64?
    public var offsetIndexLength: Int32?
    public var columnIndexOffset: Int64?
    public var columnIndexLength: Int32?
    /// Where the bloom filter begins (BloomFilter.md); old writers leave out its length.
    public var bloomFilterOffset: Int64?
    public var bloomFilterLength: Int32?
    public var keyValueMetadata: [ParquetKeyValue] = []
    var encodingStatistics: [PageEncodingStatistics] = []
    var sizeStatistics: SizeStatistics?

    /// Where the chunk begins: at its dictionary page if it has one.
    public var startOffset: Int64 {
        // Some old writers state an offset of 0 for "no dictionary".
        guard let dictionaryPageOffset, dictionaryPageOffset > 0 else { return dataPageOffset }
        return min(dictionaryPageOffset, dataPageOffset)
    }
}

/// `Statistics` of parquet.thrift: bounds as PLAIN bytes without a length.
public struct ColumnStatistics: Hashable, Sendable {
    public var nullCount: Int64?
    public var distinctCount: Int64?
    /// `min_value` and `max_value`, in the order of the column's types.
    public var min: ColumnBound?
    public var max: ColumnBound?
    /// NaNs among the values, which are never bounds; nil when the file does not say.
    public var nanCount: Int64?

    public init(
        nullCount: Int64? = nil, distinctCount: Int64? = nil, min: ColumnBound? = nil, max: ColumnBound? = nil,
        nanCount: Int64? = nil
    ) {
        self.nanCount = nanCount
        self.nullCount = nullCount
        self.distinctCount = distinctCount
        self.min = min
        self.max = max
    }
}

struct PageEncodingStatistics: Hashable, Sendable {
    var pageType: Int32
    var encoding: Int32
    var count: Int32
}

/// `Encoding` of parquet.thrift.
enum Encoding {
    static let plain: Int32 = 0
    static let plainDictionary: Int32 = 2
    static let rle: Int32 = 3
    static let bitPacked: Int32 = 4
    static let deltaBinaryPacked: Int32 = 5
    static let deltaLengthByteArray: Int32 = 6
    static let deltaByteArray: Int32 = 7
    static let rleDictionary: Int32 = 8
    static let byteStreamSplit: Int32 = 9
}

/// `PageType` of parquet.thrift.
enum PageType {
    static let data: Int32 = 0
    static let index: Int32 = 1
    static let dictionary: Int32 = 2
    static let dataV2: Int32 = 3
}
