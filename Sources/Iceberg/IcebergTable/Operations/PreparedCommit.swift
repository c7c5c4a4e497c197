import IcebergSpec
import ObjectStore

/// A change of a table, worked out against one state of it and not yet made.
///
/// First put every object: they have names no other attempt uses, and nothing refers to them yet. Then commit `updates`
/// under `requirements` in the catalog: that alone makes the change. When the commit is certainly refused the objects
/// can be deleted; after an unknown outcome they must not be.
public struct PreparedCommit: Sendable {
    public struct Object: Sendable {
        public let location: ObjectLocation
        public let bytes: [UInt8]
    }

    /// Manifests and the manifest list.
    public let objects: [Object]
    public let updates: [TableUpdate]
    /// That the table is the same one, and its main branch still where the change was worked out.
    public let requirements: [TableRequirement]
    public let snapshot: Snapshot

    public var snapshotID: Int64 { snapshot.snapshotID }
}

/// The kind of change, as a snapshot's summary states it.
public enum SnapshotOperation: String, Hashable, Sendable {
    /// Only files added.
    case append
    /// Files exchanged for others with the same rows.
    case replace
    /// Rows added and removed.
    case overwrite
    /// Only files removed.
    case delete
}
