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
/// a version remembered in memory or named by the register's hint by probing forward; without one, by doubling steps and
/// bisection, which works because versions are made without gaps. The oldest may have been trimmed (`RegisterTrimming`).
package final class RegisterStore: Sendable {
    let store: any ObjectStore
    let bucket: BucketName
    let clock: any WallClock

    struct Seen: Sendable {
        let version: Int64
        let entry: RegisterEntry
        /// When the store was last asked and had no newer one.
        let confirmedAt: Timestamp
    }

    /// Entries never change, so the newest one seen stays a good place to probe from, while it is fresh.
    private let newestSeen = Mutex(BoundedCache<RegisterChain, Seen>(costMax: CatalogLimits.cachedHeadsMax))
    /// The version each register had when this process last maintained it.
    let maintained = Mutex(BoundedCache<RegisterChain, Int64>(costMax: CatalogLimits.cachedHeadsMax))
    /// Older versions, which requests with a key look through.
    let older = Mutex(BoundedCache<EntryName, RegisterEntry>(costMax: CatalogLimits.cachedEntriesMax))

    struct EntryName: Hashable, Sendable {
        let chain: RegisterChain
        let version: Int64
    }
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
        var found: Seen?
        let known = newestSeen.withLock { $0.value(chain) }
        if let known, isFresh(known.confirmedAt) {
            let newest = try await probe(chain, from: known)
            if isFresh(known.confirmedAt) { found = newest }
        }
        let askedAt = clock.now()
        if found == nil { found = try await search(chain, from: known) }
        guard let found else {
            return RegisterHead(chain: chain, version: 0, entry: nil, decision: nil, confirmedAt: askedAt)
        }
        remember(chain, found)
        var decision: RegisterDecision?
        if let transaction = found.entry.transaction { decision = try await self.decision(of: transaction.id) }
        return RegisterHead(
            chain: chain, version: found.version, entry: found.entry, decision: decision,
            confirmedAt: found.confirmedAt)
    }

    /// The newest version, one after the other from one that is known.
    private func probe(_ chain: RegisterChain, from known: Seen) async throws(CatalogError) -> Seen {
        var newest = Seen(version: known.version, entry: known.entry, confirmedAt: clock.now())
        while let next = try await entry(chain, newest.version + 1) {
            newest = Seen(version: newest.version + 1, entry: next, confirmedAt: clock.now())
        }
        return newest
    }

    /// Whether what was confirmed at a time still rules out that the next version was made and trimmed since.
    func isFresh(_ confirmedAt: Timestamp) -> Bool {
        let age = clock.now().milliseconds - confirmedAt.milliseconds
        return (0...CatalogLimits.headTrustMilliseconds).contains(age)
    }

    /// The newest version this process knows of, decided; nil when it would have to ask. It may be out of date: only
    /// creating the version after it proves that it was not.
    func remembered(_ chain: RegisterChain) -> RegisterHead? {
        guard let known = newestSeen.withLock({ $0.value(chain) }), isFresh(known.confirmedAt) else { return nil }
        var decision: RegisterDecision?
        if let transaction = known.entry.transaction { decision = decisions.withLock { $0.value(transaction.id) } }
        let head = RegisterHead(
            chain: chain, version: known.version, entry: known.entry, decision: decision,
            confirmedAt: known.confirmedAt)
        return head.undecided == nil ? head : nil
    }

    /// The newest version with its transaction decided: an undecided one is aborted, since its coordinator may be dead.
    package func settledHead(_ chain: RegisterChain) async throws(CatalogError) -> RegisterHead {
        let head = try await head(chain)
        guard let undecided = head.undecided else { return head }
        let decision = try await decide(undecided, .aborted)
        return RegisterHead(
            chain: chain, version: head.version, entry: head.entry, decision: decision,
            confirmedAt: head.confirmedAt)
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

    /// Finds the newest version with nothing fresh to go by: from what was known long ago, from where the guide points, or
    /// from the first version, by doubling steps and bisection. About 2 log₂(versions) reads.
    private func search(_ chain: RegisterChain, from known: Seen?) async throws(CatalogError) -> Seen? {
        if let known {
            let start = Seen(version: known.version, entry: known.entry, confirmedAt: clock.now())
            let newest = try await bisect(chain, from: start)
            if try await guide(chain)?.trimmed ?? 0 < newest.version { return newest }
        }
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let askedAt = clock.now()
            let first = try await entry(chain, 1)
            var newest: Seen
            if let version = try await guide(chain)?.newest {
                guard let entry = try await entry(chain, version) else { continue }
                newest = Seen(version: version, entry: entry, confirmedAt: askedAt)
            } else {
                guard let first else {
                    guard try await isUnwritten(chain) else { continue }
                    return nil
                }
                newest = Seen(version: 1, entry: first, confirmedAt: askedAt)
            }
            newest = try await bisect(chain, from: newest)
            // Trimmed meanwhile, it would look like the newest with nothing after it.
            if try await guide(chain)?.trimmed ?? 0 < newest.version { return newest }
        }
        throw CatalogError(.serviceUnavailable, "the register \(chain.prefix) is trimmed again and again")
    }

    private func bisect(_ chain: RegisterChain, from start: Seen) async throws(CatalogError) -> Seen {
        var newest = start
        var step: Int64 = 1
        var missing: Int64?
        while missing == nil || (missing ?? 0) - newest.version > 1 {
            let probe = missing.map { newest.version + ($0 - newest.version) / 2 } ?? newest.version + step
            if let found = try await entry(chain, probe) {
                newest = Seen(version: probe, entry: found, confirmedAt: start.confirmedAt)
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
        let startedAt = clock.now()
        Failpoint.catalogBeforeRegisterPut.pass()
        let put = try await putProved(place, entry.json)
        Failpoint.catalogAfterRegisterPut.pass()
        switch put {
        case .stored, .alreadySame:
            // Who was stalled for as long as versions are kept may have made one anew that was trimmed: it counts for nobody.
            guard try await isGenuine(head.version + 1, after: head) else { return .lost }
            let made = RegisterHead(
                chain: head.chain, version: head.version + 1, entry: entry, decision: nil, confirmedAt: startedAt)
            remember(head.chain, Seen(version: made.version, entry: entry, confirmedAt: made.confirmedAt))
            return .advanced(made)
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

    private func remember(_ chain: RegisterChain, _ seen: Seen) {
        newestSeen.withLock { cache in
            if let known = cache.value(chain), known.version > seen.version { return }
            cache.set(chain, seen)
        }
        older.withLock { $0.set(EntryName(chain: chain, version: seen.version), seen.entry) }
    }

    /// The newest version seen of each register, for maintenance.
    func seen() -> [(chain: RegisterChain, version: Int64)] {
        newestSeen.withLock { $0.all.map { (chain: $0.key, version: $0.value.version) } }
    }
}
