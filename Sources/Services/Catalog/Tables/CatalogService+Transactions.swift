import Clocks
import IcebergCatalog
import IcebergSpec

extension CatalogService {
    /// Commits to several tables: all changes at one instant, or none.
    package func commitTransaction(_ changes: [TableChange], _ request: Request) async throws(CatalogError) {
        guard !changes.isEmpty else { return }
        guard changes.count <= CatalogLimits.tablesPerTransactionMax else {
            throw CatalogError(
                .badRequest, "a transaction changes at most \(CatalogLimits.tablesPerTransactionMax) tables")
        }
        guard Set(changes.map(\.identifier)).count == changes.count else {
            throw CatalogError(.badRequest, "a transaction names each table once")
        }
        do throws(CatalogError) {
            for _ in 0..<CatalogLimits.commitAttemptsMax {
                if try await tryTransaction(changes, request) { return }
            }
        } catch {
            throw Self.answer(error, request)
        }
        throw Self.lost("one of the transaction's tables")
    }

    private func tryTransaction(_ changes: [TableChange], _ request: Request) async throws(CatalogError) -> Bool {
        var parts: [RegisterStore.Change] = []
        var written:
            [(
                table: TableIdentifier, state: TableState, base: StoredMetadata, next: StoredMetadata,
                chain: RegisterChain
            )] = []
        for change in changes {
            let head = try await settledForCommit(try RegisterChain.table(change.identifier))
            if let key = request.idempotencyKey,
                try await registers.entry(madeBy: key, upTo: head) != nil
            {
                return true
            }
            guard let state = head.state.table else { throw Self.noSuchTable(change.identifier) }
            guard let base = try await readForCommit(state, at: head) else {
                for made in written { await files.discard(made.next) }
                return false
            }
            var checked = change
            checked.updates = try gate.admit(change.updates)
            let prepared = try await prepare(checked, on: base.metadata)
            try await claimMoved(prepared.metadata, from: base.metadata, change.identifier, head)
            for list in prepared.lists { try await Rebase(loader: loader).write(list) }
            guard prepared.metadata != base.metadata else {
                // It takes part, so that it is as its requirements say at the moment of the decision.
                parts.append(RegisterStore.Change(head: head, state: head.state))
                continue
            }
            let metadata = prepared.metadata.following(base)
            let file = try await files.writeForCommit(metadata, after: base.location)
            let next = TableState(
                metadataLocation: file.location, tableUUID: state.tableUUID, location: metadata.location)
            written.append((change.identifier, next, base: base, next: file, chain: head.chain))
            parts.append(RegisterStore.Change(head: head, state: .table(next)))
        }
        let isCommitted = try await registers.transact(
            UUID.random(), parts, operation: "transaction", idempotencyKey: request.idempotencyKey)
        for file in written {
            if isCommitted {
                if file.next.metadata.location != file.base.metadata.location {
                    await recordName(of: file.table, RegisterState.table(file.state))
                }
                await removeSuperseded(file.base, by: file.next, of: file.chain)
            } else {
                await files.discard(file.next)
            }
        }
        return isCommitted
    }
}
