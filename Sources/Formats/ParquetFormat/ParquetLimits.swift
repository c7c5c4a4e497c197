/// What this module takes from a file before it refuses; all sizes in bytes.
public enum ParquetLimits {
    /// Thrift structures inside each other; a footer needs about 8.
    public static let thriftDepthMax = 32
    public static let footerBytesMax = 64 << 20
    public static let schemaNodesMax = 20_000
    public static let schemaDepthMax = 64
    public static let rowGroupsMax = 1 << 20
    /// One page after decompression.
    public static let pageBytesMax = 512 << 20
    /// Level entries (values and nulls) of one column chunk.
    public static let chunkValuesMax = 1 << 30
    /// One column chunk decoded into memory: dictionaries and runs expand.
    public static let chunkDecodedBytesMax = 4 << 30 - 1
    /// A minimum or maximum in the summary that is longer is cut, and then not exact.
    public static let boundBytesMax = 256
    /// A minimum or maximum in the file itself (statistics and column index) that is longer is cut.
    public static let statisticsBytesMax = 64
    /// Conditions of a predicate inside each other.
    public static let predicateDepthMax = 128
    /// What the format itself allows.
    public static let bloomFilterBytesMax = 128 << 20
    /// Column index or offset index of one column chunk.
    public static let pageIndexBytesMax = 64 << 20
}
