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
/// The bucket may be lost while processes remember: what is remembered counts only while the store still holds it.
package final class RegisterStore: Sendable {
    let store: any ObjectStore
    let bucket: BucketName
    let clock: any WallClock

    struct Seen: Sendable {
        let version: Int64
        let entry: RegisterEntry
        /// When the store was last asked and had no newer one.
        let confirmedAt: Timestamp
        let proof: Proof
    }

    /// A version seen to lie in the store, which stays there for as long as what is remembered is fresh.
    struct Proof: Sendable {
        let version: Int64
        let id: UUID
        let at: Timestamp

        init(_ version: Int64, _ entry: RegisterEntry, at: Timestamp) {
            self.version = version
            id = entry.id
            self.at = at
        }
    }

    private enum Proving: Sendable {
        case there
        case gone
        case failed(CatalogError)
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
        var known = newestSeen.withLock { $0.value(chain) }
        if let seen = known {
            if isFresh(seen.confirmedAt) {
                let newest = try await probe(chain, from: seen)
                if newest == nil || isFresh(seen.confirmedAt) { found = newest }
                if newest == nil { known = nil }
            } else {
                switch await prove(chain, seen.proof) {
                case .there: break
                case .gone: known = nil
                case .failed(let error): throw error
                }
            }
            if known == nil { forget(chain) }
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

    /// The newest version, one after the other from one that is known; nil when the store has lost what is known.
    private func probe(_ chain: RegisterChain, from known: Seen) async throws(CatalogError) -> Seen? {
        let askedAt = clock.now()
        var proof = known.proof
        var next: RegisterEntry?
        if isYoung(proof) {
            next = try await entry(chain, known.version + 1)
        } else {
            async let proving = prove(chain, proof)
            next = try await entry(chain, known.version + 1)
            switch await proving {
            case .there: proof = Proof(known.version, known.entry, at: askedAt)
            case .gone: return nil
            case .failed(let error): throw error
            }
        }
        var newest = Seen(version: known.version, entry: known.entry, confirmedAt: askedAt, proof: proof)
        while let found = next {
            let (version, now) = (newest.version + 1, clock.now())
            newest = Seen(version: version, entry: found, confirmedAt: now, proof: Proof(version, found, at: now))
            next = try await entry(chain, version + 1)
        }
        return newest
    }

    /// Whether the store still holds the version that was once seen there.
    private func prove(_ chain: RegisterChain, _ proof: Proof) async -> Proving {
        do throws(CatalogError) {
            guard let entry = try await entry(chain, proof.version) else { return .gone }
            return entry.id == proof.id ? .there : .gone
        } catch {
            // Damaged is not lost: what is remembered of it is all there is.
            return error.code == .internalError ? .there : .failed(error)
        }
    }

    private func isYoung(_ proof: Proof) -> Bool {
        (0...CatalogLimits.headProofMilliseconds).contains(clock.now().milliseconds - proof.at.milliseconds)
    }

    /// Drops what is remembered of a register.
    private func forget(_ chain: RegisterChain) {
        newestSeen.withLock { $0.remove(chain) }
        maintained.withLock { $0.remove(chain) }
        older.withLock { older in
            for (name, _) in older.all where name.chain == chain { older.remove(name) }
        }
    }

    /// Drops what is remembered of all registers.
    func forgetAll() {
        newestSeen.withLock { $0.removeAll() }
        maintained.withLock { $0.removeAll() }
        older.withLock { $0.removeAll() }
        decisions.withLock { $0.removeAll() }
    }

    /// Whether what was confirmed at a time still rules out that the next version was made and trimmed since.
    func isFresh(_ confirmedAt: Timestamp) -> Bool {
        let age = clock.now().milliseconds - confirmedAt.milliseconds
        return (0...CatalogLimits.headTrustMilliseconds).contains(age)
    }

    /// The newest version this process knows of, decided; nil when it would have to ask. It may be out of date: only
    /// creating the version after it proves that it was not. That does not prove that it is still there: it is not given
    /// when it is long since that was seen.
    func remembered(_ chain: RegisterChain) -> RegisterHead? {
        guard let known = newestSeen.withLock({ $0.value(chain) }), isFresh(known.confirmedAt), isYoung(known.proof)
        else { return nil }
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

    /// What the store says of one version, whether or not it can be read; nil when there is none.
    func info(_ chain: RegisterChain, _ version: Int64) async throws(CatalogError) -> ObjectInfo? {
        let place = try location(chain, version)
        do {
            return try await store.head(place)
        } catch {
            throw CatalogError(.serviceUnavailable, "looking at the register \(place): \(error.message)")
        }
    }

    /// Finds the newest version with nothing fresh to go by: from what was known long ago, from where the guide points, or
    /// from the first version, by doubling steps and bisection. About 2 log₂(versions) reads.
    private func search(_ chain: RegisterChain, from known: Seen?) async throws(CatalogError) -> Seen? {
        if let known {
            let newest = try await bisect(chain, from: (known.version, known.entry), askedAt: clock.now())
            if try await guideToSearch(chain)?.guide?.trimmed ?? 0 < newest.version { return newest }
        }
        for _ in 0..<CatalogLimits.commitAttemptsMax {
            let askedAt = clock.now()
            let first = try await entry(chain, 1)
            let start: (version: Int64, entry: RegisterEntry)
            if let stored = try await guideToSearch(chain) {
                // Without what a damaged guide said, listing finds the newest: what may not count is older.
                let version: Int64
                if let guide = stored.guide { version = guide.newest } else { version = try await newestListed(chain) }
                guard let entry = try await entry(chain, version) else { continue }
                start = (version, entry)
            } else {
                guard let first else {
                    guard try await isUnwritten(chain) else { continue }
                    return nil
                }
                start = (1, first)
            }
            let newest = try await bisect(chain, from: start, askedAt: askedAt)
            // Trimmed meanwhile, it would look like the newest with nothing after it.
            if try await guideToSearch(chain)?.guide?.trimmed ?? 0 < newest.version { return newest }
        }
        throw CatalogError(
            .serviceUnavailable,
            "the register \(chain.prefix) is trimmed again and again, or the version that its hint names is lost: then recover the table"
        )
    }

    private func bisect(
        _ chain: RegisterChain, from start: (version: Int64, entry: RegisterEntry), askedAt: Timestamp
    ) async throws(CatalogError) -> Seen {
        var newest = start
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
        return Seen(
            version: newest.version, entry: newest.entry, confirmedAt: askedAt,
            proof: Proof(newest.version, newest.entry, at: askedAt))
    }

    // MARK: - Writing

    /// Writes the version after `head`. Durable, and decided, once this returns `.advanced`.
    ///
    /// - Throws: `.commitStateUnknown` when the store does not tell; any other error: nothing was written.
    package func advance(
        _ head: RegisterHead, to state: RegisterState, operation: String, idempotencyKey: IdempotencyKey? = nil,
        in transaction: UUID? = nil
    ) async throws(CatalogError) -> AdvanceOutcome {
        try await advance(
            head, to: state, operation: operation, idempotencyKeys: idempotencyKey.map { [$0] } ?? [],
            origins: RequestOrigin.current.map { [$0] } ?? [], in: transaction)
    }

    /// As the other, with the keys and senders of all requests that have a part in the version.
    func advance(
        _ head: RegisterHead, to state: RegisterState, operation: String, idempotencyKeys: [IdempotencyKey],
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
            remember(
                head.chain,
                Seen(
                    version: made.version, entry: entry, confirmedAt: made.confirmedAt,
                    proof: proof(below: made) ?? Proof(made.version, entry, at: startedAt)))
            return .advanced(made)
        case .differs: return .lost
        }
    }

    /// What proved the version before: that the next was made does not prove it again.
    private func proof(below made: RegisterHead) -> Proof? {
        let known = newestSeen.withLock { $0.value(made.chain) }
        return known.flatMap { $0.version == made.version - 1 ? $0.proof : nil }
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

    func location(_ chain: RegisterChain, _ version: Int64) throws(CatalogError) -> ObjectLocation {
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
