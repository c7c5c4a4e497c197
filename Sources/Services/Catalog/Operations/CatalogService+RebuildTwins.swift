import IcebergCatalog
import IcebergSpec

/// Folders whose metadata has one UUID: a table that was moved leaves its old files behind; or there are two tables.
extension CatalogService {
    /// Who is registered already: by UUID, and all names.
    func registeredOwners() async throws(CatalogError) -> (
        known: [String: (identifier: TableIdentifier, location: String)], taken: Set<TableIdentifier>
    ) {
        var known: [String: (identifier: TableIdentifier, location: String)] = [:]
        var taken: Set<TableIdentifier> = []
        for table in try await registeredTables() {
            var owner = table.head?.state.owner
            if table.head == nil {
                // It is there and wants recovering, not registering anew under another name.
                let recorded = try await registers.history(table.chain, limit: CatalogLimits.recoveryEntriesMax)
                owner = recorded.lazy.compactMap(\.state).first?.owner
                taken.insert(table.identifier)
            }
            guard let owner else { continue }
            if !owner.uuid.isEmpty { known[owner.uuid] = (table.identifier, owner.location) }
            taken.insert(table.identifier)
        }
        return (known, taken)
    }

    /// Leaves at most one folder of each UUID to be registered: none where the table is registered already, else the one whose
    /// history has the others. Where none has, nobody but a person can tell which is the table: none is registered, and each
    /// names the others.
    func settleTwins(
        _ decisions: inout [RebuildDecision], _ known: [String: (identifier: TableIdentifier, location: String)]
    ) async throws(CatalogError) {
        var byUUID: [String: [Int]] = [:]
        for index in decisions.indices where decisions[index].outcome == .registered {
            guard let uuid = decisions[index].uuid else { continue }
            if let other = known[uuid] {
                decisions[index].settle(besides: other)
            } else {
                byUUID[uuid, default: []].append(index)
            }
        }
        for twins in byUUID.values where twins.count > 1 {
            var histories: [History] = []
            for index in twins { histories.append(try await history(decisions[index])) }
            let latest = twins.indices.filter { one in
                twins.indices.allSatisfy { $0 == one || histories[one].follows(histories[$0]) }
            }
            for (place, index) in twins.enumerated() where latest != [place] {
                let others = twins.filter { $0 != index }.map { decisions[$0].folder }.joined(separator: ", ")
                decisions[index].outcome = latest.count == 1 ? .copy : .refused
                decisions[index].notes.append(
                    latest.count == 1
                        ? "the table was moved: its later metadata lies in \(decisions[twins[latest[0]]].folder)"
                        : "\(others) has the same UUID and another history: these are two tables; register the one that "
                            + "is to keep it by its metadata file")
            }
        }
    }

    /// What tells whether one state of a table came from another.
    private struct History {
        let location: String
        let log: Set<String>
        let current: Int64?
        let snapshots: Set<Int64>
        /// When a view last changed.
        var viewTime: Int64?

        func follows(_ other: History) -> Bool {
            if let viewTime, let other = other.viewTime { return viewTime > other }
            if log.contains(other.location) { return true }
            guard !other.log.contains(location), let current = other.current, current != self.current else {
                return false
            }
            return snapshots.contains(current)
        }
    }

    private func history(_ decision: RebuildDecision) async throws(CatalogError) -> History {
        let location = decision.metadataLocation ?? ""
        guard decision.kind == .table else {
            let view = try await StoredView.read(location, from: warehouse.store).metadata
            return History(
                location: location, log: [], current: nil, snapshots: [],
                viewTime: view.versionLog.map(\.timestampMilliseconds).max() ?? 0)
        }
        let metadata = try await files.read(location).metadata
        return History(
            location: location, log: Set(metadata.metadataLog.map(\.metadataFile)),
            current: metadata.currentSnapshotID, snapshots: Set(metadata.snapshots.map(\.snapshotID)))
    }
}

extension CatalogService.RebuildDecision {
    /// A table with this UUID is registered.
    fileprivate mutating func settle(besides other: (identifier: TableIdentifier, location: String)) {
        outcome = .known
        identifier = other.identifier
        guard home != other.location else { return }
        outcome = .copy
        notes.append(
            "\(other.identifier), which is registered, has its UUID and lies at \(other.location): it lay here before, or this is "
                + "another table, which wants a UUID of its own to be registered")
    }
}
