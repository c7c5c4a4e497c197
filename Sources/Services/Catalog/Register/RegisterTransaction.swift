import Clocks
import IcebergCatalog

extension RegisterStore {
    /// One register's part in a transaction.
    struct Change: Sendable {
        let head: RegisterHead
        let state: RegisterState
    }

    /// Changes several registers at one instant: all of them or none, for every reader and across any crash.
    ///
    /// 1. Every register gets a version that names the transaction: what it says does not count yet.
    /// 2. One create of `transactions/<id>` decides. That put makes the effect durable, on all registers at once.
    ///
    /// A crash before step 2 leaves the registers as they were: readers see the state before, and the next writer who
    /// meets the undecided version creates the decision `aborted`, which step 2 of a stalled coordinator then finds.
    ///
    /// - Returns: false when another writer was first, or aborted this one; nothing took place.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether the decision was written.
    func transact(
        _ id: UUID, _ changes: [Change], operation: String, idempotencyKey: IdempotencyKey?
    ) async throws(CatalogError) -> Bool {
        var hasStarted = false
        do {
            for change in changes.sorted(by: { $0.head.chain.prefix < $1.head.chain.prefix }) {
                let outcome = try await advance(
                    change.head, to: change.state, operation: operation, idempotencyKey: idempotencyKey, in: id)
                guard case .advanced = outcome else {
                    if hasStarted { _ = try await decide(id, .aborted) }
                    return false
                }
                hasStarted = true
            }
        } catch {
            // Without a decision nothing counts: whatever became of the versions, nothing took place, and no one but
            // this function could decide otherwise.
            throw CatalogError(.serviceUnavailable, error.message)
        }
        return try await decide(id, .committed) == .committed
    }
}
