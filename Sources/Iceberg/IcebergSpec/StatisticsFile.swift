import JSONFormat

/// A Puffin file with statistics of a snapshot (specification: "Table Statistics").
public struct StatisticsFile: Hashable, Sendable {
    public struct Blob: Hashable, Sendable {
        public var type: String
        public var snapshotID: Int64
        public var sequenceNumber: Int64
        public var fields: [Int]
        public var properties: [String: String]

        public init(
            type: String, snapshotID: Int64, sequenceNumber: Int64, fields: [Int], properties: [String: String] = [:]
        ) {
            self.type = type
            self.snapshotID = snapshotID
            self.sequenceNumber = sequenceNumber
            self.fields = fields
            self.properties = properties
        }
    }

    public var snapshotID: Int64
    public var path: String
    public var sizeBytes: Int64
    public var footerSizeBytes: Int64
    /// Base64.
    public var keyMetadata: String?
    public var blobs: [Blob]

    public init(
        snapshotID: Int64, path: String, sizeBytes: Int64, footerSizeBytes: Int64, keyMetadata: String? = nil,
        blobs: [Blob]
    ) {
        self.snapshotID = snapshotID
        self.path = path
        self.sizeBytes = sizeBytes
        self.footerSizeBytes = footerSizeBytes
        self.keyMetadata = keyMetadata
        self.blobs = blobs
    }
}

/// A file with statistics by partition (specification: "Partition Statistics").
public struct PartitionStatisticsFile: Hashable, Sendable {
    public var snapshotID: Int64
    public var path: String
    public var sizeBytes: Int64

    public init(snapshotID: Int64, path: String, sizeBytes: Int64) {
        self.snapshotID = snapshotID
        self.path = path
        self.sizeBytes = sizeBytes
    }
}

/// An encryption key, itself encrypted (specification: "Encryption Keys", version 3). Carried, never opened.
public struct EncryptedKey: Hashable, Sendable {
    public var keyID: String
    /// Base64.
    public var encryptedKeyMetadata: String
    public var encryptedByID: String?
    public var properties: [String: String]

    public init(
        keyID: String, encryptedKeyMetadata: String, encryptedByID: String? = nil, properties: [String: String] = [:]
    ) {
        self.keyID = keyID
        self.encryptedKeyMetadata = encryptedKeyMetadata
        self.encryptedByID = encryptedByID
        self.properties = properties
    }
}
