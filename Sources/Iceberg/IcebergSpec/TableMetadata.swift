import Clocks
import JSONFormat

/// Everything a table is, as one metadata file says it (specification: "Table Metadata"). Immutable from outside: a
/// new state is made by `applying(_:at:)`.
public struct TableMetadata: Hashable, Sendable {
    public static let supportedFormatVersions = 1...3

    public internal(set) var formatVersion: Int
    /// Nil only for old version 1 tables.
    public internal(set) var tableUUID: UUID?
    public internal(set) var location: String
    /// 0 in version 1.
    public internal(set) var lastSequenceNumber: Int64
    public internal(set) var lastUpdatedMilliseconds: Int64
    public internal(set) var lastColumnID: Int
    public internal(set) var schemas: [Schema]
    public internal(set) var currentSchemaID: Int
    public internal(set) var partitionSpecs: [PartitionSpec]
    public internal(set) var defaultSpecID: Int
    public internal(set) var lastPartitionID: Int
    public internal(set) var sortOrders: [SortOrder]
    public internal(set) var defaultSortOrderID: Int
    public internal(set) var properties: [String: String]
    public internal(set) var currentSnapshotID: Int64?
    public internal(set) var snapshots: [Snapshot]
    public internal(set) var snapshotLog: [SnapshotLogEntry]
    public internal(set) var metadataLog: [MetadataLogEntry]
    public internal(set) var references: [String: SnapshotReference]
    public internal(set) var statistics: [StatisticsFile]
    public internal(set) var partitionStatistics: [PartitionStatisticsFile]
    /// Version 3.
    public internal(set) var nextRowID: Int64?
    /// Version 3.
    public internal(set) var encryptionKeys: [EncryptedKey]
    /// Members this library does not know, carried along.
    public internal(set) var additionalMembers: JSONObject

    public var currentSchema: Schema {
        guard let schema = schema(id: currentSchemaID) else {
            preconditionFailure("every way to make metadata checks that the current schema exists")
        }
        return schema
    }

    public var defaultSpec: PartitionSpec { partitionSpec(id: defaultSpecID) ?? .unpartitioned }
    public var defaultSortOrder: SortOrder { sortOrder(id: defaultSortOrderID) ?? .unsorted }
    public var currentSnapshot: Snapshot? { currentSnapshotID.flatMap { snapshot(id: $0) } }

    public func schema(id: Int) -> Schema? { schemas.first { $0.schemaID == id } }
    public func partitionSpec(id: Int) -> PartitionSpec? { partitionSpecs.first { $0.specID == id } }
    public func sortOrder(id: Int) -> SortOrder? { sortOrders.first { $0.orderID == id } }
    /// Searches from the newest.
    public func snapshot(id: Int64) -> Snapshot? { snapshots.last { $0.snapshotID == id } }

    /// The snapshot a branch or tag points to.
    public func snapshot(reference name: String) -> Snapshot? {
        references[name].flatMap { snapshot(id: $0.snapshotID) }
    }

    /// The columns as they were at `snapshot`: those of its schema, or the current ones where it names none.
    public func schema(of snapshot: Snapshot) -> Schema {
        snapshot.schemaID.flatMap { schema(id: $0) } ?? currentSchema
    }

    /// The snapshot that was current at a time, by the snapshot log; before that begins, the newest until then that thinning
    /// has kept. nil before the first.
    public func snapshot(asOf time: Timestamp) -> Snapshot? {
        if let entry = snapshotLog.last(where: { $0.timestampMilliseconds <= time.milliseconds }) {
            return snapshot(id: entry.snapshotID)
        }
        return thinnedSnapshots.last { $0.timestampMilliseconds <= time.milliseconds }
    }
}
