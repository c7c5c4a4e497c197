import JSONFormat

/// A state of the table (specification: "Snapshots").
///
/// One of a large metadata file keeps the text it was read from, checked (`SnapshotText`), instead of what that says: a
/// table has tens of thousands of them, and most are only carried along.
public struct Snapshot: Hashable, Sendable {
    /// What is looked at for every snapshot of a table.
    struct Head: Hashable, Sendable {
        var snapshotID: Int64
        var parentSnapshotID: Int64?
        var sequenceNumber: Int64
        var timestampMilliseconds: Int64
        var schemaID: Int?
    }

    struct Details: Hashable, Sendable {
        var manifestList: String?
        var manifests: [String]?
        var summary: [String: String]
        var firstRowID: Int64?
        var addedRows: Int64?
        var keyID: String?
        var additionalMembers: JSONObject
    }

    private enum Source: Sendable {
        indirect case made(Details)
        case read(SnapshotText)
    }

    private var head: Head
    private var source: Source

    public init(
        snapshotID: Int64, parentSnapshotID: Int64? = nil, sequenceNumber: Int64, timestampMilliseconds: Int64,
        manifestList: String?, manifests: [String]? = nil, summary: [String: String], schemaID: Int? = nil,
        firstRowID: Int64? = nil, addedRows: Int64? = nil, keyID: String? = nil,
        additionalMembers: JSONObject = JSONObject()
    ) {
        head = Head(
            snapshotID: snapshotID, parentSnapshotID: parentSnapshotID, sequenceNumber: sequenceNumber,
            timestampMilliseconds: timestampMilliseconds, schemaID: schemaID)
        source = .made(
            Details(
                manifestList: manifestList, manifests: manifests, summary: summary, firstRowID: firstRowID,
                addedRows: addedRows, keyID: keyID, additionalMembers: additionalMembers))
    }

    init(_ head: Head, text: SnapshotText) {
        self.head = head
        source = .read(text)
    }

    /// The same, read from another place.
    func reading(_ text: SnapshotText) -> Snapshot { Snapshot(head, text: text) }

    public var snapshotID: Int64 {
        get { head.snapshotID }
        set { changeHead { $0.snapshotID = newValue } }
    }
    public var parentSnapshotID: Int64? {
        get { head.parentSnapshotID }
        set { changeHead { $0.parentSnapshotID = newValue } }
    }
    /// 0 in version 1.
    public var sequenceNumber: Int64 {
        get { head.sequenceNumber }
        set { changeHead { $0.sequenceNumber = newValue } }
    }
    public var timestampMilliseconds: Int64 {
        get { head.timestampMilliseconds }
        set { changeHead { $0.timestampMilliseconds = newValue } }
    }
    public var schemaID: Int? {
        get { head.schemaID }
        set { changeHead { $0.schemaID = newValue } }
    }
    /// Location of the manifest list; nil only for old version 1 tables, which list `manifests`.
    public var manifestList: String? {
        get { details.manifestList }
        set { details.manifestList = newValue }
    }
    /// Locations of manifests, in old version 1 tables without manifest lists.
    public var manifests: [String]? {
        get { details.manifests }
        set { details.manifests = newValue }
    }
    /// Always with `operation`; empty only for old version 1 snapshots.
    public var summary: [String: String] {
        get { details.summary }
        set { details.summary = newValue }
    }
    /// Version 3: the first row id given to the rows of this snapshot.
    public var firstRowID: Int64? {
        get { details.firstRowID }
        set { details.firstRowID = newValue }
    }
    /// Version 3: an upper bound of rows with assigned row ids.
    public var addedRows: Int64? {
        get { details.addedRows }
        set { details.addedRows = newValue }
    }
    /// Version 3: the key that encrypts the manifest list key metadata.
    public var keyID: String? {
        get { details.keyID }
        set { details.keyID = newValue }
    }
    /// Members this library does not know, carried along.
    public var additionalMembers: JSONObject {
        get { details.additionalMembers }
        set { details.additionalMembers = newValue }
    }

    /// `append`, `replace`, `overwrite` or `delete`.
    public var operation: String? { text?.operation?.rawValue ?? summary["operation"] }

    /// The text it was read from, where it is still what that says.
    var text: SnapshotText? { if case .read(let text) = source { text } else { nil } }

    var details: Details {
        get {
            switch source {
            case .made(let details): details
            case .read(let text): text.details
            }
        }
        set { source = .made(newValue) }
    }

    /// What it was read from says something else then.
    private mutating func changeHead(_ change: (inout Head) -> Void) {
        if case .read(let text) = source { source = .made(text.details) }
        change(&head)
    }

    public static func == (left: Snapshot, right: Snapshot) -> Bool {
        guard left.head == right.head else { return false }
        if let one = left.text, let other = right.text, one.isSame(as: other) { return true }
        return left.details == right.details
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(head) }
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
