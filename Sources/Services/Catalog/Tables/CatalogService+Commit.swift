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
    /// Commits that wait for one table in this replica are made together: each is checked, rebased and applied by
    /// itself, in the order of arrival, on the state the one before it left in memory; then all that hold become durable
    /// at once (`CatalogService+Group`). The table returned is the one after all of them.
    ///
    /// - Throws: `.commitFailed` and other codes below 500: the commit certainly did not take place;
    ///   `.commitStateUnknown`: the store does not say.
    package func commit(_ change: TableChange, _ request: Request) async throws(CatalogError) -> Table {
        let chain = try RegisterChain.table(change.identifier)
        var change = change
        change.updates = try gate.admit(change.updates)
        let waiting = WaitingCommit(change: change, request: request)
        let outcome = await commits.perform(chain, waiting, cost: waiting.estimatedBytes) { group in
            await tableLocks.withLock(chain) { await commitTogether(group, to: chain) }
        }
        guard let outcome else {
            throw CatalogError(
                .commitStateUnknown, "commits that were made together lost their outcomes: load the table and look")
        }
        return try outcome.get()
    }

    /// What `change` makes of `base`, rebased when the table allows it. Nothing is written.
    func prepare(_ change: TableChange, on base: TableMetadata) async throws(CatalogError) -> PreparedCommit {
        var updates = change.updates
        var lists: [Rebase.List] = []
        do {
            for requirement in change.requirements { try requirement.check(against: base) }
        } catch {
            guard let rebased = try await Rebase(loader: loader).rebased(change, on: base) else {
                throw CatalogError(.commitFailed, error.description)
            }
            updates = rebased.updates
            lists = [rebased.list]
        }
        let result = try applied(updates, to: base)
        guard let repaired = try await gate.check(updates, on: base, giving: result) else {
            return PreparedCommit(metadata: result, lists: lists)
        }
        return PreparedCommit(metadata: try applied(repaired, to: base), lists: lists)
    }

    private func applied(_ updates: [TableUpdate], to base: TableMetadata) throws(CatalogError) -> TableMetadata {
        do { return try base.applying(updates, at: clock.now()) } catch { throw CatalogError(error) }
    }

    /// Makes the table that an earlier staged creation described.
    func commitNew(
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

    /// Whether the table has every snapshot that `change` adds, with the very manifest list, be it rebased since: a client
    /// that repeats a commit whose answer got lost, without a key, is told that it took place.
    static func isApplied(_ change: TableChange, in metadata: TableMetadata) -> Bool {
        var added: [Snapshot] = []
        for case .addSnapshot(let snapshot) in change.updates { added.append(snapshot) }
        return !added.isEmpty
            && added.allSatisfy { snapshot in
                guard let known = metadata.snapshot(id: snapshot.snapshotID) else { return false }
                return known.manifestList == snapshot.manifestList
                    || GateReader.ownListKeys.contains { known.summary[$0] == snapshot.manifestList }
            }
    }

    /// A table that moves claims its new location first.
    func claimMoved(
        _ metadata: TableMetadata, from base: TableMetadata, _ identifier: TableIdentifier, _ head: RegisterHead
    ) async throws(CatalogError) {
        guard metadata.location != base.location else { return }
        let uuid = metadata.tableUUID?.description ?? ""
        let place = try warehouse.resolve(metadata.location).place
        try await claims.claim(place, for: identifier, uuid: uuid, as: .known, head: head)
    }

    func settledForCommit(_ chain: RegisterChain) async throws(CatalogError) -> RegisterHead {
        do { return try await registers.settledHead(chain) } catch { throw Self.notCommitted(error) }
    }

    /// - Returns: nil when the file is gone since commits of another replica left it behind meanwhile.
    func readForCommit(_ state: TableState, at head: RegisterHead) async throws(CatalogError) -> StoredMetadata? {
        do {
            return try await files.read(state.metadataLocation)
        } catch {
            if error.code == .notFound, try await settledForCommit(head.chain).version != head.version { return nil }
            // Damage, which `recover` may mend: no refusal of what was asked for.
            let isDamaged = error.code == .notFound || error.code == .badRequest
            throw Self.notCommitted(
                isDamaged
                    ? CatalogError(.internalError, "the table's metadata cannot be read: \(error.message)") : error)
        }
    }

    /// The store failed before anything could take place.
    static func notCommitted(_ error: CatalogError) -> CatalogError {
        guard error.status >= 500 else { return error }
        return CatalogError(.serviceUnavailable, "the commit was not made: \(error.message)")
    }

    /// What a client is told of a failed commit. A 5xx means that it may have taken place: what certainly did not is 409. But
    /// whoever repeats a request by its key asks of its earlier attempts too, and of those a failing store says nothing.
    static func answer(_ error: CatalogError, _ request: Request) -> CatalogError {
        guard error.code == .serviceUnavailable, request.idempotencyKey == nil else { return error }
        return CatalogError(.commitFailed, error.message)
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
