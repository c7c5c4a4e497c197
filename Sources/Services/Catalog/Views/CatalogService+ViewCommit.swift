import Clocks
import IcebergCatalog
import IcebergSpec

extension CatalogService {
    /// Changes to one view, as a commit asks for them.
    package struct ViewChange: Sendable {
        var identifier: TableIdentifier
        var requirements: [ViewRequirement]
        var updates: [ViewUpdate]

        package init(identifier: TableIdentifier, requirements: [ViewRequirement], updates: [ViewUpdate]) {
            self.identifier = identifier
            self.requirements = requirements
            self.updates = updates
        }
    }

    /// Replaces a view's definition or properties.
    ///
    /// Order of effects as in a table's commit: the new metadata file is put under a random name, then the register's
    /// next version, which names it, is created if absent. That put makes the change durable and decides every race;
    /// whoever lost applies the updates again, as long as the requirements hold.
    ///
    /// - Throws: `.commitFailed` when it certainly did not take place, `.noSuchView`, `.badRequest`.
    package func commit(_ change: ViewChange, _ request: Request) async throws(CatalogError) -> View {
        let chain = try RegisterChain.table(change.identifier)
        var checked = change
        checked.updates = try gate.admit(change.updates)
        do throws(CatalogError) {
            for _ in 0..<CatalogLimits.commitAttemptsMax {
                let head = try await settledForCommit(chain)
                if let done = try await repeatedView(change.identifier, head, request) { return done }
                if let done = try await tryCommit(checked, head, request) { return done }
            }
        } catch {
            throw Self.answer(error, request)
        }
        throw Self.lost("the view \(change.identifier)")
    }

    /// One attempt; nil when another writer was first.
    private func tryCommit(
        _ change: ViewChange, _ head: RegisterHead, _ request: Request
    ) async throws(CatalogError) -> View? {
        let base = try await readForCommit(change.identifier, at: head)
        let next = try prepare(change, on: base.metadata)
        guard next != base.metadata else { return base.asView(change.identifier, head) }
        try gate.requireOwnFolders(of: next, since: base.metadata)
        let isMoved = next.location != base.metadata.location
        if isMoved { _ = try await claim(next, for: change.identifier, head) }
        let file: StoredView
        do {
            file = try await views.write(next, after: base.location)
        } catch {
            throw Self.notCommitted(error)
        }
        let outcome = try await registers.advance(
            head, to: .view(ViewState(file)), operation: "replace-view", idempotencyKey: request.idempotencyKey)
        guard case .advanced(let made) = outcome else {
            await views.discard(file)
            return nil
        }
        if isMoved { await recordName(of: change.identifier, made.state) }
        return file.asView(change.identifier, made)
    }

    private func prepare(_ change: ViewChange, on base: ViewMetadata) throws(CatalogError) -> ViewMetadata {
        do {
            for requirement in change.requirements { try requirement.check(against: base) }
            return try base.applying(change.updates, at: clock.now())
        } catch {
            throw CatalogError(error)
        }
    }

    private func readForCommit(
        _ identifier: TableIdentifier, at head: RegisterHead
    ) async throws(CatalogError) -> StoredView {
        do { return try await view(identifier, at: head).file } catch { throw Self.notCommitted(error) }
    }
}

extension StoredView {
    fileprivate func asView(_ identifier: TableIdentifier, _ head: RegisterHead) -> CatalogService.View {
        CatalogService.View(identifier: identifier, head: head, file: self)
    }
}

extension CommitGate {
    /// Checks that everything the updates point to lies inside the warehouse, and puts locations into the form this
    /// store uses.
    func admit(_ updates: [ViewUpdate]) throws(CatalogError) -> [ViewUpdate] {
        var admitted: [ViewUpdate] = []
        for update in updates {
            switch update {
            case .setLocation(let location): admitted.append(.setLocation(try warehouse.resolve(location).uri))
            case .setProperties(let properties): admitted.append(.setProperties(try admit(properties)))
            case .addSchema(let schema):
                try SchemaCheck.check(schema)
                admitted.append(update)
            default: admitted.append(update)
            }
        }
        return admitted
    }
}
