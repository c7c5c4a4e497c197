import Clocks
import IcebergCatalog
import IcebergSpec

extension CatalogService {
    /// Changes to one table, as a commit asks for them.
    package struct TableChange: Sendable {
        var identifier: TableIdentifier
        var requirements: [TableRequirement]
        var updates: [TableUpdate]

        package init(identifier: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]) {
            self.identifier = identifier
            self.requirements = requirements
            self.updates = updates
        }
    }

    /// Commits to a table, or makes a staged one (`assert-create`).
    ///
    /// Order of effects: the new metadata file is put, under a random name; then the register's next version, which
    /// names it, is created if absent. The second put makes the commit durable and decides every race; a crash before
    /// it leaves an orphan file and the table as it was, a crash after it a commit whose answer got lost. Old metadata
    /// files are deleted only after it.
    package func commit(_ change: TableChange, _ request: Request) async throws(CatalogError) -> Table {
        let chain = try RegisterChain.table(change.identifier)
        var change = change
        change.updates = try gate.admit(change.updates)
        let checked = change
        return try await tableLocks.withLock(chain) { () async throws(CatalogError) -> Table in
            for _ in 0..<CatalogLimits.commitAttemptsMax {
                if let done = try await self.tryCommit(checked, chain, request) { return done }
            }
            throw CatalogError(
                .commitFailed,
                "\(checked.identifier): \(CatalogLimits.commitAttemptsMax) times another commit was first")
        }
    }

    /// One attempt; nil when another writer was first.
    private func tryCommit(
        _ change: TableChange, _ chain: RegisterChain, _ request: Request
    ) async throws(CatalogError) -> Table? {
        let head = try await settledForCommit(chain)
        if let done = try await repeated(change.identifier, head, request) { return done }
        guard let state = head.state.table else { return try await commitNew(change, head, request) }
        guard let base = try await readForCommit(state, at: head) else { return nil }
        if let done = try await alreadyApplied(change, head, base) { return done }
        let prepared = try await prepare(change, on: base)
        guard prepared != base.metadata else {
            return Table(identifier: change.identifier, head: head, file: base)
        }
        try await claimMoved(prepared, from: base.metadata, change.identifier, head)
        let file = try await files.writeForCommit(prepared, after: base.location)
        let next = TableState(
            metadataLocation: file.location, tableUUID: state.tableUUID, location: prepared.location)
        let outcome = try await registers.advance(
            head, to: .table(next), operation: "commit", idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else {
            await files.discard(file)
            return nil
        }
        await removeSuperseded(base, by: file, of: chain)
        return Table(identifier: change.identifier, head: made, file: file)
    }

    /// The metadata after the change, rebased when the table allows it.
    func prepare(_ change: TableChange, on base: StoredMetadata) async throws(CatalogError) -> TableMetadata {
        var updates = change.updates
        do {
            for requirement in change.requirements { try requirement.check(against: base.metadata) }
        } catch {
            let rebase = Rebase(store: warehouse.store)
            guard let rebased = try await rebase.rebased(change, on: base.metadata) else {
                throw CatalogError(.commitFailed, error.description)
            }
            updates = rebased
        }
        let result = try applied(updates, to: base)
        guard let repaired = try await gate.check(updates, on: base.metadata, giving: result) else { return result }
        return try applied(repaired, to: base)
    }

    private func applied(_ updates: [TableUpdate], to base: StoredMetadata) throws(CatalogError) -> TableMetadata {
        do {
            return try base.metadata.applying(updates, at: clock.now(), previousMetadataFile: base.location)
        } catch {
            throw CatalogError(error)
        }
    }

    /// Makes the table that an earlier staged creation described.
    private func commitNew(
        _ change: TableChange, _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> Table? {
        guard change.requirements.contains(.create) else { throw Self.noSuchTable(change.identifier) }
        try requireFree(head, change.identifier, for: .table)
        _ = try await namespaceProperties(change.identifier.namespace)
        let updates = Self.inOrder(change.updates)
        var metadata = try created(by: updates)
        if let repaired = try await gate.check(updates, on: nil, giving: metadata) {
            metadata = try created(by: repaired)
        }
        return try await publish(metadata, as: change.identifier, on: head, operation: "create", request)
    }

    private func created(by updates: [TableUpdate]) throws(CatalogError) -> TableMetadata {
        do { return try TableMetadata.creating(from: updates, at: clock.now()) } catch { throw CatalogError(error) }
    }

    /// What a new table begins with comes first: clients send it in any order (DuckDB its partition spec before the
    /// schema is current).
    private static func inOrder(_ updates: [TableUpdate]) -> [TableUpdate] {
        func rank(_ update: TableUpdate) -> Int {
            switch update {
            case .assignUUID: 0
            case .upgradeFormatVersion: 1
            case .setLocation: 2
            case .addSchema: 3
            case .setCurrentSchema: 4
            default: 5
            }
        }
        return (0...5).flatMap { wanted in updates.filter { rank($0) == wanted } }
    }

    /// A client that repeats a commit whose answer got lost, without a key, is told that it took place: the snapshot
    /// it adds is there, with the very manifest list.
    private func alreadyApplied(
        _ change: TableChange, _ head: RegisterHead, _ base: StoredMetadata
    ) async throws(CatalogError) -> Table? {
        var added: [Snapshot] = []
        for case .addSnapshot(let snapshot) in change.updates { added.append(snapshot) }
        guard !added.isEmpty else { return nil }
        for snapshot in added {
            guard let known = base.metadata.snapshot(id: snapshot.snapshotID),
                known.manifestList == snapshot.manifestList
            else { return nil }
        }
        return Table(identifier: change.identifier, head: head, file: base)
    }

    /// A table that moves claims its new location first.
    func claimMoved(
        _ metadata: TableMetadata, from base: TableMetadata, _ identifier: TableIdentifier, _ head: RegisterHead
    ) async throws(CatalogError) {
        guard metadata.location != base.location else { return }
        let uuid = metadata.tableUUID?.description ?? ""
        let place = try warehouse.resolve(metadata.location).place
        try await claims.claim(place, for: identifier, uuid: uuid, head: head)
    }

    // A commit that certainly did not take place must not be answered with 5xx, which tells clients that it may have.

    func settledForCommit(_ chain: RegisterChain) async throws(CatalogError) -> RegisterHead {
        do { return try await registers.settledHead(chain) } catch { throw Self.notCommitted(error) }
    }

    /// - Returns: nil when the file is gone since commits of another replica left it behind meanwhile.
    func readForCommit(_ state: TableState, at head: RegisterHead) async throws(CatalogError) -> StoredMetadata? {
        do {
            return try await files.read(state.metadataLocation)
        } catch {
            if error.code == .notFound, try await settledForCommit(head.chain).version != head.version { return nil }
            throw Self.notCommitted(error)
        }
    }

    static func notCommitted(_ error: CatalogError) -> CatalogError {
        guard error.status >= 500 else { return error }
        return CatalogError(.commitFailed, "the commit was not made: \(error.message)")
    }
}

extension MetadataStore {
    /// As `write`; whatever fails here, the commit did not take place.
    func writeForCommit(
        _ metadata: TableMetadata, after previous: String?
    ) async throws(CatalogError) -> StoredMetadata {
        do { return try await write(metadata, after: previous) } catch { throw CatalogService.notCommitted(error) }
    }
}
