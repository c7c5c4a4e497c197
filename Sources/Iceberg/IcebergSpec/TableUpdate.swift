import Clocks

/// One change of a table, as the REST catalog protocol names it (`TableUpdate`).
public enum TableUpdate: Hashable, Sendable {
    case assignUUID(UUID)
    case upgradeFormatVersion(Int)
    case addSchema(Schema)
    /// -1: the one added last in the same commit.
    case setCurrentSchema(id: Int)
    case addPartitionSpec(UnboundPartitionSpec)
    /// -1: the one added last in the same commit.
    case setDefaultSpec(id: Int)
    case addSortOrder(SortOrder)
    /// -1: the one added last in the same commit.
    case setDefaultSortOrder(id: Int)
    case addSnapshot(Snapshot)
    case setSnapshotReference(name: String, SnapshotReference)
    case removeSnapshots([Int64])
    case removeSnapshotReference(name: String)
    case setLocation(String)
    case setProperties([String: String])
    case removeProperties([String])
    case setStatistics(StatisticsFile)
    case removeStatistics(snapshotID: Int64)
    case setPartitionStatistics(PartitionStatisticsFile)
    case removePartitionStatistics(snapshotID: Int64)
    case removePartitionSpecs([Int])
    case removeSchemas([Int])
    case enableRowLineage
    case addEncryptionKey(EncryptedKey)
    case removeEncryptionKey(id: String)
}
