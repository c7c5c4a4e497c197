import Clocks
import Concurrency
import IcebergCatalog
import Synchronization

extension RegisterStore {
    /// The entry made by the request with this key; see `change(madeBy:upTo:)`.
    func entry(madeBy idempotencyKey: IdempotencyKey, upTo head: RegisterHead) async throws(CatalogError)
        -> RegisterEntry?
    {
        try await change(madeBy: idempotencyKey, upTo: head)?.entry
    }

    /// The version that the request with this key had a part in, within the time that clients may count on and the newest
    /// versions (`idempotencyEntriesMax`); nil when there is none. Reads what this process has not seen, some at a time.
    ///
    /// - Throws: `.badRequest` when another request had a part in it with this key; the key's refusal when there is no such
    ///   version.
    func change(
        madeBy idempotencyKey: IdempotencyKey, upTo head: RegisterHead
    ) async throws(CatalogError) -> (version: Int64, entry: RegisterEntry)? {
        if let found = try await search(madeBy: idempotencyKey, upTo: head) { return found }
        if let refusal = idempotencyKey.refusal { throw refusal }
        return nil
    }

    private func search(
        madeBy idempotencyKey: IdempotencyKey, upTo head: RegisterHead
    ) async throws(CatalogError) -> (version: Int64, entry: RegisterEntry)? {
        let oldest = clock.now().milliseconds - Int64(CatalogLimits.idempotencyMinutes) * 60_000
        let last = max(0, head.version - Int64(CatalogLimits.idempotencyEntriesMax))
        var version = head.version
        var later: RegisterEntry?
        while version > last {
            let next = max(last, version - Int64(CatalogLimits.idempotencyReadsMax))
            for (version, known) in try await entries(head, stride(from: version, to: next, by: -1)) {
                guard let known, known.time.milliseconds >= oldest else { return nil }
                defer { later = known }
                guard let used = known.idempotencyKeys.first(where: { $0.name == idempotencyKey.name }) else {
                    continue
                }
                if let transaction = known.transaction {
                    guard try await decision(of: transaction.id) == .committed else { continue }
                }
                try idempotencyKey.requireSameRequest(as: used)
                guard later?.undoes != true else { continue }
                return (version, known)
            }
            version = next
        }
        return nil
    }

    private func entries(
        _ head: RegisterHead, _ versions: StrideTo<Int64>
    ) async throws(CatalogError) -> [(Int64, RegisterEntry?)] {
        var entries: [Int64: RegisterEntry] = [head.version: head.entry].compactMapValues(\.self)
        older.withLock { older in
            for version in versions where entries[version] == nil {
                entries[version] = older.value(EntryName(chain: head.chain, version: version))
            }
        }
        let missing = versions.filter { entries[$0] == nil }
        if !missing.isEmpty {
            let read = try await mapConcurrently(missing, limit: CatalogLimits.idempotencyReadsMax) {
                (version) async throws(CatalogError) -> RegisterEntry? in try await self.entry(head.chain, version)
            }
            for case (let version, let entry?) in zip(missing, read) {
                entries[version] = entry
                older.withLock { $0.set(EntryName(chain: head.chain, version: version), entry) }
            }
        }
        return versions.map { ($0, entries[$0]) }
    }
}
