import Clocks
import Concurrency
import IcebergCatalog

/// What tables and views have in common: a name, a place, a namespace around them.
extension CatalogService {
    /// The names of one kind directly in `namespace`, sorted. One read of the store for each name there ever was.
    func identifiers(
        of kind: ObjectKind, in namespace: NamespaceName
    ) async throws(CatalogError) -> [TableIdentifier] {
        try await names(in: namespace).filter { $0.kind == kind }.map(\.identifier)
    }

    /// Every name in use directly in `namespace`, sorted. One whose register is damaged is in use, and counts as a table's:
    /// loading it says what is wrong.
    func names(
        in namespace: NamespaceName
    ) async throws(CatalogError) -> [(identifier: TableIdentifier, kind: ObjectKind)] {
        var known: [TableIdentifier] = []
        for segment in try await segments(below: try RegisterChain.tablesPrefix(of: namespace)) {
            if let name = RegisterChain.name(ofSegment: segment) { known.append(try TableIdentifier(namespace, name)) }
        }
        let kinds = try await mapConcurrently(known.sorted(), limit: CatalogLimits.concurrentReads) {
            (identifier) async throws(CatalogError) in
            do throws(CatalogError) {
                return (identifier: identifier, kind: try await self.tableHead(identifier).state.kind)
            } catch {
                guard error.code == .internalError else { throw error }
                return (identifier: identifier, kind: ObjectKind.table)
            }
        }
        return kinds.compactMap { entry in entry.kind.map { (identifier: entry.identifier, kind: $0) } }
    }

    /// Refuses a name that is in use.
    func requireFree(_ head: RegisterHead, _ identifier: TableIdentifier, for kind: ObjectKind) throws(CatalogError) {
        if let present = head.state.kind { throw present.exists(identifier, wanted: kind) }
    }

    /// Renames a table or view, for every reader at one instant. Durable with the decision of the transaction.
    ///
    /// A rename into another namespace has that namespace's register take part, so that it cannot be dropped meanwhile.
    func rename(
        _ kind: ObjectKind, _ source: TableIdentifier, to destination: TableIdentifier, _ request: Request
    ) async throws(CatalogError) {
        let (from, to) = (try RegisterChain.table(source), try RegisterChain.table(destination))
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let fromHead = try await registers.settledHead(from)
            if let key = request.idempotencyKey, let done = try await registers.entry(madeBy: key, upTo: fromHead),
                done.state == .absent
            {
                return
            }
            guard fromHead.state.kind == kind else { throw kind.missing(source) }
            let namespace = try await registers.settledHead(try RegisterChain.namespace(destination.namespace))
            guard namespace.state != .absent else { throw Self.noSuchNamespace(destination.namespace) }
            guard source != destination else { return }
            let toHead = try await registers.settledHead(to)
            if let present = toHead.state.kind {
                throw CatalogError(
                    .alreadyExists, "Cannot rename \(source) to \(destination). \(present.rawValue) already exists")
            }
            var changes = [
                RegisterStore.Change(head: fromHead, state: .absent),
                RegisterStore.Change(head: toHead, state: fromHead.state),
            ]
            if source.namespace != destination.namespace {
                changes.append(RegisterStore.Change(head: namespace, state: namespace.state))
            }
            let isDecided = try await registers.transact(
                UUID.random(), changes, operation: "rename", idempotencyKey: request.idempotencyKey)
            guard isDecided else { continue }
            await moveClaim(on: fromHead.state, to: destination, toHead)
            return
        }
        throw Self.lost("\(source)")
    }

    /// The claim on the location now names the new name. The rename has taken place whatever becomes of this; until it
    /// is done the location is only not guarded against being given to another table.
    private func moveClaim(on state: RegisterState, to identifier: TableIdentifier, _ head: RegisterHead) async {
        guard let owner = state.owner else { return }
        do {
            let place = try warehouse.resolve(owner.location).place
            let use: UUIDClaims.Use? = state.table == nil ? nil : .known
            try await claims.claim(place, for: identifier, uuid: owner.uuid, as: use, head: head)
        } catch {
            return
        }
        await recordName(of: identifier, state)
    }

    /// The namespace may have been dropped while something was made in it; then that gives way.
    func undoWithoutNamespace(_ identifier: TableIdentifier, _ made: RegisterHead) async throws(CatalogError) {
        guard try await namespaceHead(identifier.namespace).state == .absent else { return }
        _ = try await registers.advance(made, to: .absent, operation: RegisterEntry.undoing.creation)
        await recordName(of: identifier, made.state, isEnded: true)
        throw Self.noSuchNamespace(identifier.namespace)
    }

    /// `<warehouse>/<namespace>/<name>`; with a random ending when something else, renamed since, lies there.
    func defaultLocation(
        _ identifier: TableIdentifier, _ head: RegisterHead
    ) async throws(CatalogError) -> String {
        // A dropped table may come back, and an unregistered one be another catalog's: what follows under its name lies
        // elsewhere.
        let keeping = Self.dropOperations + ["unregister", Self.endedReturn]
        if let last = head.entry?.operation, keeping.contains(last) {
            return try scatteredLocation(identifier)
        }
        let place = try warehouse.defaultPlace(of: identifier)
        let plain = try warehouse.resolve(place).place
        if try await claims.isFree(plain, for: identifier, head: head) { return place }
        return try scatteredLocation(identifier)
    }

    func scatteredLocation(_ identifier: TableIdentifier) throws(CatalogError) -> String {
        "\(try warehouse.defaultPlace(of: identifier))-\(String(UUID.random().description.prefix(8)))"
    }
}
