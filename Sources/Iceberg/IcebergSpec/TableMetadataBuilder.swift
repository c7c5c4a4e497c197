import Clocks
import JSONFormat

/// A table being changed: the state after some of the updates of one commit.
struct TableMetadataBuilder {
    private let base: TableMetadata?
    /// When the commit is made; never before what the table has seen.
    private let now: Int64
    private(set) var state: TableMetadata
    private var lastAddedSchemaID: Int?
    private var lastAddedSpecID: Int?
    private var lastAddedOrderID: Int?
    private var addedSnapshots: Set<Int64> = []
    private var hasRemovedSnapshots = false
    /// Snapshots that were current within this commit only.
    private var becameCurrent: [Int64] = []

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

    private func require(
        _ holds: Bool, _ message: @autoclosure () -> String, _ code: IcebergError.Code = .invalid
    ) throws(IcebergError) {
        if !holds { throw IcebergError(code, message()) }
    }
}

// MARK: - Identity, properties, statistics

extension TableMetadataBuilder {
    private mutating func assign(_ uuid: UUID) throws(IcebergError) {
        try require(
            state.tableUUID == nil || state.tableUUID == uuid,
            "the table's UUID is \(state.tableUUID?.description ?? "") and cannot become \(uuid)")
        state.tableUUID = uuid
    }

    private mutating func upgrade(to version: Int) throws(IcebergError) {
        try require(
            TableMetadata.supportedFormatVersions.contains(version),
            "format version \(version) is not known, only 1, 2 and 3 are", .unsupported)
        try require(
            version >= state.formatVersion, "a table of version \(state.formatVersion) cannot go back to \(version)")
        if version >= 3, state.formatVersion < 3 { state.nextRowID = 0 }
        state.formatVersion = version
    }

    private mutating func set(location: String) throws(IcebergError) {
        let trimmed = TableMetadata.withoutTrailingSlash(location)
        try require(!trimmed.isEmpty, "the location must not be empty")
        state.location = trimmed
    }

    private mutating func set(_ properties: [String: String]) throws(IcebergError) {
        state.properties.merge(properties) { $1 }
        try require(
            state.properties.count <= Limits.propertiesMax, "more than \(Limits.propertiesMax) properties",
            .limitExceeded)
    }

    private mutating func applyStatistics(_ update: TableUpdate) {
        switch update {
        case .setStatistics(let file):
            state.statistics.removeAll { $0.snapshotID == file.snapshotID }
            state.statistics.append(file)
        case .removeStatistics(let id): state.statistics.removeAll { $0.snapshotID == id }
        case .setPartitionStatistics(let file):
            state.partitionStatistics.removeAll { $0.snapshotID == file.snapshotID }
            state.partitionStatistics.append(file)
        case .removePartitionStatistics(let id): state.partitionStatistics.removeAll { $0.snapshotID == id }
        default: break
        }
    }

    private mutating func add(_ key: EncryptedKey) throws(IcebergError) {
        try require(state.formatVersion >= 3, "encryption keys need format version 3")
        guard !state.encryptionKeys.contains(where: { $0.keyID == key.keyID }) else { return }
        try require(
            state.encryptionKeys.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) keys",
            .limitExceeded)
        state.encryptionKeys.append(key)
    }
}

// MARK: - Schemas, partition specs, sort orders

extension TableMetadataBuilder {
    /// An equal schema is used again; otherwise the catalog chooses the id.
    private mutating func add(_ schema: Schema) throws(IcebergError) {
        try schema.checkFormatVersion(state.formatVersion)
        state.lastColumnID = max(state.lastColumnID, schema.highestFieldID)
        if let same = state.schemas.first(where: { $0.hasSameColumns(as: schema) }) {
            lastAddedSchemaID = same.schemaID
            return
        }
        try require(
            state.schemas.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) schemas", .limitExceeded)
        let id = (state.schemas.map(\.schemaID).max() ?? -1) + 1
        state.schemas.append(schema.withID(id))
        lastAddedSchemaID = id
    }

    private mutating func setCurrentSchema(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedSchemaID, "schema")
        guard let schema = state.schema(id: id) else {
            throw IcebergError(.invalid, "the current schema cannot be \(id): there is no such schema")
        }
        // A replaced table starts over: without a current snapshot there is nothing that must stay readable.
        if state.currentSnapshotID != nil, let current = state.schema(id: state.currentSchemaID) {
            try Self.checkTypes(from: current, to: schema, formatVersion: state.formatVersion)
        }
        state.currentSchemaID = id
    }

    /// Whether a new required column is acceptable is for the client that knows the data; what would make files
    /// unreadable is not: an id with another type.
    private static func checkTypes(from old: Schema, to new: Schema, formatVersion: Int) throws(IcebergError) {
        for (id, field) in new.fieldsByID.sorted(by: { $0.key < $1.key }) where field.type.isPrimitive {
            guard let before = old.field(id: id) else { continue }
            let isPromotion =
                Schema.canPromote(before.type, to: field.type, formatVersion: formatVersion)
                || Schema.canPromote(field.type, to: before.type, formatVersion: formatVersion)
            guard isPromotion else {
                throw IcebergError(
                    .invalid,
                    "\"\(new.fullName(id: id) ?? field.name)\" (id \(id)) cannot change from \(before.type) to "
                        + "\(field.type)")
            }
        }
    }

    private mutating func removeSchemas(_ ids: [Int]) throws(IcebergError) {
        try require(!ids.contains(state.currentSchemaID), "the current schema cannot be removed")
        state.schemas.removeAll { ids.contains($0.schemaID) }
    }

    /// A compatible spec is used again. A field like one of an older spec keeps its id, any other new one gets the next.
    private mutating func add(_ unbound: UnboundPartitionSpec) throws(IcebergError) {
        guard let schema = state.schema(id: state.currentSchemaID) else {
            throw IcebergError(.invalid, "a partition spec cannot be added before a current schema is set")
        }
        let spec = try state.bind(unbound)
        try spec.check(against: schema)
        try spec.checkNames(against: schema)
        try require(
            state.formatVersion > 1 || spec.fields.enumerated().allSatisfy { $0.element.fieldID == 1000 + $0.offset },
            "partition field ids must be 1000, 1001, … in version 1")
        if let same = state.partitionSpecs.first(where: { $0.isCompatible(with: spec) }) {
            lastAddedSpecID = same.specID
            return
        }
        try require(
            state.partitionSpecs.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) partition specs",
            .limitExceeded)
        let id = (state.partitionSpecs.map(\.specID).max() ?? -1) + 1
        state.partitionSpecs.append(spec.withID(id))
        state.lastPartitionID = max(state.lastPartitionID, spec.lastAssignedFieldID)
        lastAddedSpecID = id
    }

    private mutating func setDefaultSpec(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedSpecID, "partition spec")
        try require(
            state.partitionSpec(id: id) != nil, "the default partition spec cannot be \(id): there is no such spec")
        state.defaultSpecID = id
    }

    private mutating func removePartitionSpecs(_ ids: [Int]) throws(IcebergError) {
        try require(!ids.contains(state.defaultSpecID), "the default partition spec cannot be removed")
        state.partitionSpecs.removeAll { ids.contains($0.specID) }
    }

    private mutating func add(_ order: SortOrder) throws(IcebergError) {
        guard let schema = state.schema(id: state.currentSchemaID) else {
            throw IcebergError(.invalid, "a sort order cannot be added before a current schema is set")
        }
        try order.check(against: schema)
        if let same = state.sortOrders.first(where: { $0.fields == order.fields }) {
            lastAddedOrderID = same.orderID
            return
        }
        try require(
            state.sortOrders.count < Limits.definitionsMax, "more than \(Limits.definitionsMax) sort orders",
            .limitExceeded)
        let id = order.isUnsorted ? 0 : max(1, (state.sortOrders.map(\.orderID).max() ?? 0) + 1)
        state.sortOrders.append(order.withID(id))
        lastAddedOrderID = id
    }

    private mutating func setDefaultSortOrder(_ id: Int) throws(IcebergError) {
        let id = try lastAdded(id, lastAddedOrderID, "sort order")
        try require(
            state.sortOrder(id: id) != nil, "the default sort order cannot be \(id): there is no such order")
        state.defaultSortOrderID = id
    }

    /// -1 stands for what was added last in this commit.
    private func lastAdded(_ id: Int, _ last: Int?, _ what: String) throws(IcebergError) -> Int {
        guard id == -1 else { return id }
        guard let last else { throw IcebergError(.invalid, "id -1 needs a \(what) added in the same commit") }
        return last
    }
}

// MARK: - Snapshots and references

extension TableMetadataBuilder {
    private mutating func add(_ snapshot: Snapshot) throws(IcebergError) {
        let id = snapshot.snapshotID
        try require(
            !state.schemas.isEmpty && !state.partitionSpecs.isEmpty && !state.sortOrders.isEmpty,
            "a snapshot cannot be added before a schema, a partition spec and a sort order are")
        try require(state.snapshot(id: id) == nil, "there is a snapshot \(id) already")
        try require(
            state.snapshots.count < Limits.snapshotsMax, "more than \(Limits.snapshotsMax) snapshots", .limitExceeded)
        try require(snapshot.parentSnapshotID != id, "snapshot \(id) cannot be its own parent")
        if state.formatVersion > 1 {
            try require(snapshot.manifestList != nil, "snapshot \(id) has no manifest list")
            try require(
                snapshot.sequenceNumber > state.lastSequenceNumber || snapshot.parentSnapshotID == nil,
                "snapshot \(id) has the sequence number \(snapshot.sequenceNumber), which is not above the last one, "
                    + "\(state.lastSequenceNumber)", .stale)
            state.lastSequenceNumber = max(state.lastSequenceNumber, snapshot.sequenceNumber)
        }
        try checkTime(of: snapshot)
        if state.formatVersion >= 3 { try addRows(of: snapshot) }
        var kept = snapshot
        if state.formatVersion == 1 { kept.sequenceNumber = 0 }
        state.snapshots.append(kept)
        addedSnapshots.insert(id)
    }

    /// Machines' clocks differ: a snapshot may be a little older than what the table has seen, not much.
    private func checkTime(of snapshot: Snapshot) throws(IcebergError) {
        let seen = max(
            state.snapshotLog.last?.timestampMilliseconds ?? .min, base?.lastUpdatedMilliseconds ?? .min)
        let (difference, overflow) = seen.subtractingReportingOverflow(snapshot.timestampMilliseconds)
        guard seen > .min else { return }
        try require(
            !overflow && difference <= Limits.clockSkewMilliseconds,
            "snapshot \(snapshot.snapshotID) is of \(snapshot.timestampMilliseconds) ms, more than a minute before "
                + "the last change of the table at \(seen) ms")
    }

    private mutating func addRows(of snapshot: Snapshot) throws(IcebergError) {
        let next = state.nextRowID ?? 0
        guard let first = snapshot.firstRowID, let added = snapshot.addedRows else {
            throw IcebergError(.invalid, "a snapshot of version 3 needs first-row-id and added-rows")
        }
        try require(added >= 0, "added-rows of snapshot \(snapshot.snapshotID) is below 0")
        try require(
            first >= next,
            "first-row-id of snapshot \(snapshot.snapshotID) is \(first), behind the table's next-row-id \(next)",
            .stale)
        let (sum, overflow) = first.addingReportingOverflow(added)
        try require(!overflow, "the row ids of snapshot \(snapshot.snapshotID) are beyond 64 bits")
        state.nextRowID = sum
    }

    private mutating func set(_ name: String, _ reference: SnapshotReference) throws(IcebergError) {
        guard state.references[name] != reference else { return }
        guard let snapshot = state.snapshot(id: reference.snapshotID) else {
            throw IcebergError(.invalid, "cannot set \(name) to the unknown snapshot \(reference.snapshotID)")
        }
        try require(!name.isEmpty && name.utf8.count <= Limits.nameBytesMax, "a reference needs a name")
        try require(
            state.references[name] != nil || state.references.count < Limits.definitionsMax,
            "more than \(Limits.definitionsMax) references", .limitExceeded)
        if name == SnapshotReference.main {
            try require(reference.kind == .branch, "main is a branch, it cannot become a tag")
            if state.currentSnapshotID != reference.snapshotID { makeCurrent(snapshot) }
        }
        state.references[name] = reference
    }

    /// The log tells when a snapshot became current: a new one with its own time, an old one now; never backwards.
    private mutating func makeCurrent(_ snapshot: Snapshot) {
        let time = addedSnapshots.contains(snapshot.snapshotID) ? snapshot.timestampMilliseconds : now
        let last = state.snapshotLog.last?.timestampMilliseconds ?? .min
        state.snapshotLog.append(
            SnapshotLogEntry(timestampMilliseconds: max(time, last), snapshotID: snapshot.snapshotID))
        state.currentSnapshotID = snapshot.snapshotID
        becameCurrent.append(snapshot.snapshotID)
    }

    private mutating func removeReference(_ name: String) {
        if name == SnapshotReference.main { state.currentSnapshotID = nil }
        state.references[name] = nil
    }

    /// Takes along what hangs on the snapshots: their statistics, and references that would dangle.
    private mutating func remove(snapshots ids: Set<Int64>) {
        let before = state.snapshots.count
        state.snapshots.removeAll { ids.contains($0.snapshotID) }
        guard state.snapshots.count != before else { return }
        hasRemovedSnapshots = true
        state.statistics.removeAll { ids.contains($0.snapshotID) }
        state.partitionStatistics.removeAll { ids.contains($0.snapshotID) }
        for (name, reference) in state.references where ids.contains(reference.snapshotID) { removeReference(name) }
    }
}

// MARK: - The end of the commit

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
        try result.validate()
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
