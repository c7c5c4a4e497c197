import Clocks
import IcebergCatalog
import IcebergSpec

extension CatalogService {
    /// What entries that a drop made are called, without and with a purge.
    static let dropOperations = ["drop", "purge"]

    /// Drops a table: its register says "absent" from its next version on, which is durable then. It can be brought back
    /// until the retention is over; only then are its files deleted, and only if `purge` says so.
    ///
    /// - Throws: `.noSuchTable`; `.badRequest` for a purge of a table with `gc.enabled=false`, whose files belong to
    ///   others as well.
    package func dropTable(
        _ identifier: TableIdentifier, purge: Bool = false, _ request: Request
    ) async throws(CatalogError) {
        let ended = try await end(
            try RegisterChain.table(identifier), "the table \(identifier)", operation: purge ? "purge" : "drop", request
        ) { (head) async throws(CatalogError) in
            guard let state = head.state.table else { throw Self.noSuchTable(identifier) }
            if purge { try await self.requireOwnFiles(of: state, identifier) }
        }
        guard let ended, let state = ended.last.state.table else { return }
        let now = clock.now()
        await note(
            DroppedTable(
                identifier: identifier, state: state, droppedAt: now, isPurge: purge, stageSince: now), ended.made)
        await recordName(of: identifier, ended.last.state, isEnded: true)
    }

    /// Takes a table out of the catalog and leaves all its files: another catalog may register it. Commits that come after
    /// find no table.
    ///
    /// - Returns: the table as it was last.
    package func unregisterTable(
        _ identifier: TableIdentifier, _ request: Request
    ) async throws(CatalogError) -> StoredMetadata {
        let chain = try RegisterChain.table(identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeatedUnregistration(head, request) { return done }
            // Read before: once it is out, nobody would know where its metadata lies.
            let table = try await table(identifier, at: head)
            let outcome = try await registers.advance(
                head, to: .absent, operation: "unregister", idempotencyKey: request.idempotencyKey)
            guard case .advanced = outcome else { continue }
            await recordName(of: identifier, head.state, isEnded: true)
            return table.file
        }
        throw Self.lost("the table \(identifier)")
    }

    private func repeatedUnregistration(
        _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> StoredMetadata? {
        guard let key = request.idempotencyKey, let done = try await registers.change(madeBy: key, upTo: head),
            done.entry.operation == "unregister",
            let before = try await registers.entry(head.chain, done.version - 1)?.state.table
        else { return nil }
        return try await files.read(before.metadataLocation)
    }

    /// The tables of a namespace that can be brought back, by name and then by time, with the end of that.
    func droppedTables(in namespace: NamespaceName) async throws(CatalogError) -> [(
        table: DroppedTable, end: Timestamp
    )] {
        _ = try await namespaceProperties(namespace)
        let now = clock.now()
        return try await dropped.records(in: namespace).map(\.table).filter {
            $0.isOpen && now < $0.end(retention: dropRetentionMilliseconds)
        }.map { ($0, $0.end(retention: dropRetentionMilliseconds)) }
    }

    /// Brings a dropped table back, with everything it had: the newest drop of that name, or the one with this UUID.
    ///
    /// Order of effects: the record says which version of the register is to name the table, so that no purge begins; that
    /// version makes it be there again; the record says `restored`. A crash in between leaves a table that is there or can
    /// be brought back.
    ///
    /// - Parameter name: another name in the same namespace, where the old one is taken.
    /// - Throws: `.noSuchTable` when there is nothing to bring back, `.alreadyExists` when the name is taken,
    ///   `.badRequest` when something else lies in its location now.
    package func undropTable(
        _ identifier: TableIdentifier, as name: String? = nil, uuid: String? = nil, _ request: Request
    ) async throws(CatalogError) -> Table {
        _ = try await namespaceProperties(identifier.namespace)
        let target = try TableIdentifier(identifier.namespace, name ?? identifier.name)
        let chain = try RegisterChain.table(target)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            if let done = try await repeated(target, head, request) { return done }
            try requireFree(head, target, for: .table)
            guard let newest = try await restorable(identifier, uuid).last else {
                throw CatalogError(.noSuchTable, "No dropped table can be brought back: \(identifier)")
            }
            if let table = try await undrop(newest, as: target, on: head, request) { return table }
        }
        throw Self.lost("the table \(target)")
    }

    /// - Returns: nil when another writer was first; nothing took place.
    func undrop(
        _ record: DroppedTables.Record, as target: TableIdentifier, on head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> Table? {
        let file = try await files.readPresent(record.table.state.metadataLocation)
        guard let held = try await hold([record], as: target, on: head) else { return nil }
        let state = record.table.state
        do throws(CatalogError) {
            let place = try warehouse.resolve(state.location).place
            try await claims.claim(place, for: target, uuid: state.tableUUID, as: .known, head: head)
        } catch {
            try await release(held, since: [record])
            throw error
        }
        let outcome = try await registers.advance(
            head, to: .table(state), operation: "undrop", idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else { return nil }
        try await finishReturn(of: held, since: [record], as: target, made)
        await recordName(of: target, made.state)
        return Table(identifier: target, head: made, file: file)
    }

    /// The drops of a name that can be undone, the newest last.
    func restorable(
        _ identifier: TableIdentifier, _ uuid: String?
    ) async throws(CatalogError) -> [DroppedTables.Record] {
        let now = clock.now()
        return try await dropped.records(in: identifier.namespace).filter {
            $0.table.identifier == identifier && $0.table.isOpen
                && now < $0.table.end(retention: dropRetentionMilliseconds)
                && (uuid == nil || $0.table.state.tableUUID == uuid)
        }
    }

    // MARK: - Parts

    /// The drop has taken place whatever becomes of this; without the record the table can be registered from its
    /// metadata file, and a purge deletes nothing.
    private func note(_ table: DroppedTable, _ made: RegisterHead) async {
        do throws(CatalogError) { try await dropped.add(table, version: made.version) } catch { return }
    }

    private func requireOwnFiles(of state: TableState, _ identifier: TableIdentifier) async throws(CatalogError) {
        let metadata = try await files.read(state.metadataLocation).metadata
        guard metadata.properties["gc.enabled"]?.lowercased() != "false" else {
            throw CatalogError(
                .badRequest, "Cannot purge \(identifier): gc.enabled=false says that its files belong to others as well"
            )
        }
    }
}
