import Clocks
import IcebergCatalog

/// Finding the newest version of a register.
extension RegisterStore {
    enum Proving: Sendable {
        case there
        case gone
        case failed(CatalogError)
    }

    /// The newest version, one after the other from one that is known; nil when the store has lost what is known.
    func probe(_ chain: RegisterChain, from known: Seen) async throws(CatalogError) -> Seen? {
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
    func prove(_ chain: RegisterChain, _ proof: Proof) async -> Proving {
        do throws(CatalogError) {
            guard let entry = try await entry(chain, proof.version) else { return .gone }
            return entry.id == proof.id ? .there : .gone
        } catch {
            // Damaged is not lost: what is remembered of it is all there is.
            return error.code == .internalError ? .there : .failed(error)
        }
    }

    /// Finds the newest version with nothing fresh to go by: from what was known long ago, from where the guide points, or
    /// from the first version, by doubling steps and bisection. About 2 log₂(versions) reads.
    func search(_ chain: RegisterChain, from known: Seen?) async throws(CatalogError) -> Seen? {
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
                guard let entry = try await entry(chain, version) else {
                    try await requireMoved(stored, chain, version)
                    continue
                }
                if stored.guide == nil { try await requireFollowing(chain, version) }
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
        throw CatalogError(.serviceUnavailable, "the register \(chain.prefix) is trimmed again and again")
    }

    /// - Throws: `.internalError` when the guide still leads to `version`, which was not there: trimming never takes away
    ///   what the guide names.
    private func requireMoved(
        _ stored: StoredGuide, _ chain: RegisterChain, _ version: Int64
    ) async throws(CatalogError) {
        guard let now = try await guideToSearch(chain), now.etag == stored.etag else { return }
        throw CatalogError(
            .internalError,
            "version \(version) of the register \(chain.prefix), to which its hint leads, is lost: recover the table")
    }

    /// - Throws: `.internalError` when the version before one that was found by listing is missing: which of them counts is
    ///   not known without a guide.
    private func requireFollowing(_ chain: RegisterChain, _ version: Int64) async throws(CatalogError) {
        guard version > 1, try await info(chain, version - 1) == nil else { return }
        throw CatalogError(
            .internalError,
            "the register \(chain.prefix) has version \(version) and not the one before it, and its hint is damaged: recover the table"
        )
    }

    func bisect(
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
}
