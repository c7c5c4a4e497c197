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

    /// Entries never change, so the newest one seen stays a good place to probe from, while it is fresh.
    let newestSeen = Mutex(BoundedCache<RegisterChain, Seen>(costMax: CatalogLimits.cachedHeadsMax))
    /// The version each register had when this process last maintained it.
    let maintained = Mutex(BoundedCache<RegisterChain, Int64>(costMax: CatalogLimits.cachedHeadsMax))
    /// Older versions, which requests with a key look through.
    let older = Mutex(BoundedCache<EntryName, RegisterEntry>(costMax: CatalogLimits.cachedEntriesMax))

    struct EntryName: Hashable, Sendable {
        let chain: RegisterChain
        let version: Int64
    }
    let decisions = Mutex(BoundedCache<UUID, RegisterDecision>(costMax: CatalogLimits.cachedHeadsMax))

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

    func isYoung(_ proof: Proof) -> Bool {
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
        guard version <= CatalogLimits.registerVersionMax else { return nil }
        let place = try location(chain, version)
        do {
            let object = try await store.get(place, range: nil)
            return try RegisterEntry(JSONCursor(try JSONValue.parse(object.bytes)))
        } catch let error as ObjectStoreError {
            guard error.code != .notFound || error.isObstructed else { return nil }
            guard error.isObstructed else {
                throw CatalogError(.serviceUnavailable, "reading the register \(place): \(error.message)")
            }
            throw CatalogError(
                .internalError,
                "the register \(place) is damaged: \(error.message). Put an empty file in its place and recover the table"
            )
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

    // MARK: - Places

    func location(_ chain: RegisterChain, _ version: Int64) throws(CatalogError) -> ObjectLocation {
        do {
            return ObjectLocation(bucket: bucket, key: try chain.key(version))
        } catch {
            throw CatalogError(.badRequest, error.message)
        }
    }

    func remember(_ chain: RegisterChain, _ seen: Seen) {
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
