/// A data or delete file, as manifests list it (specification: "Manifests", struct `data_file`).
public struct DataFile: Hashable, Sendable {
    public enum Content: Int32, Hashable, Sendable {
        case data = 0
        case positionDeletes = 1
        case equalityDeletes = 2
    }

    public enum Format: String, Hashable, Sendable {
        case parquet = "PARQUET"
        case avro = "AVRO"
        case orc = "ORC"
        case puffin = "PUFFIN"
    }

    public var content: Content
    /// Full URI.
    public var path: String
    public var format: Format
    /// The spec that `partition` is a tuple of. Not part of the struct: the manifest states it.
    public var specID: Int
    /// One value per field of the spec, in its order.
    public var partition: [Datum?]
    public var recordCount: Int64
    public var fileSizeBytes: Int64
    /// Bytes on disk by column, the footer excluded.
    public var columnSizes: FieldMap<Int64> = [:]
    /// Values by column, null and NaN included.
    public var valueCounts: FieldMap<Int64> = [:]
    public var nullValueCounts: FieldMap<Int64> = [:]
    public var nanValueCounts: FieldMap<Int64> = [:]
    /// Single-value binary of a value that no other of the column is below; strings may be cut short.
    public var lowerBounds: FieldMap<[UInt8]> = [:]
    public var upperBounds: FieldMap<[UInt8]> = [:]
    public var keyMetadata: [UInt8]?
    /// Offsets of the row groups, ascending.
    public var splitOffsets: [Int64] = []
    /// Columns an equality delete file compares.
    public var equalityIDs: [Int] = []
    /// Nil where the file is not known to be sorted; 0 is the order that sorts nothing.
    public var sortOrderID: Int?
    /// Version 3: the row id of the first row.
    public var firstRowID: Int64?
    /// The one data file that a deletion vector, or a position delete file that says so, applies to.
    public var referencedDataFile: String?
    /// Version 3: where in a Puffin file the deletion vector begins.
    public var contentOffset: Int64?
    public var contentSizeBytes: Int64?

    public init(
        content: Content = .data, path: String, format: Format = .parquet, specID: Int = 0, partition: [Datum?] = [],
        recordCount: Int64, fileSizeBytes: Int64
    ) {
        self.content = content
        self.path = path
        self.format = format
        self.specID = specID
        self.partition = partition
        self.recordCount = recordCount
        self.fileSizeBytes = fileSizeBytes
    }
}

/// A file's part in a snapshot (specification: struct `manifest_entry`).
///
/// Entries that `Manifest.decode` gives have every number filled in by inheritance. In an entry to be written, nil
/// numbers are left to be inherited: that is how added files get the sequence number of their commit.
public struct ManifestEntry: Hashable, Sendable {
    public enum Status: Int32, Hashable, Sendable {
        case existing = 0
        case added = 1
        case deleted = 2
    }

    public var status: Status
    /// The snapshot that added the file; of a deleted entry, the one that deleted it.
    public var snapshotID: Int64?
    /// Age of the rows: decides which deletes apply to them.
    public var dataSequenceNumber: Int64?
    /// Sequence number of the commit that added the file.
    public var fileSequenceNumber: Int64?
    public var file: DataFile

    public init(
        status: Status, snapshotID: Int64?, dataSequenceNumber: Int64? = nil, fileSequenceNumber: Int64? = nil,
        file: DataFile
    ) {
        self.status = status
        self.snapshotID = snapshotID
        self.dataSequenceNumber = dataSequenceNumber
        self.fileSequenceNumber = fileSequenceNumber
        self.file = file
    }

    /// Whether the file is part of the snapshot.
    public var isLive: Bool { status != .deleted }
}
