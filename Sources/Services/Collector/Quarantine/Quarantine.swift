import Batching
import Clocks
import Committing
import Events
import Files
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization
import WriteAheadLog

/// The table of refused events, read: counts, and replays.
///
/// What a replay guarantees. A refusal whose events were taken has a second row of the same id with the reason `replayed`,
/// which is in the same record of the log as the events; so a crash leaves both or neither, and a later replay, of this
/// collector or another, passes it over. One collector runs one replay at a time, and first brings what is in its log into
/// the tables. Of several collectors one at a time replays (`ReplayClaim`), and lets the next do so when what it replayed
/// is in the tables.
package final class Quarantine: Sendable {
    package struct Selection: Sendable {
        package var reason: String?
        /// Receipt: from inclusive, to exclusive.
        package var from: Timestamp?
        package var to: Timestamp?
        /// Refusals tried.
        package var limit = 1000
        /// Tell what would come of it, and take nothing.
        package var isTrial = false
        /// Whatever other collector is replaying: it is gone, and its log with it.
        package var takesOver = false

        package init() {}
    }

    /// Why one refusal was not taken.
    package struct Failure: Sendable {
        package let id: String
        package let reason: String
        package let message: String
    }

    package struct Report: Sendable {
        /// Refusals taken, or that would be.
        package fileprivate(set) var replayed = 0
        package fileprivate(set) var accepted = 0
        package fileprivate(set) var duplicates = 0
        package fileprivate(set) var alreadyReplayed = 0
        /// Some of their bytes were not kept.
        package fileprivate(set) var cut = 0
        /// Refused by a rule, not for what they are: replayed only when their reason is asked for.
        package fileprivate(set) var ruledOut = 0
        package fileprivate(set) var refused = 0
        /// The first of them.
        package fileprivate(set) var failures: [Failure] = []
        /// There are more than were tried.
        package fileprivate(set) var hasMore = false
        /// What was taken is not in the tables yet: until then no other collector may replay.
        package fileprivate(set) var isPending = false
    }

    package struct Counts: Sendable {
        package fileprivate(set) var byReason: [String: Int] = [:]
        package fileprivate(set) var replayed = 0
    }

    package enum Failed: Error, Sendable {
        /// A replay is running.
        case busy
        /// Another collector is replaying, or what it replayed is not in the tables yet.
        case claimed(log: String, since: String)
        /// What is in the log is not in the table, so what was replayed cannot be known.
        case halted(String)
        /// More was replayed since `from` than fits into memory.
        case tooMany
        case table(String)
    }

    package static let failuresMax = 100
    /// Reasons that say nothing against the event itself, but that its sender may not send it.
    static let rules: Set<String> = [
        EventRejection.Reason.typeNotAllowed.rawValue, EventRejection.Reason.timeOutOfRange.rawValue,
    ]
    private static let replayedMax = 1_000_000
    private static let flushMilliseconds = 60_000

    package let table: TableIdentifier
    private let catalog: any TableCatalog
    private let store: any ObjectStore
    private let loader: ManifestLoader
    private let log: UUID
    private let intake: EventIntake
    private let pipeline: EventPipeline
    private let isRunning = Mutex(false)

    package init(
        _ table: TableIdentifier, catalog: any TableCatalog, store: any ObjectStore, log: UUID, intake: EventIntake,
        pipeline: EventPipeline
    ) {
        self.table = table
        self.catalog = catalog
        self.store = store
        self.log = log
        self.intake = intake
        self.pipeline = pipeline
        loader = ManifestLoader(store: store)
    }

    /// Refusals in the table by reason. Cost: reads three columns of every file since then.
    package func counts(since from: Timestamp?) async throws -> Counts {
        var selection = Selection()
        selection.from = from
        var counts = Counts()
        guard let scan = try await scan(["reason"], selection) else { return counts }
        for try await batch in scan.batches() {
            for row in 0..<batch.rowCount {
                guard case .string(let reason)? = batch.column(named: "reason")?.datum(at: row) else { continue }
                if reason == Refusal.replayed { counts.replayed += 1 } else { counts.byReason[reason, default: 0] += 1 }
            }
        }
        return counts
    }

    /// Sends refused events through the intake again.
    ///
    /// - Throws: `Failed`; `LogError` when the log takes nothing; `CommitError` when the tables cannot be brought up to date
    ///   within a minute. What was taken before that stays taken.
    package func replay(_ selection: Selection) async throws -> Report {
        let isFree = isRunning.withLock { isRunning in
            defer { isRunning = true }
            return !isRunning
        }
        guard isFree else { throw Failed.busy }
        defer { isRunning.withLock { $0 = false } }
        let flushed = try await pipeline.flush(timeoutMilliseconds: Self.flushMilliseconds)
        guard flushed.others[table.description] != nil else {
            throw Failed.halted("the table \(table) takes no commits; see /health")
        }
        return selection.isTrial ? try await tried(selection) : try await claiming(selection)
    }

    /// Holds the claim for as long as what is taken is in the log alone.
    private func claiming(_ selection: Selection) async throws -> Report {
        let claim = try ReplayClaim(store, table: try await load().metadata.location, log: log)
        let etag: String
        do {
            etag = try await claim.take(isForced: selection.takesOver)
        } catch let held as ReplayClaim.Held {
            throw Failed.claimed(log: held.log, since: held.since)
        }
        var report = Report()
        var failure: (any Error)?
        do { report = try await tried(selection) } catch { failure = error }
        do {
            let flushed = try await pipeline.flush(timeoutMilliseconds: Self.flushMilliseconds)
            guard flushed.others[table.description] != nil else { throw Failed.halted("the table \(table) has halted") }
            try await claim.release(etag)
        } catch {
            report.isPending = true
        }
        if let failure { throw failure }
        return report
    }

    private func tried(_ selection: Selection) async throws -> Report {
        let replayed = try await replayedIDs(from: selection.from)
        var report = Report()
        guard let scan = try await scan(QuarantinedEvent.columns, selection) else { return report }
        var tried = 0
        for try await batch in scan.batches() {
            for row in 0..<batch.rowCount {
                guard let refused = QuarantinedEvent(batch, row: row), refused.reason != Refusal.replayed else {
                    continue
                }
                guard !replayed.contains(refused.id) else {
                    report.alreadyReplayed += 1
                    continue
                }
                guard selection.reason != nil || !Self.rules.contains(refused.reason) else {
                    report.ruledOut += 1
                    continue
                }
                guard !refused.isCut else {
                    report.cut += 1
                    continue
                }
                guard tried < selection.limit else {
                    report.hasMore = true
                    return report
                }
                tried += 1
                Self.count(try await intake.replay(refused, isTrial: selection.isTrial), of: refused, in: &report)
            }
        }
        return report
    }

    private static func count(_ outcome: EventIntake.Replay, of refused: QuarantinedEvent, in report: inout Report) {
        let (reason, message): (String, String)
        switch outcome {
        case .taken(let accepted, let duplicates):
            report.replayed += 1
            report.accepted += accepted
            report.duplicates += duplicates
            return
        case .refused(let rejections):
            (reason, message) = (rejections.first?.reason.rawValue ?? "", rejections.first?.message ?? "")
        case .unreadable(let error): (reason, message) = (refused.reason, error.message)
        }
        report.refused += 1
        if report.failures.count < failuresMax {
            report.failures.append(Failure(id: refused.id, reason: reason, message: message))
        }
    }

    /// What was replayed was refused before that: rows from before `from` matter only as far as clocks may differ.
    private func replayedIDs(from: Timestamp?) async throws -> Set<String> {
        var selection = Selection()
        selection.from = from.map { Timestamp(microseconds: $0.microseconds - 86_400_000_000) }
        selection.reason = Refusal.replayed
        var ids: Set<String> = []
        guard let scan = try await scan(["rejected_id"], selection) else { return ids }
        for try await batch in scan.batches() {
            for row in 0..<batch.rowCount {
                guard case .string(let id)? = batch.column(named: "rejected_id")?.datum(at: row) else { continue }
                ids.insert(id)
            }
            guard ids.count <= Self.replayedMax else { throw Failed.tooMany }
        }
        return ids
    }

    /// nil while there is no such table.
    private func scan(_ columns: [String], _ selection: Selection) async throws -> TableScan? {
        var terms: [Predicate] = []
        if let reason = selection.reason { terms.append(.equal(Term("reason"), .string(reason))) }
        if let from = selection.from {
            terms.append(.atLeast(Term("received_at"), .timestamptz(from.microseconds)))
        }
        if let to = selection.to { terms.append(.less(Term("received_at"), .timestamptz(to.microseconds))) }
        do throws(CatalogError) {
            let loaded = try await catalog.loadTable(table)
            return TableScan(
                loaded.metadata, loader: loader, columns: columns, predicate: terms.isEmpty ? nil : .and(terms))
        } catch {
            if [.noSuchTable, .noSuchNamespace, .notFound].contains(error.code) { return nil }
            throw Failed.table(error.description)
        }
    }

    private func load() async throws -> LoadedTable {
        do throws(CatalogError) {
            return try await catalog.loadTable(table)
        } catch {
            throw Failed.table(error.description)
        }
    }
}
