import IcebergCatalog

/// Tables that were dropped coming back while others may purge them.
///
/// Whoever brings one back first writes into its record which version of which register will name it, then makes that
/// version, then notes that it has come back. A purge that finds a record in between looks whether the version was made,
/// and takes it itself where it was not: however long the other was stalled, it then brings nothing back.
extension CatalogService {
    /// What a version is called that only keeps another from being made.
    static let endedReturn = "undrop-ended"

    /// The records of a table's drops that did not end yet.
    ///
    /// - Throws: `.alreadyExists` when its files are being deleted.
    func openDrops(
        of uuid: String, as identifier: TableIdentifier
    ) async throws(CatalogError) -> [DroppedTables.Record] {
        guard !uuid.isEmpty else { return [] }
        let own = try await dropped.records().filter { $0.table.state.tableUUID == uuid }
        if let record = own.first(where: { $0.table.stage == .purging }) {
            throw CatalogError(
                .alreadyExists,
                "Cannot register \(identifier): its files are being deleted, as \(record.table.identifier)")
        }
        return own.filter(\.table.isOpen)
    }

    /// Holds records for who is about to make the table be there, with the version after `head`.
    ///
    /// - Returns: nil when somebody else has changed one, or the table came back before.
    func hold(
        _ records: [DroppedTables.Record], as target: TableIdentifier, on head: RegisterHead
    ) async throws(CatalogError) -> [DroppedTables.Record]? {
        guard !records.isEmpty else { return [] }
        // Older than the drop, its next version could have named the table before.
        guard try await registers.head(head.chain).version == head.version else { return nil }
        let wanted = DroppedTable.Return(identifier: target, version: head.version)
        var held: [DroppedTables.Record] = []
        for record in records {
            if record.table.returning != wanted, try await hasReturned(record) { return nil }
            guard let moved = try await dropped.move(record, to: .restoring, wanted) else { return nil }
            held.append(moved)
        }
        return held
    }

    /// Gives back what was held, before the version was asked for. Another who wants the same version may hold it too.
    func release(_ held: [DroppedTables.Record], since before: [DroppedTables.Record]) async throws(CatalogError) {
        for (record, last) in zip(held, before) where last.table.returning != record.table.returning {
            _ = try await dropped.move(record, to: .dropped)
        }
    }

    /// Notes that the table is there again, or gives the records back where its namespace is not there any more.
    func finishReturn(
        of held: [DroppedTables.Record], since before: [DroppedTables.Record], as target: TableIdentifier,
        _ made: RegisterHead
    ) async throws(CatalogError) {
        do throws(CatalogError) {
            try await undoWithoutNamespace(target, made)
        } catch {
            if error.code == .noSuchNamespace { try await release(held, since: before) }
            throw error
        }
        await noteReturn(held)
    }

    /// Should this fail, the register says so as well.
    func noteReturn(_ held: [DroppedTables.Record]) async {
        for record in held {
            do throws(CatalogError) { _ = try await dropped.move(record, to: .restored) } catch { continue }
        }
    }

    /// Whether the table came back as the record says that it was about to. If not, it does not any more.
    func hasReturned(_ record: DroppedTables.Record) async throws(CatalogError) -> Bool {
        guard record.table.stage == .restoring, let wanted = record.table.returning else { return false }
        let chain = try RegisterChain.table(wanted.identifier)
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let head = try await registers.settledHead(chain)
            guard head.version <= wanted.version else {
                // Trimmed since: then it is a day ago, and the table is there, or was dropped again with a record of its own.
                guard try await registers.guide(chain)?.trimmed ?? 0 <= wanted.version,
                    let made = try await registers.entry(chain, wanted.version + 1)
                else { return false }
                let next = try await registers.entry(chain, wanted.version + 2)
                guard next?.operation != RegisterEntry.undoing.creation else { return false }
                return made.state.table?.tableUUID == record.table.state.tableUUID
            }
            let outcome = try await registers.advance(head, to: head.state, operation: Self.endedReturn)
            if case .advanced = outcome { return false }
        }
        throw Self.lost("the table \(wanted.identifier)")
    }
}
