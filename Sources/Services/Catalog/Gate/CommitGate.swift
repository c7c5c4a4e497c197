import Clocks
import Concurrency
import IcebergCatalog
import IcebergSpec
import IcebergTable

/// What a commit may not do, whatever its requirements say: it would corrupt the table, or keep other engines from
/// reading it.
///
/// `admit` looks at the request alone, before anything is read. `check` looks at what the commit would make of the table.
/// Both refuse with what is wrong, where, and what is allowed; docs/catalog.md lists the rules.
struct CommitGate: Sendable {
    let warehouse: Warehouse
    let clock: any WallClock
    private let reader: GateReader

    init(warehouse: Warehouse, clock: any WallClock, loader: ManifestLoader) {
        self.warehouse = warehouse
        self.clock = clock
        reader = GateReader(loader: loader)
    }

    /// Checks that everything the updates point to lies inside the warehouse, and puts locations into the form this
    /// store uses. Reads nothing.
    ///
    /// - Throws: `.badRequest`.
    func admit(_ updates: [TableUpdate]) throws(CatalogError) -> [TableUpdate] {
        guard updates.count <= CatalogLimits.updatesPerCommitMax else {
            throw CatalogError(.badRequest, "a commit has at most \(CatalogLimits.updatesPerCommitMax) updates")
        }
        // Each is compared with all there are.
        let definitions = updates.count { update in
            switch update {
            case .addSchema, .addPartitionSpec, .addSortOrder: true
            default: false
            }
        }
        guard definitions <= CatalogLimits.definitionsPerCommitMax else {
            throw CatalogError(
                .badRequest,
                "a commit adds at most \(CatalogLimits.definitionsPerCommitMax) schemas, partition specs and sort orders, not \(definitions)"
            )
        }
        var admitted: [TableUpdate] = []
        for update in updates {
            switch update {
            case .setLocation(let location): admitted.append(.setLocation(try warehouse.resolve(location).uri))
            case .setProperties(let properties): admitted.append(.setProperties(try admit(properties)))
            case .addSnapshot(let snapshot): admitted.append(.addSnapshot(try admit(snapshot)))
            case .addSchema(let schema):
                try SchemaCheck.check(schema)
                admitted.append(update)
            case .setStatistics(let file):
                _ = try warehouse.resolve(file.path)
                admitted.append(update)
            case .setPartitionStatistics(let file):
                _ = try warehouse.resolve(file.path)
                admitted.append(update)
            default: admitted.append(update)
            }
        }
        return admitted
    }

    /// The properties of a table to be: paths in the form this store uses, and none that would break engines.
    func admit(_ properties: [String: String]) throws(CatalogError) -> [String: String] {
        var admitted = properties
        for name in TableFolders.properties {
            if let path = properties[name] { admitted[name] = try warehouse.resolve(path).uri }
        }
        try PropertyCheck.check(properties)
        return admitted
    }

    /// A path without a scheme is left to `check`: some tables have it put right.
    private func admit(_ snapshot: Snapshot) throws(CatalogError) -> Snapshot {
        guard let list = snapshot.manifestList else {
            throw CatalogError(.badRequest, "snapshot \(snapshot.snapshotID) has no manifest list")
        }
        if ManifestRepair.isAbsolute(list) { _ = try warehouse.resolve(list) }
        var admitted = snapshot
        // ClickHouse's way to say that there is none.
        if snapshot.parentSnapshotID == -1 { admitted.parentSnapshotID = nil }
        // The catalog's own words.
        for key in GateReader.ownListKeys + [ManifestRepair.doneKey] { admitted.summary[key] = nil }
        return admitted
    }

    /// Reads what commits that will be checked one after the other add, all at once.
    func prefetch(_ changes: [[TableUpdate]], for base: TableMetadata) async {
        let level = GateLevel(of: base.properties)
        guard changes.count > 1, level != .off else { return }
        var snapshots: [Snapshot] = []
        for updates in changes { for case .addSnapshot(let snapshot) in updates { snapshots.append(snapshot) } }
        _ = await mapConcurrently(snapshots, limit: CatalogLimits.commitPutsMax) { snapshot in
            await reader.prefetch(snapshot, for: base, manifestsToo: level == .full)
        }
    }

    /// Checks what a commit would make of a table, once its requirements hold.
    ///
    /// - Parameters:
    ///   - updates: as `admit` gave them.
    ///   - base: the table they are applied to; nil for one that they make.
    ///   - result: the table after them.
    /// - Returns: the updates to apply instead, where the table has commits repaired; nil to take them as they are.
    /// - Throws: `.badRequest` for what is wrong by itself, `.commitFailed` for what another base could make right.
    func check(
        _ updates: [TableUpdate], on base: TableMetadata?, giving result: TableMetadata
    ) async throws(CatalogError) -> [TableUpdate]? {
        try requireOwnFolders(of: result, since: base)
        let folders = TableFolders(of: [base, result].compactMap(\.self), in: warehouse)
        let snapshots = SnapshotCheck(base: base, result: result, updates: updates, folders: folders)
        let properties = (base ?? result).properties
        let files = SnapshotFiles(
            reader: reader, warehouse: warehouse, folders: folders, level: GateLevel(of: properties),
            repairs: properties[GateLevel.repairProperty]?.lowercased() == "true", base: base, result: result,
            updates: updates)
        var repaired = updates
        for (index, update) in updates.enumerated() {
            switch update {
            case .addSnapshot(let snapshot):
                try snapshots.check(snapshot, at: clock.now())
                if let better = try await files.check(snapshot) { repaired[index] = .addSnapshot(better) }
            case .setStatistics(let file):
                try snapshots.checkStatistics(of: file.snapshotID, at: file.path)
            case .setPartitionStatistics(let file):
                try snapshots.checkStatistics(of: file.snapshotID, at: file.path)
            default: continue
            }
        }
        return repaired == updates ? nil : repaired
    }
}
