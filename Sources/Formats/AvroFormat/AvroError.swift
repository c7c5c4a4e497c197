/// Bytes are not an Avro file of the schema they state, or a schema is not one that can be read or written.
public struct AvroError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The bytes are damaged, cut short or do not follow their schema.
        case corrupt
        /// The schema is not valid Avro, or uses what is not supported here (recursive types).
        case invalidSchema
        /// A size, count or depth is above what `AvroLimits` allows.
        case tooLarge
        /// The block codec is not one of null, deflate, snappy, zstandard.
        case unsupportedCodec
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "Avro: \(message)" }
}

/// What a reader accepts from a file it does not trust.
public struct AvroLimits: Hashable, Sendable {
    /// Bytes of the header's metadata map, the schema included.
    public var headerBytesMax = 64 << 20
    /// Bytes of one block once decompressed.
    public var blockBytesMax = 512 << 20
    /// A block above `unquestionedBlockBytes` may be so many times as long as it is stored: what tells of files does not get near, and a
    /// few bytes that swell to hundreds of megabytes are an attack.
    public var blockRatioMax = 64
    public static let unquestionedBlockBytes = 16 << 20
    /// Objects of a file and items of an array that take no bytes; others are bounded by the bytes that remain.
    public var zeroSizeItemsMax = 1 << 16
    /// A block may hold so many values that take no bytes (nulls of records) for each of its bytes, besides.
    public static let zeroSizeItemsPerByteMax = 16
    /// Types in a schema, each use of a named type counted in full.
    public static let schemaTypesMax = 20_000
    /// Nesting of types.
    public static let schemaDepthMax = 64

    public init() {}

    /// Bytes that a block of `count` stored bytes may decompress to.
    func blockBytesMax(stored count: Int) -> Int {
        let (swollen, overflow) = count.multipliedReportingOverflow(by: blockRatioMax)
        return min(blockBytesMax, max(Self.unquestionedBlockBytes, overflow ? .max : swollen))
    }
}
