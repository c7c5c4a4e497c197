import Bytes
import Clocks
import Failpoints
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization

/// The registers on the object store.
///
/// A version is created with `If-None-Match: *`; whoever creates it has decided what it says. The newest is found from
/// a version remembered in memory by probing forward; without one, by doubling steps and bisection, which works
/// because versions are made without gaps and never deleted.
package final class RegisterStore: Sendable {
    let store: any ObjectStore
    let bucket: BucketName
    let clock: any WallClock

    /// Entries never change, so the newest one seen stays a good place to probe from.
    private let newestSeen = Mutex(
        BoundedCache<RegisterChain, (version: Int64, entry: RegisterEntry)>(costMax: CatalogLimits.cachedHeadsMax))
    private let decisions = Mutex(BoundedCache<UUID, RegisterDecision>(costMax: CatalogLimits.cachedHeadsMax))

    package init(store: any ObjectStore, bucket: BucketName, clock: any WallClock) {
        self.store = store
        self.bucket = bucket
        self.clock = clock
    }

    // MARK: - Reading

    /// The newest version. At least one read of the store, so that a write of any replica that was acknowledged before
    /// is seen.
    package func head(_ chain: RegisterChain) async throws(CatalogError) -> RegisterHead {
        var newest = newestSeen.withLock { $0.value(chain) }
        if newest == nil { newest = try await search(chain) }
        while let next = try await entry(chain, (newest?.version ?? 0) + 1) {
            newest = ((newest?.version ?? 0) + 1, next)
        }
        guard let newest else { return RegisterHead(chain: chain, version: 0, entry: nil, decision: nil) }
        remember(chain, newest.version, newest.entry)
        var decision: RegisterDecision?
        if let transaction = newest.entry.transaction { decision = try await self.decision(of: transaction.id) }
        return RegisterHead(chain: chain, version: newest.version, entry: newest.entry, decision: decision)
    }

    /// The newest version this process knows of, decided; nil when it would have to ask. It may be out of date: only
    /// creating the version after it proves that it was not.
    func remembered(_ chain: RegisterChain) -> RegisterHead? {
        guard let known = newestSeen.withLock({ $0.value(chain) }) else { return nil }
        var decision: RegisterDecision?
        if let transaction = known.entry.transaction { decision = decisions.withLock { $0.value(transaction.id) } }
        let head = RegisterHead(chain: chain, version: known.version, entry: known.entry, decision: decision)
        return head.undecided == nil ? head : nil
    }

    /// The newest version with its transaction decided: an undecided one is aborted, since its coordinator may be dead.
    package func settledHead(_ chain: RegisterChain) async throws(CatalogError) -> RegisterHead {
        let head = try await head(chain)
        guard let undecided = head.undecided else { return head }
        let decision = try await decide(undecided, .aborted)
        return RegisterHead(chain: chain, version: head.version, entry: head.entry, decision: decision)
    }

    /// One version of a register; nil when there is none.
    package func entry(_ chain: RegisterChain, _ version: Int64) async throws(CatalogError) -> RegisterEntry? {
        let place = try location(chain, version)
        do {
            let object = try await store.get(place, range: nil)
            return try RegisterEntry(JSONCursor(try JSONValue.parse(object.bytes)))
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, "reading the register \(place): \(error.message)")
        } catch {
            throw CatalogError(.internalError, "the register \(place) is damaged: \(error)")
        }
    }

    /// The entry made by the request with this key; see `change(madeBy:upTo:)`.
    func entry(madeBy idempotencyKey: String, upTo head: RegisterHead) async throws(CatalogError) -> RegisterEntry? {
        try await change(madeBy: idempotencyKey, upTo: head)?.entry
    }

    /// The version made by the request with this key within the time that clients may count on; nil when there is none.
    func change(
        madeBy idempotencyKey: String, upTo head: RegisterHead
    ) async throws(CatalogError) -> (version: Int64, entry: RegisterEntry)? {
        let oldest = clock.now().milliseconds - Int64(CatalogLimits.idempotencyMinutes) * 60_000
        var version = head.version
        while version > 0, head.version - version < CatalogLimits.idempotencyEntriesMax {
            let known = version == head.version ? head.entry : try await entry(head.chain, version)
            guard let known, known.time.milliseconds >= oldest else { return nil }
            if known.idempotencyKeys.contains(idempotencyKey) {
                guard let transaction = known.transaction else { return (version, known) }
                if try await decision(of: transaction.id) == .committed { return (version, known) }
            }
            version -= 1
        }
        return nil
    }

    /// Finds the newest version with nothing to go by: doubling, then bisection. About 2 log₂(versions) reads.
    private func search(_ chain: RegisterChain) async throws(CatalogError) -> (version: Int64, entry: RegisterEntry)? {
        guard var newest = try await entry(chain, 1).map({ (version: Int64(1), entry: $0) }) else { return nil }
        var step: Int64 = 1
        var missing: Int64?
        while missing == nil || (missing ?? 0) - newest.version > 1 {
            let probe = missing.map { newest.version + ($0 - newest.version) / 2 } ?? newest.version + step
            if let found = try await entry(chain, probe) {
                newest = (probe, found)
                step *= 2
            } else {
                missing = probe
            }
        }
        return newest
    }

    // MARK: - Writing

    /// Writes the version after `head`. Durable, and decided, once this returns `.advanced`.
    ///
    /// - Throws: `.commitStateUnknown` when the store does not tell; any other error: nothing was written.
    package func advance(
        _ head: RegisterHead, to state: RegisterState, operation: String, idempotencyKey: String? = nil,
        in transaction: UUID? = nil
    ) async throws(CatalogError) -> AdvanceOutcome {
        try await advance(
            head, to: state, operation: operation, idempotencyKeys: idempotencyKey.map { [$0] } ?? [],
            origins: RequestOrigin.current.map { [$0] } ?? [], in: transaction)
    }

    /// As the other, with the keys and senders of all requests that have a part in the version.
    func advance(
        _ head: RegisterHead, to state: RegisterState, operation: String, idempotencyKeys: [String],
        origins: [RequestOrigin], in transaction: UUID? = nil
    ) async throws(CatalogError) -> AdvanceOutcome {
        precondition(head.undecided == nil, "a register is advanced from a settled head")
        let entry = RegisterEntry(
            id: UUID.random(), time: clock.now(), operation: operation, state: state,
            transaction: transaction.map { RegisterEntry.PendingTransaction(id: $0, before: head.state) },
            idempotencyKeys: idempotencyKeys, origins: origins)
        let place = try location(head.chain, head.version + 1)
        Failpoint.catalogBeforeRegisterPut.pass()
        let put = try await putProved(place, entry.json)
        Failpoint.catalogAfterRegisterPut.pass()
        switch put {
        case .stored, .alreadySame:
            remember(head.chain, head.version + 1, entry)
            return .advanced(
                RegisterHead(chain: head.chain, version: head.version + 1, entry: entry, decision: nil))
        case .differs: return .lost
        }
    }

    /// Decides a transaction, or finds that it has been decided otherwise.
    package func decide(_ id: UUID, _ wanted: RegisterDecision) async throws(CatalogError) -> RegisterDecision {
        let place = try decisionLocation(id)
        Failpoint.catalogBeforeDecisionPut.pass()
        let put = try await putProved(place, ["outcome": .string(wanted.rawValue)])
        Failpoint.catalogAfterDecisionPut.pass()
        switch put {
        case .stored, .alreadySame:
            decisions.withLock { $0.set(id, wanted) }
            return wanted
        case .differs:
            guard let decision = try await decision(of: id) else {
                throw CatalogError(.commitStateUnknown, "the decision \(place) was there and is gone")
            }
            return decision
        }
    }

    func decision(of id: UUID) async throws(CatalogError) -> RegisterDecision? {
        if let known = decisions.withLock({ $0.value(id) }) { return known }
        let place = try decisionLocation(id)
        do {
            let object = try await store.get(place, range: nil)
            guard let text = try JSONValue.parse(object.bytes)["outcome"]?.string,
                let decision = RegisterDecision(rawValue: text)
            else { throw CatalogError(.internalError, "the decision \(place) is damaged") }
            decisions.withLock { $0.set(id, decision) }
            return decision
        } catch let error as CatalogError {
            throw error
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, "reading the decision \(place): \(error.message)")
        } catch {
            throw CatalogError(.internalError, "the decision \(place) is damaged: \(error)")
        }
    }

    // MARK: - Places

    private func putProved(_ place: ObjectLocation, _ json: JSONValue) async throws(CatalogError) -> ProvedPut {
        do {
            return try await store.putIfAbsentProved(place, json.serialized())
        } catch {
            // A store that is away before anything was sent made no change: clients are told to try again, which a
            // 5xx would not let them.
            throw CatalogError(
                error.effect == .unknown ? .commitStateUnknown : .serviceUnavailable,
                "writing \(place): \(error.message)")
        }
    }

    private func location(_ chain: RegisterChain, _ version: Int64) throws(CatalogError) -> ObjectLocation {
        do {
            return ObjectLocation(bucket: bucket, key: try chain.key(version))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }

    private func decisionLocation(_ id: UUID) throws(CatalogError) -> ObjectLocation {
        do {
            return ObjectLocation(bucket: bucket, key: try ObjectKey("transactions/\(id)"))
        } catch {
            throw CatalogError(.internalError, error.message)
        }
    }

    private func remember(_ chain: RegisterChain, _ version: Int64, _ entry: RegisterEntry) {
        newestSeen.withLock { cache in
            if let known = cache.value(chain), known.version >= version { return }
            cache.set(chain, (version, entry))
        }
    }
}
