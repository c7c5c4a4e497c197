import Clocks
import JSONFormat

/// A table being changed: the state after some of the updates of one commit.
struct TableMetadataBuilder {
    let base: TableMetadata?
    /// When the commit is made; never before what the table has seen.
    let now: Int64
    var state: TableMetadata
    var lastAddedSchemaID: Int?
    var lastAddedSpecID: Int?
    var lastAddedOrderID: Int?
    var addedSnapshots: Set<Int64> = []
    var hasRemovedSnapshots = false
    /// Snapshots that were current within this commit only.
    var becameCurrent: [Int64] = []

    init(_ base: TableMetadata, at time: Timestamp) {
        self.base = base
        now = max(time.milliseconds, base.lastUpdatedMilliseconds)
        state = base
    }

    /// A table that does not exist yet: everything comes from updates.
    init(formatVersion: Int, at time: Timestamp) {
        base = nil
        now = time.milliseconds
        state = TableMetadata(
            formatVersion: formatVersion, tableUUID: nil, location: "", lastSequenceNumber: 0,
            lastUpdatedMilliseconds: 0, lastColumnID: 0, schemas: [], currentSchemaID: -1, partitionSpecs: [],
            defaultSpecID: -1, lastPartitionID: PartitionSpec.unpartitionedLastAssignedID, sortOrders: [],
            defaultSortOrderID: -1, properties: [:], currentSnapshotID: nil, snapshots: [], snapshotLog: [],
            metadataLog: [], references: [:], statistics: [], partitionStatistics: [],
            nextRowID: formatVersion >= 3 ? 0 : nil, encryptionKeys: [], additionalMembers: JSONObject())
    }

    mutating func apply(_ update: TableUpdate) throws(IcebergError) {
        switch update {
        case .assignUUID(let uuid): try assign(uuid)
        case .upgradeFormatVersion(let version): try upgrade(to: version)
        case .addSchema(let schema): try add(schema)
        case .setCurrentSchema(let id): try setCurrentSchema(id)
        case .removeSchemas(let ids): try removeSchemas(ids)
        case .addPartitionSpec(let spec): try add(spec)
        case .setDefaultSpec(let id): try setDefaultSpec(id)
        case .removePartitionSpecs(let ids): try removePartitionSpecs(ids)
        case .addSortOrder(let order): try add(order)
        case .setDefaultSortOrder(let id): try setDefaultSortOrder(id)
        case .addSnapshot(let snapshot): try add(snapshot)
        case .setSnapshotReference(let name, let reference): try set(name, reference)
        case .removeSnapshots(let ids): remove(snapshots: Set(ids))
        case .removeSnapshotReference(let name): removeReference(name)
        case .setLocation(let location): try set(location: location)
        case .setProperties(let properties): try set(properties)
        case .removeProperties(let keys): for key in keys { state.properties[key] = nil }
        case .setStatistics, .removeStatistics, .setPartitionStatistics, .removePartitionStatistics:
            applyStatistics(update)
        case .enableRowLineage:
            try require(state.formatVersion >= 3, "row lineage needs format version 3")
        case .addEncryptionKey(let key): try add(key)
        case .removeEncryptionKey(let id): state.encryptionKeys.removeAll { $0.keyID == id }
        }
    }

    func require(
        _ holds: Bool, _ message: @autoclosure () -> String, _ code: IcebergError.Code = .invalid
    ) throws(IcebergError) {
        if !holds { throw IcebergError(code, message()) }
    }
}

extension TableMetadataBuilder {
    /// - Parameter previousFile: where the state before this commit lies; it enters the metadata log.
    /// - Returns: the base itself when nothing has changed.
    func build(previousFile: String? = nil) throws(IcebergError) -> TableMetadata {
        if let base, state == base { return base }
        var result = state
        result.snapshotLog = cleanedLog()
        let newest = result.snapshots.lazy.filter { addedSnapshots.contains($0.snapshotID) }
            .map(\.timestampMilliseconds).max()
        result.lastUpdatedMilliseconds = max(now, newest ?? now, result.snapshotLog.last?.timestampMilliseconds ?? now)
        if let base, let previousFile {
            result = result.addingMetadataLogEntry(
                previousLocation: previousFile, previousLastUpdatedMilliseconds: base.lastUpdatedMilliseconds)
        }
        try check(result)
        return result
    }

    private func check(_ result: TableMetadata) throws(IcebergError) {
        try require(result.tableUUID != nil || result.formatVersion == 1, "the table has no UUID")
        try result.validate(since: base)
        if result.currentSchemaID != base?.currentSchemaID || result.defaultSpecID != base?.defaultSpecID
            || result.defaultSortOrderID != base?.defaultSortOrderID
        {
            try result.defaultSpec.check(against: result.currentSchema)
            try result.defaultSortOrder.check(against: result.currentSchema)
        }
        if result.formatVersion != base?.formatVersion {
            try result.currentSchema.checkFormatVersion(result.formatVersion)
        }
    }

    /// Without snapshots that were current only within this commit. What stands before a removed snapshot goes too:
    /// a log with a gap would answer "which was current at that time" wrongly.
    private func cleanedLog() -> [SnapshotLogEntry] {
        let intermediate = Set(becameCurrent).intersection(addedSnapshots)
            .subtracting(state.currentSnapshotID.map { [$0] } ?? [])
        guard hasRemovedSnapshots || !intermediate.isEmpty else { return state.snapshotLog }
        let existing = Set(state.snapshots.map(\.snapshotID))
        var log: [SnapshotLogEntry] = []
        for entry in state.snapshotLog {
            if !existing.contains(entry.snapshotID) {
                log.removeAll()
            } else if !intermediate.contains(entry.snapshotID) {
                log.append(entry)
            }
        }
        return log
    }
}
