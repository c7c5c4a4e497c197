import Clocks
import Concurrency
import IcebergCatalog
import Synchronization

extension CatalogService {
    /// Which changes are asked for.
    struct AuditQuery: Sendable {
        var scope: RecordScope = .warehouse
        var principal: String?
        var operation: String?
        /// From then on.
        var since: Timestamp
        /// Before then.
        var until: Timestamp?

        func matches(_ change: RecordedChange) -> Bool {
            guard let entry = change.entry, entry.time >= since else { return false }
            if let until, entry.time >= until { return false }
            if let operation, entry.operation != operation { return false }
            guard let principal else { return true }
            return entry.origins.contains { $0.principal == principal }
        }
    }

    /// Every change that a register has recorded, the newest first by the clocks of the replicas that made them. Refused
    /// requests change nothing: they are in the log.
    ///
    /// Cost: a listing of each namespace for all but one table, and a read for each version since `query.since`.
    ///
    /// - Throws: `.unprocessable` when more than `CatalogLimits.auditVersionsMax` versions would have to be read.
    func audit(_ query: AuditQuery) async throws(CatalogError) -> [RecordedChange] {
        let subjects = try await subjects(in: query.scope, isWhole: true)
        let budget = Budget(CatalogLimits.auditVersionsMax)
        let found = try await mapConcurrently(subjects, limit: CatalogLimits.operationConcurrency) {
            (subject) async throws(CatalogError) in
            try await self.changes(of: subject, query, budget)
        }
        return found.joined().sorted {
            ($1.time, $0.subject.order, $1.version) < ($0.time, $1.subject.order, $0.version)
        }
    }

    private final class Budget: Sendable {
        private let left: Mutex<Int>
        init(_ count: Int) { left = Mutex(count) }

        func spend() throws(CatalogError) {
            let isSpent = left.withLock { left in
                left -= 1
                return left < 0
            }
            guard isSpent else { return }
            throw CatalogError(
                .unprocessable,
                "more than \(CatalogLimits.auditVersionsMax) changes since then: ask for a table, a namespace or a later time"
            )
        }
    }

    private func changes(
        of subject: RecordedSubject, _ query: AuditQuery, _ budget: Budget
    ) async throws(CatalogError) -> [RecordedChange] {
        let chain = try subject.chain()
        var found: [RecordedChange] = []
        var version = try await registers.newestListed(chain)
        while version > 0 {
            try budget.spend()
            // Old versions may have been taken away.
            guard let change = try await registers.change(of: subject, chain, version) else { break }
            if change.entry != nil, change.time < query.since { break }
            if query.matches(change) { found.append(change) }
            version -= 1
        }
        return found
    }
}

extension RecordedSubject {
    /// For an order that stays.
    var order: String {
        do { return try chain().prefix } catch { return "" }
    }
}
