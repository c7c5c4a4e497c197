import IcebergCatalog
import IcebergSpec

/// What a commit may not do, whatever its requirements say.
struct CommitGate: Sendable {
    let warehouse: Warehouse
    /// Properties by which engines choose where to write.
    static let pathProperties = ["write.data.path", "write.metadata.path", "write.object-storage.path"]

    /// Checks that everything the updates point to lies inside the warehouse, and puts locations into the form this
    /// store uses.
    func check(_ updates: [TableUpdate]) throws(CatalogError) -> [TableUpdate] {
        guard updates.count <= CatalogLimits.updatesPerCommitMax else {
            throw CatalogError(.badRequest, "a commit has at most \(CatalogLimits.updatesPerCommitMax) updates")
        }
        var checked: [TableUpdate] = []
        for update in updates {
            switch update {
            case .setLocation(let location): checked.append(.setLocation(try warehouse.resolve(location).uri))
            case .addSnapshot(let snapshot):
                try check(snapshot)
                checked.append(update)
            case .setProperties(let properties):
                checked.append(.setProperties(try check(properties)))
            case .setStatistics(let file):
                _ = try warehouse.resolve(file.path)
                checked.append(update)
            case .setPartitionStatistics(let file):
                _ = try warehouse.resolve(file.path)
                checked.append(update)
            default: checked.append(update)
            }
        }
        return checked
    }

    /// Path properties in the form this store uses.
    func check(_ properties: [String: String]) throws(CatalogError) -> [String: String] {
        var checked = properties
        for name in Self.pathProperties {
            if let path = properties[name] { checked[name] = try warehouse.resolve(path).uri }
        }
        return checked
    }

    private func check(_ snapshot: Snapshot) throws(CatalogError) {
        guard let list = snapshot.manifestList else {
            throw CatalogError(.badRequest, "snapshot \(snapshot.snapshotID) has no manifest list")
        }
        _ = try warehouse.resolve(list)
    }
}
