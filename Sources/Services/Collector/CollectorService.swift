import Batching
import CatalogAccess
import Clocks
import Committing
import Configuration
import Events
import Files
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import ServiceHost
import Synchronization
import Telemetry
import WriteAheadLog

/// The collector: log, intake, pipeline and what surrounds them, wired and running.
package final class CollectorService: Sendable {
    let configuration: CollectorConfiguration
    let store: any ObjectStore
    let log: WriteAheadLog
    let intake: EventIntake
    let enricher: Enricher
    let browserSDK: BrowserSDK
    /// What a compressed body may come to.
    let bodyBytesMax: Int
    let pipeline: EventPipeline
    let deadLetters: DeadLetters?
    let refusals: RefusalKeeper?
    let journal: DedupJournal
    let quarantine: Quarantine?
    let pause: PauseFlag
    let schemas: CollectorSchemas
    let clock = SystemClock()
    let startedAt = SystemClock().now()
    let metrics: CollectorMetrics
    private let storage: DirectoryStorage
    private let logAge: Mutex<LogAge>
    private let logger: Logger
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// Opens log and store, recovers, and starts. Events are taken from here on, also while the catalog is away.
    ///
    /// - Throws: when the log cannot be used, or contradicts what can be seen of the table.
    package init(_ configuration: CollectorConfiguration, worker: Worker) async throws {
        self.configuration = configuration
        logger = worker.logger
        browserSDK = try BrowserSDK()
        bodyBytesMax = worker.configuration.bodyBytesMax
        enricher = try await BlockingPool.shared.run { try Enricher(configuration.enrichment) }
        store = try configuration.objectStore.open(http: worker.httpClient(), counting: worker.storeRequests)
        let metrics = CollectorMetrics(worker.metrics)
        self.metrics = metrics
        let opened = try await BlockingPool.shared.run { try Self.openLog(configuration, metrics) }
        storage = opened.storage
        logAge = Mutex(opened.age)
        log = opened.log
        pause = opened.pause
        journal = opened.journal
        if opened.log.tornBytes > 0 {
            logger.warn("cut an unacknowledged tail off the log", ["bytes": opened.log.tornBytes])
        }
        for name in opened.damaged {
            logger.warn(
                "a file of remembered events is damaged; only compaction finds their duplicates", ["file": name])
        }
        let schemas = try CollectorSchemas(configuration, opened.log, opened.lives, store, metrics, worker)
        self.schemas = schemas
        let secret = EventKeySecret(low: log.identity.secret.low, high: log.identity.secret.high)
        refusals =
            configuration.quarantineTable == nil ? nil : RefusalKeeper(log: log, limits: configuration.refusals)
        intake = EventIntake(
            parser: EventParser(limits: configuration.events, strict: configuration.isStrict, secret: secret),
            gate: schemas.gate, log: log, window: opened.window, refusals: refusals,
            beforeAppending: { [lives = opened.lives] () throws(FileError) in try lives.noteEnd() })
        deadLetters =
            configuration.keepsRejected && refusals == nil
            ? DeadLetters(store: store, bucket: configuration.objectStore.sourceBucket) : nil
        let trouble = SinkTrouble()
        let counted = metrics.table(Self.tableName(configuration))
        let sink = try Self.sink(configuration, store, log, opened.lives, worker, counted) { trouble.report($0) }
        pipeline = EventPipeline(
            EventPipeline.Configuration(
                commitIntervalMilliseconds: configuration.commitIntervalMilliseconds,
                dedupWindowSeconds: Int64(configuration.dedupWindowSeconds)),
            log: log, storage: opened.storage, journal: opened.journal,
            events: PipelineTarget(
                name: Self.tableName(configuration), filter: .accepted,
                sink: MeteredSink(sink: sink, metrics: counted, clock: clock), limits: configuration.batches,
                trouble: trouble), logger: logger)
        try await schemas.start(feeding: pipeline)
        quarantine = try Self.openQuarantine(configuration, store, log, opened.lives, worker, metrics, intake, pipeline)
        try log.start { [self] sequence, payload in
            let now = clock.now().milliseconds
            logAge.withLock { $0.note(sequence, at: now) }
            pipeline.take(sequence, payload)
        }
        running.withLock { $0 = Task.detached { [pipeline] in await pipeline.run() } }
    }

    private struct Opened: Sendable {
        let storage: DirectoryStorage
        let log: WriteAheadLog
        let lives: LogLives
        let window: DedupWindow
        let journal: DedupJournal
        let damaged: [String]
        let pause: PauseFlag
        let age: LogAge
    }

    /// Rebuilds the window of duplicates from what is kept beside the log and from the log itself.
    private static func openLog(
        _ configuration: CollectorConfiguration, _ metrics: CollectorMetrics
    ) throws -> Opened {
        let storage = try DirectoryStorage(path: configuration.logDirectory) { nanoseconds in
            metrics.sync.observe(Double(nanoseconds) / 1e9)
        }
        let log = try WriteAheadLog(storage: storage, configuration: configuration.log)
        let lives = try LogLives(storage: storage, logEnd: log.status.syncedThrough)
        var window = DedupWindow(
            windowSeconds: Int64(configuration.dedupWindowSeconds), keysMax: configuration.dedupKeysMax)
        let now = SystemClock().now().milliseconds / 1000
        let journal = DedupJournal(storage: storage, keysMax: configuration.dedupKeysMax)
        let damaged = try journal.load(into: &window, now: now)
        var problem: LogError?
        var age = LogAge()
        try log.forEachRecord(from: 0) { sequence, record in
            do throws(LogError) {
                let keys = try DedupJournal.keys(of: record)
                for key in keys { _ = window.insert(key.key, at: key.seconds) }
                if let first = keys.first { age.note(sequence, at: first.seconds * 1000) }
            } catch {
                problem = problem ?? error
            }
        }
        if let problem { throw problem }
        let pause = try PauseFlag(directory: configuration.logDirectory)
        return Opened(
            storage: storage, log: log, lives: lives, window: window, journal: journal, damaged: damaged, pause: pause,
            age: age)
    }

    private static func sink(
        _ configuration: CollectorConfiguration, _ store: any ObjectStore, _ log: WriteAheadLog, _ lives: LogLives,
        _ worker: Worker, _ metrics: TableMetrics, onTrouble: @escaping @Sendable (CommitError?) -> Void
    ) throws -> any BatchSink {
        let bucket = configuration.objectStore.sourceBucket
        guard configuration.usesIceberg else {
            return try PlainFiles(store: store, bucket: bucket, logID: log.identity.id, onTrouble: onTrouble)
        }
        guard let table = configuration.catalog.table, let key = configuration.catalog.tableLocation else {
            throw CommitError(.failed, "the configuration names no table")
        }
        let committer = committer(configuration, table, key, store, log, lives, metrics)
        let tables = try configuration.catalog.openForWriting(
            store: store, sourceBucket: bucket, retries: configuration.objectStore.retryPolicy, worker: worker)
        return TableCommitter(
            committer, catalog: tables.catalog, store: tables.store, firstInLog: log.status.firstSequence,
            logger: worker.logger, onTrouble: onTrouble)
    }

    private static func committer(
        _ configuration: CollectorConfiguration, _ table: TableIdentifier, _ key: ObjectKey, _ store: any ObjectStore,
        _ log: WriteAheadLog, _ lives: LogLives, _ metrics: TableMetrics
    ) -> TableCommitter.Configuration {
        let location = store.uri(of: ObjectLocation(bucket: configuration.objectStore.sourceBucket, key: key))
        var committer = TableCommitter.Configuration(table: table, location: location, logID: log.identity.id)
        committer.backoff = Backoff(
            baseMilliseconds: configuration.objectStore.retryPolicy.baseDelayMilliseconds,
            maxMilliseconds: min(configuration.objectStore.retryPolicy.delayMillisecondsMax, 30_000))
        committer.evolvesSchema = configuration.evolvesSchema
        committer.granularity = configuration.granularity
        committer.lives = lives
        committer.onSetback = { metrics.count($0) }
        return committer
    }

    /// Feeds the table of refused events from the log too; nil where they are not kept in one.
    private static func openQuarantine(
        _ configuration: CollectorConfiguration, _ store: any ObjectStore, _ log: WriteAheadLog, _ lives: LogLives,
        _ worker: Worker, _ metrics: CollectorMetrics, _ intake: EventIntake, _ pipeline: EventPipeline
    ) throws -> Quarantine? {
        guard let table = configuration.quarantineTable, let key = configuration.quarantineLocation else { return nil }
        let tables = try configuration.catalog.openForWriting(
            store: store, sourceBucket: configuration.objectStore.sourceBucket,
            retries: configuration.objectStore.retryPolicy, worker: worker, others: [table: key])
        let counted = metrics.table(table.description)
        var committer = committer(configuration, table, key, store, log, lives, counted)
        committer.shape = .quarantine
        let trouble = SinkTrouble()
        let sink = TableCommitter(
            committer, catalog: tables.catalog, store: tables.store, firstInLog: log.status.firstSequence,
            logger: worker.logger
        ) { trouble.report($0) }
        pipeline.add(
            PipelineTarget(
                name: table.description, filter: .refused,
                sink: MeteredSink(sink: sink, metrics: counted, clock: SystemClock()), limits: configuration.batches,
                trouble: trouble))
        return Quarantine(
            table, catalog: tables.catalog, store: tables.store, log: log.identity.id, intake: intake,
            pipeline: pipeline)
    }

    /// The event table, as metrics and status call it.
    private static func tableName(_ configuration: CollectorConfiguration) -> String {
        configuration.usesIceberg ? configuration.catalog.table?.description ?? "" : "events"
    }

    /// How long ago, to the second, the first record behind `committed` was received; nil when there is none.
    func oldestMilliseconds(behind committed: UInt64) -> Int64? {
        let through = log.status.syncedThrough
        let now = clock.now().milliseconds
        return logAge.withLock { $0.age(behind: committed, through: through, now: now) }
    }

    /// nil when the disk does not say.
    var freeDiskBytes: Int? {
        do { return try storage.freeBytes() } catch { return nil }
    }

    /// Brings what it can into the table within `milliseconds`; the rest stays in the log for the next start.
    package func stop(milliseconds: Int) async {
        do {
            let flushed = try await pipeline.flush(timeoutMilliseconds: milliseconds)
            logger.info("flushed before the stop", ["events": flushed.events])
        } catch {
            logger.warn("what is not in the table stays in the log", ["reason": "\(error)"])
        }
        let task = running.withLock { $0 }
        task?.cancel()
        await task?.value
        do {
            try await deadLetters?.flush()
        } catch {
            logger.warn("refused events could not be kept", ["error": "\(error)"])
        }
        let log = log
        await BlockingPool.shared.run { log.close() }
    }
}
