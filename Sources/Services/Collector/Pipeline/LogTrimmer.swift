import Batching
import Clocks
import Committing
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// Frees what every table has of the log, keys first.
///
/// No table may be left behind: one without events in the part to be freed is first asked to say so, durably.
final class LogTrimmer: Sendable {
    private struct State {
        var last: Int64 = .min / 2
        /// Why the last trim failed; nil when it did not.
        var trouble: String?
    }

    private let log: any RecordLog
    private let reader: LogReader
    private let journal: DedupJournal
    private let targets: TargetsFile
    private let dedupWindowSeconds: Int64
    private let clock: any WallClock & MonotonicClock
    private let logger: Logger
    private let state = Mutex(State())

    /// How often a trim is tried again without a commit.
    private static let againMilliseconds: Int64 = 1000

    init(
        log: any RecordLog, reader: LogReader, journal: DedupJournal, targets: TargetsFile, dedupWindowSeconds: Int64,
        clock: any WallClock & MonotonicClock, logger: Logger
    ) {
        self.log = log
        self.reader = reader
        self.journal = journal
        self.targets = targets
        self.dedupWindowSeconds = dedupWindowSeconds
        self.clock = clock
        self.logger = logger
    }

    /// A log without space takes no records, so no commit follows that would trim it; a trim that failed may find space
    /// later, when remembered keys have expired; and a table without events may have been behind when it was last asked.
    func isDueAgain(_ tables: [TablePipeline]) -> Bool {
        let (last, hasFailed) = state.withLock { ($0.last, $0.trouble != nil) }
        guard Int64(clock.nanoseconds() / 1_000_000) - last >= Self.againMilliseconds else { return false }
        if hasFailed || log.status.isShortOfSpace { return true }
        let idle = tables.map { $0.progress?.idle ?? 0 }.min() ?? 0
        return idle > 0 && log.canTrim(through: idle)
    }

    /// Trims as far as the tables allow; those that hold it up without need are asked to go on.
    func trim(_ tables: [TablePipeline]) async {
        var durable = UInt64.max
        var idle = UInt64.max
        for table in tables {
            guard let progress = table.progress else { return }
            durable = min(durable, progress.durable)
            idle = min(idle, progress.idle)
        }
        if durable < idle, log.canTrim(through: idle), !log.canTrim(through: durable) {
            for table in tables where table.progress.map({ $0.durable < idle }) ?? false {
                table.askAdvance(through: idle)
            }
        }
        let hasFailed = state.withLock { $0.trouble != nil }
        guard hasFailed || log.status.isShortOfSpace || log.canTrim(through: durable) else { return }
        await trim(through: durable, tables)
    }

    private func trim(through watermark: UInt64, _ tables: [TablePipeline]) async {
        let failedBefore = state.withLock { state in
            state.last = Int64(clock.nanoseconds() / 1_000_000)
            return state.trouble != nil
        }
        let (log, reader, journal, targets, window) = (log, reader, journal, targets, dedupWindowSeconds)
        let fed = Set(tables.map(\.target.name))
        let seconds = clock.now().milliseconds / 1000
        var trouble: LogError?
        do throws(LogError) {
            let freed = try await BlockingPool.shared.run { () throws(LogError) -> Int in
                let needsSpace = failedBefore || log.status.isShortOfSpace
                if needsSpace { try journal.removeExpired(windowSeconds: window, now: seconds) }
                let freed = try log.trim(through: watermark) { segment throws(LogError) in
                    try targets.passOver(allBut: fed, from: segment.first)
                    guard window > 0 else { return }
                    if let keys = reader.keys(from: segment.first, before: segment.next) {
                        try journal.keep(first: segment.first, keys: keys)
                    } else {
                        try journal.keep(first: segment.first, records: try segment.records())
                    }
                }
                if freed > 0 && !needsSpace { try journal.removeExpired(windowSeconds: window, now: seconds) }
                return freed
            }
            if freed > 0 {
                let first = log.status.firstSequence
                for table in tables { await table.target.sink.logBegins(with: first) }
            }
        } catch {
            trouble = error
        }
        let before = state.withLock { state in
            defer { state.trouble = trouble?.message }
            return state.trouble
        }
        if let trouble, trouble.message != before {
            logger.warn("the log cannot be trimmed; it is tried again", ["error": "\(trouble)"])
        }
    }
}
