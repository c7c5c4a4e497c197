import Batching
import Clocks
import Committing
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// The road from the log to the tables: durable records into buffers, buffers into batches, batches into commits, and the
/// log trimmed behind them.
///
/// The event table holds every accepted event. Other tables are fed from the same log, each with its own buffers, commits
/// and watermark, and each exactly once; one that has halted or cannot be reached holds up nothing but the trimming.
package final class EventPipeline: Sendable {
    package struct Configuration: Sendable {
        package var commitIntervalMilliseconds: Int
        package var dedupWindowSeconds: Int64

        package init(commitIntervalMilliseconds: Int, dedupWindowSeconds: Int64) {
            self.commitIntervalMilliseconds = commitIntervalMilliseconds
            self.dedupWindowSeconds = dedupWindowSeconds
        }
    }

    private struct Tables {
        /// The event table first.
        var running: [TablePipeline] = []
        /// Added, and let in between two trims: where the log begins must not change while a table claims it.
        var waiting: [TablePipeline] = []

        var all: [TablePipeline] { running + waiting }
    }

    private let events: TablePipeline
    private let surroundings: TablePipeline.Surroundings
    private let log: any RecordLog
    private let reader: LogReader
    private let trimmer: LogTrimmer
    private let tables: Mutex<Tables>
    private let ingest: Signal
    private let progress: Signal
    private let starting = AsyncStream<TablePipeline>.makeStream()

    private static let tickMilliseconds = 20
    private static let recentKeysMax = 1 << 20

    /// - Parameters:
    ///   - storage: where the log lies; `targets.json` is kept beside it.
    ///   - events: the event table; its `memoryBytesMax` is for all tables together.
    package init(
        _ configuration: Configuration, log: any RecordLog, storage: any LogStorage, journal: DedupJournal,
        events: PipelineTarget, clock: any WallClock & MonotonicClock = SystemClock(),
        random: any RandomSource = SystemRandom(),
        logger: Logger = .disabled
    ) {
        let (ingest, progress) = (Signal(), Signal())
        self.ingest = ingest
        self.progress = progress
        self.log = log
        reader = LogReader(log: log, keysMax: configuration.dedupWindowSeconds > 0 ? Self.recentKeysMax : 0)
        let targets = TargetsFile(storage: storage, logger: logger)
        trimmer = LogTrimmer(
            log: log, reader: reader, journal: journal, targets: targets,
            dedupWindowSeconds: configuration.dedupWindowSeconds,
            clock: clock, logger: logger)
        surroundings = TablePipeline.Surroundings(
            log: log, targets: targets,
            budget: MemoryBudget(bytesMax: events.limits.memoryBytesMax),
            commitIntervalMilliseconds: configuration.commitIntervalMilliseconds, clock: clock, random: random,
            logger: logger
        ) {
            ingest.raise()
            progress.raise()
        }
        self.events = TablePipeline(events, isEvents: true, surroundings)
        tables = Mutex(Tables(waiting: [self.events]))
    }

    /// Feeds another table too, from where it is in the log. Also while the pipeline runs. False when there is one of that
    /// name already.
    @discardableResult
    package func add(_ target: PipelineTarget) -> Bool {
        let isNew = tables.withLock { tables in
            guard !tables.all.contains(where: { $0.target.name == target.name }) else { return false }
            tables.waiting.append(TablePipeline(target, isEvents: false, surroundings))
            return true
        }
        progress.raise()
        return isNew
    }

    /// Takes a durable record; called by the log's thread, in order.
    package func take(_ sequence: UInt64, _ payload: [UInt8]) {
        reader.take(sequence, payload)
        ingest.raise()
    }

    // MARK: - The loops

    /// Runs until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.ingestLoop() }
            group.addTask { await self.trimLoop() }
            group.addTask { await self.tickLoop() }
            for await table in starting.stream { group.addTask { await table.run() } }
        }
    }

    private func tickLoop() async {
        while !Task.isCancelled {
            do { try await surroundings.clock.sleep(milliseconds: Self.tickMilliseconds) } catch { break }
            let all = tables.withLock { $0.all }
            for table in all {
                table.expireWaiters()
                table.raise()
            }
            ingest.raise()
            if trimmer.isDueAgain(all) { progress.raise() }
        }
    }

    private func ingestLoop() async {
        while !Task.isCancelled {
            await ingest.wait()
            do throws(LogError) {
                while !Task.isCancelled, try await reader.step(tables.withLock({ $0.running })) {}
            } catch {
                for table in tables.withLock({ $0.all }) { table.halt("the log cannot be read back: \(error)") }
                return
            }
        }
    }

    /// Trims once at the start: without space there may never be another commit.
    private func trimLoop() async {
        while !Task.isCancelled {
            letIn()
            await trimmer.trim(tables.withLock { $0.all })
            await progress.wait()
        }
    }

    private func letIn() {
        let new = tables.withLock { tables in
            defer { tables.waiting.removeAll() }
            tables.running += tables.waiting
            return tables.waiting
        }
        for table in new { starting.continuation.yield(table) }
    }

    /// Why log and table cannot belong together; nil when they can.
    static func problem(watermark: UInt64?, log: WriteAheadLog.Status) -> String? {
        if let problem = CommitMachine.contradiction(found: watermark, known: nil, firstInLog: log.firstSequence) {
            return problem
        }
        guard let watermark, watermark > log.syncedThrough else { return nil }
        return
            "the table has this log up to record \(watermark), but the log ends with record \(log.syncedThrough): it is an "
            + "old copy. Move the log directory away to begin a new log"
    }

    // MARK: - Flush and status

    /// Brings everything that is acknowledged by now into the tables. A halted one besides the event table is not waited for.
    ///
    /// - Parameter type: counts and lists only the events of this type.
    /// - Throws: `.unavailable` when that has not happened within `timeoutMilliseconds`; it is still tried.
    package func flush(type: String? = nil, timeoutMilliseconds: Int) async throws -> Flushed {
        try await log.waitForSynced()
        let through = log.status.syncedThrough
        let deadline = surroundings.milliseconds + Int64(timeoutMilliseconds)
        let others = tables.withLock { $0.all.filter { $0 !== events && $0.halted == nil } }
        if let why = events.halted { throw CommitError(.contradiction, why) }
        return try await withThrowingTaskGroup(of: (String, Flushed?).self) { group in
            for table in others {
                group.addTask {
                    (table.target.name, try await self.flushed(table, through: through, type: type, deadline: deadline))
                }
            }
            var flushed = try await events.flush(through: through, type: type, deadline: deadline)
            for try await (name, other) in group { flushed.others[name] = other }
            return flushed
        }
    }

    /// nil when the table has halted meanwhile.
    private func flushed(
        _ table: TablePipeline, through sequence: UInt64, type: String?, deadline: Int64
    ) async throws(CommitError) -> Flushed? {
        do throws(CommitError) {
            return try await table.flush(through: sequence, type: type, deadline: deadline)
        } catch {
            guard error.code == .contradiction else { throw error }
            return nil
        }
    }

    package var condition: Condition {
        Condition(troubleMilliseconds: events.target.trouble.lastsMilliseconds, halted: events.halted)
    }

    /// Everything at once. Cost: linear in the buffers, and they wait meanwhile.
    package var status: Status {
        let others = tables.withLock { $0.all.filter { $0 !== events } }
        return Status(events: events.status, others: others.map(\.status), queuedBytes: reader.queuedBytes)
    }
}
