import CatalogAccess
import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import ServiceHost
import Telemetry

/// Keeps tables fast to read: merges small files, expires old snapshots, finds orphans. One job a table at a time.
package final class CompactionService: Sendable {
    package let jobs = JobRegistry()
    let configuration: CompactionConfiguration
    let catalog: any TableCatalog
    let loader: ManifestLoader
    let eventTable: TableIdentifier

    private let history: JobHistory
    private let logger: Logger
    private let wallClock: any WallClock
    private let monotonicClock: any MonotonicClock
    private let random: any RandomSource
    private let metrics: CompactionMetrics

    /// - Throws: `.refused` when the configuration names no table.
    package init(
        _ configuration: CompactionConfiguration, store: any ObjectStore, catalog: any TableCatalog,
        logger: Logger, metrics: MetricsRegistry = MetricsRegistry(),
        wallClock: any WallClock = SystemClock(), monotonicClock: any MonotonicClock = SystemClock(),
        random: any RandomSource = SystemRandom()
    ) throws(CompactionError) {
        guard let table = configuration.catalog.table else {
            throw CompactionError(.refused, "the configuration names no event table")
        }
        eventTable = table
        self.configuration = configuration
        self.catalog = catalog
        loader = ManifestLoader(store: store)
        history = JobHistory(store: store, bucket: configuration.objectStore.catalogBucket, logger: logger)
        self.logger = logger
        self.wallClock = wallClock
        self.monotonicClock = monotonicClock
        self.random = random
        self.metrics = CompactionMetrics(metrics)
    }

    /// Brings back the history of earlier processes.
    package func restoreHistory() async { jobs.restore(await history.load()) }

    package func now() -> Timestamp { wallClock.now() }

    /// `events` or the configured table's name is the event table; other names are `namespace.table`, or a table of the
    /// event table's namespace.
    package func identifier(_ text: String) throws(CompactionError) -> TableIdentifier {
        if text == "events" || text == eventTable.name { return eventTable }
        do {
            return text.contains(".")
                ? try TableIdentifier(dotted: text) : try TableIdentifier(eventTable.namespace, text)
        } catch {
            throw CompactionError(error)
        }
    }

    // MARK: - Jobs

    /// What a job is to do.
    package enum Request: Hashable, Sendable {
        case compact(force: Bool)
        case expire(retentionDays: Int)
        case orphans(ageHoursMin: Int)

        var kind: MaintenanceJob.Kind {
            switch self {
            case .compact: .compact
            case .expire: .expire
            case .orphans: .orphans
            }
        }
    }

    /// Starts a job; it goes on when the caller goes away.
    ///
    /// - Throws: `.conflict` while another job of the table runs, `.noSuchTable`, `.unavailable`.
    package func start(
        _ request: Request, table: TableIdentifier, dryRun: Bool
    ) async throws(CompactionError) -> (job: MaintenanceJob, task: Task<Void, Never>) {
        let base = try await load(table)
        let job = MaintenanceJob(
            id: UUID.timeOrdered(at: now(), random), kind: request.kind, table: table.description, isDryRun: dryRun,
            started: now())
        try jobs.begin(job)
        await history.save(job, now: now())
        let task = Task.detached { await self.run(request, table: table, base: base, job: job) }
        jobs.attach(task, to: job.id)
        return (job, task)
    }

    private func load(_ table: TableIdentifier) async throws(CompactionError) -> LoadedTable {
        do { return try await catalog.loadTable(table) } catch { throw CompactionError(error) }
    }

    private func run(_ request: Request, table: TableIdentifier, base: LoadedTable, job: MaintenanceJob) async {
        let outcome: Result<JSONValue, CompactionError>
        do throws(CompactionError) {
            outcome = .success(try await perform(request, table: table, base: base, job: job))
        } catch {
            outcome = .failure(error)
        }
        let failure: CompactionError? = if case .failure(let error) = outcome { error } else { nil }
        let ended = jobs.end(job.id, failure: failure) { job in
            job.finished = now()
            switch outcome {
            case .success(let result):
                job.state = .succeeded
                job.result = result
            case .failure(let error):
                job.state = .failed
                job.error = error.message
            }
        }
        guard let ended else { return }
        metrics.record(ended)
        await history.save(ended, now: now())
        if let error = ended.error {
            logger.error("\(job.kind.rawValue) failed", ["table": job.table, "job": job.id, "error": error])
        } else {
            logger.info("\(job.kind.rawValue) done", ["table": job.table, "job": job.id, "result": ended.result])
        }
    }

    private func perform(
        _ request: Request, table: TableIdentifier, base: LoadedTable, job: MaintenanceJob
    ) async throws(CompactionError) -> JSONValue {
        switch request {
        case .compact(let force):
            let run = compaction(of: table)
            let plan = try await run.plan(base, force: force)
            jobs.update(job.id) { $0.total = CompactionProgress(files: plan.files, bytes: plan.inputBytes) }
            guard !job.isDryRun else { return plan.json }
            let result = try await run.execute(plan, on: base) { [jobs] progress in
                jobs.update(job.id) { $0.done += progress }
            }
            metrics.add(result)
            return result.json(plan)
        case .expire(let days):
            let expiry = SnapshotExpiry(
                table: table, retentionDays: days, loader: loader, committer: committer, clock: wallClock)
            return try await expiry.run(on: base, dryRun: job.isDryRun).json
        case .orphans(let hours):
            let orphans = OrphanFiles(table: table, loader: loader, committer: committer, clock: wallClock)
            return try await orphans.run(ageHoursMin: hours, dryRun: job.isDryRun).json
        }
    }

    private var committer: TableCommitter {
        TableCommitter(
            catalog: catalog, store: loader.store, clock: monotonicClock, random: random, logger: logger)
    }

    private func compaction(of table: TableIdentifier) -> CompactionRun {
        CompactionRun(
            table: table, planner: configuration.planner, memoryBytes: configuration.memoryBytes,
            removesDuplicates: table == eventTable, loader: loader, committer: committer, clock: wallClock,
            random: random)
    }

    /// What a compaction would find now.
    package func plan(_ table: TableIdentifier) async throws(CompactionError) -> CompactionPlan {
        try await compaction(of: table).plan(try await load(table), force: false)
    }

    /// For `/health`: the catalog answers. A table that does not exist yet is no fault.
    package func checkCatalog() async throws(CompactionError) -> HealthCheck {
        do throws(CatalogError) {
            _ = try await catalog.tableExists(eventTable)
            return .healthy
        } catch {
            guard error.code == .noSuchNamespace else { return .unhealthy(error.message) }
            return .healthy
        }
    }

    // MARK: - Schedule

    /// Compacts and expires by the schedule until cancelled. A failure is logged with its job; the next run comes as usual.
    package func runSchedule() async {
        while !Task.isCancelled {
            guard let next = configuration.schedule.next(after: now()) else { return }
            do {
                // In steps, so that a clock that is set does not make a run hours late.
                while now() < next {
                    let rest = (next.microseconds - now().microseconds) / 1000 + 1
                    try await monotonicClock.sleep(milliseconds: Int(min(max(rest, 1), 60_000)))
                }
            } catch {
                return
            }
            await runOnce()
        }
    }

    /// One scheduled run: every table of the event table's namespace.
    package func runOnce() async {
        for table in await scheduledTables() {
            for request in [Request.compact(force: false), .expire(retentionDays: configuration.retentionDays)] {
                if Task.isCancelled { return }
                do throws(CompactionError) {
                    await (try await start(request, table: table, dryRun: false)).task.value
                } catch {
                    guard error.code != .noSuchTable else { break }
                    logger.warn(
                        "scheduled \(request.kind.rawValue) not started",
                        ["table": table.description, "error": error.message])
                }
            }
        }
    }

    private func scheduledTables() async -> [TableIdentifier] {
        do throws(CatalogError) {
            let others = try await catalog.listTables(in: eventTable.namespace)
            return [eventTable] + others.filter { $0 != eventTable }
        } catch {
            logger.debug("tables could not be listed", ["error": error.message])
            return [eventTable]
        }
    }
}

/// Counters and gauges of this worker.
private struct CompactionMetrics: Sendable {
    private let jobs: MetricFamily<Counter>
    private let seconds: MetricFamily<Histogram>
    private let files: Counter
    private let bytes: Counter
    private let duplicates: Counter

    init(_ registry: MetricsRegistry) {
        jobs = registry.counter("compaction_jobs_total", "Jobs ended.", labels: ["kind", "status"])
        seconds = registry.histogram("compaction_job_seconds", "How long jobs took.", labels: ["kind"])
        files = registry.counter("compaction_files_rewritten_total", "Files replaced by fewer.")
        bytes = registry.counter("compaction_bytes_rewritten_total", "Bytes of the files replaced.")
        duplicates = registry.counter("compaction_duplicates_removed_total", "Rows removed as later duplicates.")
    }

    func record(_ job: MaintenanceJob) {
        jobs.with(job.kind.rawValue, job.state.rawValue).increment()
        let end = job.finished ?? job.started
        seconds.with(job.kind.rawValue).observe(Double(end.microseconds - job.started.microseconds) / 1e6)
    }

    func add(_ result: CompactionResult) {
        files.increment(by: result.filesRewritten)
        bytes.increment(by: Int(result.bytesBefore))
        duplicates.increment(by: Int(result.duplicatesRemoved))
    }
}
