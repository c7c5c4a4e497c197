import Bytes
import Clocks
import Failpoints
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization

/// Making versions of registers.
extension RegisterStore {
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
        for key in idempotencyKeys { if let refusal = key.refusal { throw refusal } }
        let entry = RegisterEntry(
            id: UUID.random(), time: clock.now(), operation: operation, state: state,
            transaction: transaction.map { RegisterEntry.PendingTransaction(id: $0, before: head.state) },
            idempotencyKeys: idempotencyKeys, origins: origins)
        guard head.version < CatalogLimits.registerVersionMax else {
            throw CatalogError(.internalError, "the register \(head.chain.prefix) has had its last version")
        }
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

    func putProved(_ place: ObjectLocation, _ json: JSONValue) async throws(CatalogError) -> ProvedPut {
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
}
