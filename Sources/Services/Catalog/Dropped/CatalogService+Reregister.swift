import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore

extension CatalogService {
    /// Sees to it that a table is in the catalog: as it is when it is there; else as the last entry of its register that
    /// ended it, by a drop or an unregistration, left it; else, when its register knows of none, with the newest metadata
    /// file at its default place.
    ///
    /// What is found holds for the register as it was read: the version after that one makes the table be there, and
    /// whoever loses it looks again.
    ///
    /// - Throws: `.noSuchTable` when there is nothing to bring back, or it was renamed; `.alreadyExists` when the table is
    ///   known under another name.
    package func reregisterTable(_ identifier: TableIdentifier, _ request: Request) async throws(CatalogError) -> Table
    {
        let chain = try RegisterChain.table(identifier)
        return try await tableLocks.withLock(chain) { () async throws(CatalogError) -> Table in
            for _ in 0..<CatalogLimits.commitAttemptsMax {
                let head = try await self.registers.settledHead(chain)
                if let done = try await self.repeated(identifier, head, request) { return done }
                if head.state.table != nil { return try await self.loadTable(identifier) }
                try self.requireFree(head, identifier, for: .table)
                _ = try await self.namespaceProperties(identifier.namespace)
                if let made = try await self.bringBack(identifier, head, request) { return made }
            }
            throw Self.lost("the table \(identifier)")
        }
    }

    /// - Returns: nil when another writer was first; nothing took place.
    private func bringBack(
        _ identifier: TableIdentifier, _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> Table? {
        guard let (state, operation) = try await lastEnd(before: head) else {
            // Of what was trimmed a drop's record may know.
            let drops = try await dropped.records(in: identifier.namespace).filter(\.table.isOpen)
            if let record = drops.last(where: { $0.table.identifier == identifier }) {
                try await requireNowhereElse(record.table.state.tableUUID, identifier)
                return try await undrop(record, as: identifier, on: head, request)
            }
            let file = try await newestFile(of: identifier)
            try await requireNowhereElse(file.metadata.tableUUID?.description ?? "", identifier)
            return try await take(file.location, as: identifier, on: head, request)
        }
        if operation == "rename" { throw try await renamed(identifier, state) }
        let isDrop = Self.dropOperations.contains(operation)
        guard isDrop || operation == "unregister" else { throw Self.noSuchTable(identifier) }
        try await requireNowhereElse(state.tableUUID, identifier)
        if isDrop, let record = try await restorable(identifier, state.tableUUID).last, record.table.state == state {
            return try await undrop(record, as: identifier, on: head, request)
        }
        return try await take(state.metadataLocation, as: identifier, on: head, request)
    }

    /// The last table that a register named before `head`, which names none, and what ended it. Cost: a read for each
    /// version since.
    func lastEnd(
        before head: RegisterHead
    ) async throws(CatalogError) -> (state: TableState, operation: String)? {
        var end = head
        for _ in 0..<CatalogLimits.recoveryEntriesMax {
            // Old versions may have been taken away.
            guard end.version > 1, let entry = try await registers.entry(head.chain, end.version - 1) else { break }
            var decision: RegisterDecision?
            if let transaction = entry.transaction { decision = try await registers.decision(of: transaction.id) }
            let before = RegisterHead(
                chain: head.chain, version: end.version - 1, entry: entry, decision: decision,
                confirmedAt: head.confirmedAt)
            if let state = before.state.table { return (state, end.entry?.operation ?? "") }
            end = before
        }
        return nil
    }

    private func newestFile(of identifier: TableIdentifier) async throws(CatalogError) -> StoredMetadata {
        let place = try warehouse.defaultPlace(of: identifier)
        let candidates = MetadataCandidates(warehouse: warehouse, wanted: .metadata, uuid: nil)
        let listed = try await candidates.listed(in: try warehouse.resolve("\(place)/metadata").place)
        for (location, _) in listed.prefix(CatalogLimits.recoveryEntriesMax) {
            if case .whole(let file) = try await candidates.judge(location) { return file }
        }
        throw CatalogError(
            .noSuchTable,
            "Table does not exist: \(identifier); no metadata file of it is known, nor lies in \(place)")
    }

    // MARK: - Under other names

    private func renamed(_ identifier: TableIdentifier, _ state: TableState) async throws(CatalogError) -> CatalogError
    {
        var now = try await otherName(of: state.tableUUID, than: identifier)
        if now == nil, let claim = try await claims.claim(on: try warehouse.resolve(state.location).place),
            claim.table != identifier
        {
            now = "it was \(claim.table) last"
        }
        return CatalogError(
            .noSuchTable,
            "Table does not exist: \(identifier); it was renamed\(now.map { ", and \($0)" } ?? "")")
    }

    private func requireNowhereElse(_ uuid: String, _ identifier: TableIdentifier) async throws(CatalogError) {
        guard let now = try await otherName(of: uuid, than: identifier) else { return }
        throw CatalogError(.alreadyExists, "Cannot bring back \(identifier): \(now)")
    }

    /// What is to be said of a table that is, or can be brought back, under another name, or is being purged. Cost: a read
    /// or two for each table of the catalog.
    private func otherName(of uuid: String, than identifier: TableIdentifier) async throws(CatalogError) -> String? {
        if let other = try await liveTable(uuid, besides: identifier, toleratesDamage: false) {
            return "it is \(other) now"
        }
        for record in try await dropped.records()
        where record.table.state.tableUUID == uuid && record.table.stage != .restored {
            if record.table.stage == .purging { return "its files are being deleted" }
            if record.table.identifier != identifier {
                return "it was dropped as \(record.table.identifier), as which it can be brought back"
            }
        }
        return nil
    }
}
