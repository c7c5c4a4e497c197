import JSONFormat

/// The state of a table at one time (specification: "Snapshots").
public struct Snapshot: Hashable, Sendable {
    public var snapshotID: Int64
    public var parentSnapshotID: Int64?
    /// 0 in version 1.
    public var sequenceNumber: Int64
    public var timestampMilliseconds: Int64
    /// Location of the manifest list; nil only for old version 1 tables, which list `manifests`.
    public var manifestList: String?
    /// Locations of manifests, in old version 1 tables without manifest lists.
    public var manifests: [String]?
    /// Always with `operation`; empty only for old version 1 snapshots.
    public var summary: [String: String]
    public var schemaID: Int?
    /// Version 3: the first row id given to the rows of this snapshot.
    public var firstRowID: Int64?
    /// Version 3: an upper bound of rows with assigned row ids.
    public var addedRows: Int64?
    /// Version 3: the key that encrypts the manifest list key metadata.
    public var keyID: String?
    /// Members this library does not know, carried along.
    public var additionalMembers: JSONObject

    public init(
        snapshotID: Int64, parentSnapshotID: Int64? = nil, sequenceNumber: Int64, timestampMilliseconds: Int64,
        manifestList: String?, manifests: [String]? = nil, summary: [String: String], schemaID: Int? = nil,
        firstRowID: Int64? = nil, addedRows: Int64? = nil, keyID: String? = nil,
        additionalMembers: JSONObject = JSONObject()
    ) {
        self.snapshotID = snapshotID
        self.parentSnapshotID = parentSnapshotID
        self.sequenceNumber = sequenceNumber
        self.timestampMilliseconds = timestampMilliseconds
        self.manifestList = manifestList
        self.manifests = manifests
        self.summary = summary
        self.schemaID = schemaID
        self.firstRowID = firstRowID
        self.addedRows = addedRows
        self.keyID = keyID
        self.additionalMembers = additionalMembers
    }

    /// `append`, `replace`, `overwrite` or `delete`.
    public var operation: String? { summary["operation"] }
}

/// A branch or tag (specification: "Snapshot References").
public struct SnapshotReference: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable { case branch, tag }

    /// The branch that `current-snapshot-id` follows.
    public static let main = "main"

    public var snapshotID: Int64
    public var kind: Kind
    public var minSnapshotsToKeep: Int?
    public var maxSnapshotAgeMilliseconds: Int64?
    public var maxReferenceAgeMilliseconds: Int64?

    public init(
        snapshotID: Int64, kind: Kind = .branch, minSnapshotsToKeep: Int? = nil,
        maxSnapshotAgeMilliseconds: Int64? = nil, maxReferenceAgeMilliseconds: Int64? = nil
    ) {
        self.snapshotID = snapshotID
        self.kind = kind
        self.minSnapshotsToKeep = minSnapshotsToKeep
        self.maxSnapshotAgeMilliseconds = maxSnapshotAgeMilliseconds
        self.maxReferenceAgeMilliseconds = maxReferenceAgeMilliseconds
    }
}

/// When a snapshot became the current one.
public struct SnapshotLogEntry: Hashable, Sendable {
    public var timestampMilliseconds: Int64
    public var snapshotID: Int64

    public init(timestampMilliseconds: Int64, snapshotID: Int64) {
        self.timestampMilliseconds = timestampMilliseconds
        self.snapshotID = snapshotID
    }
}

/// A metadata file this table had before, and until when it was last updated.
public struct MetadataLogEntry: Hashable, Sendable {
    public var timestampMilliseconds: Int64
    public var metadataFile: String

    public init(timestampMilliseconds: Int64, metadataFile: String) {
        self.timestampMilliseconds = timestampMilliseconds
        self.metadataFile = metadataFile
    }
}
