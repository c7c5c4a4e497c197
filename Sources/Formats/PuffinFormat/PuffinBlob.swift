/// What the footer says of one blob: [BlobMetadata](https://iceberg.apache.org/puffin-spec/#blobmetadata).
public struct PuffinBlobMetadata: Hashable, Sendable {
    public var type: PuffinBlobType
    /// The ids of the fields the blob was computed from, in the order that matters to its type.
    public var fields: [Int32]
    /// -1 where the snapshot is not known when the file is written: of deletion vectors always.
    public var snapshotID: Int64
    /// -1 where it is not known, as `snapshotID`.
    public var sequenceNumber: Int64
    /// Where the blob begins in the file, in bytes.
    public var offset: Int64
    /// The stored, perhaps compressed bytes.
    public var length: Int64
    /// Nil when the blob is not compressed.
    public var compressionCodec: PuffinCodec?
    public var properties: [String: String]

    public init(
        type: PuffinBlobType, fields: [Int32], snapshotID: Int64, sequenceNumber: Int64, offset: Int64, length: Int64,
        compressionCodec: PuffinCodec? = nil, properties: [String: String] = [:]
    ) {
        self.type = type
        self.fields = fields
        self.snapshotID = snapshotID
        self.sequenceNumber = sequenceNumber
        self.offset = offset
        self.length = length
        self.compressionCodec = compressionCodec
        self.properties = properties
    }

    /// The bytes of the file that hold the blob.
    public var range: Range<Int64> { offset..<(offset + length) }

    /// The `ndv` property of a theta sketch: how many distinct values it estimates.
    public var distinctValueCount: Int64? { properties[PuffinProperty.distinctValueCount].flatMap { Int64($0) } }

    /// The data file whose rows a deletion vector deletes.
    public var referencedDataFile: String? { properties[PuffinProperty.referencedDataFile] }

    /// How many positions a deletion vector holds.
    public var cardinality: Int64? { properties[PuffinProperty.cardinality].flatMap { Int64($0) } }
}

/// The name of a blob's content. Unknown types are carried.
public struct PuffinBlobType: Hashable, Sendable, RawRepresentable, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }

    /// A compact theta sketch of Apache DataSketches; `ndv` holds its estimate.
    public static let thetaSketch: PuffinBlobType = "apache-datasketches-theta-v1"
    /// The positions of deleted rows of one data file, as `DeletionVector` reads and writes them.
    public static let deletionVector: PuffinBlobType = "deletion-vector-v1"
}

/// How a blob is compressed.
public struct PuffinCodec: Hashable, Sendable, RawRepresentable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// One LZ4 frame that states its content size.
    public static let lz4 = PuffinCodec(rawValue: "lz4")
    /// One Zstandard frame that states its content size.
    public static let zstd = PuffinCodec(rawValue: "zstd")
}

/// Names of properties of files and blobs.
public enum PuffinProperty {
    public static let createdBy = "created-by"
    public static let distinctValueCount = "ndv"
    public static let referencedDataFile = "referenced-data-file"
    public static let cardinality = "cardinality"
}
