import Bytes
import Clocks
import IcebergCatalog
import JSONFormat
import ObjectStore

extension RegisterStore {
    /// A version of a register as it stands there.
    struct Recorded: Sendable {
        let version: Int64
        /// nil for one that cannot be read.
        let entry: RegisterEntry?
        let problem: String?
        /// nil while its transaction is not decided.
        let decision: RegisterDecision?

        /// What counts from this version on; nil when that is not known.
        var state: RegisterState? {
            guard let entry else { return nil }
            guard let transaction = entry.transaction else { return entry.state }
            return decision == .committed ? entry.state : transaction.before
        }
    }

    /// The newest versions of a register, the newest first, also those that cannot be read: they are found by listing, not
    /// by reading. Cost: some listings of a few names, and a read for each version.
    ///
    /// - Throws: `.serviceUnavailable`.
    func history(_ chain: RegisterChain, limit: Int) async throws(CatalogError) -> [Recorded] {
        var version = try await newestListed(chain)
        // What is no object is not listed, and yet has the name of the next version.
        if try await isTaken(chain, version + 1) { version += 1 }
        var found: [Recorded] = []
        while version > 0, found.count < limit {
            do throws(CatalogError) {
                // Old versions may have been taken away.
                guard let entry = try await entry(chain, version) else { break }
                var decision: RegisterDecision? = .committed
                if let transaction = entry.transaction { decision = try await self.decision(of: transaction.id) }
                found.append(Recorded(version: version, entry: entry, problem: nil, decision: decision))
            } catch {
                guard error.code == .internalError else { throw error }
                found.append(Recorded(version: version, entry: nil, problem: error.message, decision: nil))
            }
            version -= 1
        }
        return found
    }

    private func isTaken(_ chain: RegisterChain, _ version: Int64) async throws(CatalogError) -> Bool {
        do throws(CatalogError) {
            return try await entry(chain, version) != nil
        } catch {
            guard error.code == .internalError else { throw error }
            return true
        }
    }

    /// 0 when the register was never written.
    func newestListed(_ chain: RegisterChain) async throws(CatalogError) -> Int64 {
        guard var newest = try await firstListed(chain, after: 0) else { return 0 }
        var step: Int64 = 1
        // Doubling steps, then halving ones: the first version after a place tells that there is one.
        while let next = try await firstListed(chain, after: newest + step - 1) {
            newest = next
            step = step > Int64.max / 4 ? step : step * 2
        }
        while step > 1 {
            step /= 2
            if let next = try await firstListed(chain, after: newest + step - 1) { newest = next }
        }
        return newest
    }

    /// The first version there is after `version`.
    func firstListed(_ chain: RegisterChain, after version: Int64) async throws(CatalogError) -> Int64? {
        guard version < CatalogLimits.registerVersionMax else { return nil }
        do {
            let page = try await store.list(
                bucket, prefix: "\(chain.prefix)/", delimiter: nil, startAfter: try chain.key(version).rawValue,
                limit: 1)
            return page.objects.first.flatMap { Self.version(of: $0.key, in: chain) }
        } catch {
            throw CatalogError(.serviceUnavailable, "listing \(chain.prefix): \(error.message)")
        }
    }

    /// nil for what is no version.
    static func version(of key: ObjectKey, in chain: RegisterChain) -> Int64? {
        let name = key.rawValue.dropFirst(chain.prefix.utf8.count + 1)
        guard name.utf8.count == RegisterChain.versionDigits, let version = Int64(name),
            (1...CatalogLimits.registerVersionMax).contains(version)
        else { return nil }
        return version
    }

    /// Writes a version anew that cannot be read: the one case in which a version is ever replaced, since nobody can have
    /// acted on what it says. Durable once this returns true.
    ///
    /// - Returns: false when it has changed meanwhile.
    func replaceDamaged(
        _ chain: RegisterChain, _ version: Int64, with state: RegisterState
    ) async throws(CatalogError) -> Bool {
        let entry = RegisterEntry(
            id: UUID.random(), time: clock.now(), operation: "recover", state: state, transaction: nil,
            idempotencyKeys: [], origins: RequestOrigin.current.map { [$0] } ?? [])
        do {
            let place = ObjectLocation(bucket: bucket, key: try chain.key(version))
            guard let damaged = try await store.head(place) else {
                // Gone by now, or no object: that throws.
                _ = try await self.entry(chain, version)
                return false
            }
            let outcome = try await store.put(
                place, entry.json.serialized(), condition: .ifMatch(damaged.etag), contentType: "application/json")
            if case .stored = outcome { return true }
            return false
        } catch let error as CatalogError {
            throw error
        } catch let error as ObjectStoreError {
            throw CatalogError(
                error.effect == .unknown ? .commitStateUnknown : .serviceUnavailable,
                "writing \(chain.prefix)/\(version): \(error.message)")
        } catch {
            throw CatalogError(.internalError, "writing \(chain.prefix)/\(version): \(error)")
        }
    }
}
