import Batching
import CatalogAccess
import Clocks
import Committing
import IcebergCatalog
import ObjectStore
import Schemas
import ServiceHost
import Synchronization
import Telemetry
import WriteAheadLog

/// The tables of registered types: each is a target of the pipeline from when it is known, and gets the columns of its
/// newest schema.
///
/// A table is fed for as long as the process lives, also when its type is registered no more: it then holds what it had.
final class TypedTables: Sendable {
    struct Status: Sendable {
        let type: String
        let table: String
        let columns: Int
    }

    private struct Fed: Sendable {
        let type: String
        let committer: TableCommitter
        var columns: [TypedColumn]
    }

    private struct State {
        var pipeline: EventPipeline?
        var fed: [String: Fed] = [:]
        /// Said once.
        var complaints: Set<String> = []
    }

    private let configuration: CollectorConfiguration
    private let log: WriteAheadLog
    private let lives: LogLives
    private let store: any ObjectStore
    private let metrics: CollectorMetrics
    private let worker: Worker
    private let clock = SystemClock()
    private let state = Mutex(State())

    init(
        _ configuration: CollectorConfiguration, _ log: WriteAheadLog, _ lives: LogLives, _ store: any ObjectStore,
        _ metrics: CollectorMetrics, _ worker: Worker
    ) {
        self.configuration = configuration
        self.log = log
        self.lives = lives
        self.store = store
        self.metrics = metrics
        self.worker = worker
    }

    var status: [Status] {
        state.withLock { state in
            state.fed.map { Status(type: $1.type, table: $0, columns: $1.columns.count) }.sorted { $0.table < $1.table }
        }
    }

    func feed(_ pipeline: EventPipeline) { state.withLock { $0.pipeline = pipeline } }

    /// Feeds the tables of these schemas too, and gives those that are fed their newest columns.
    func follow(_ schemas: [EventSchema]) async {
        guard configuration.usesIceberg, let events = configuration.catalog.table else { return }
        for schema in schemas {
            guard let name = schema.table else { continue }
            do {
                let table = try TableIdentifier(events.namespace, name)
                let taken = [events, configuration.quarantineTable].compactMap { $0?.description.lowercased() }
                guard !taken.contains(table.description.lowercased()) else {
                    complain("\(schema.type) cannot have the table \(table): the collector keeps other events there")
                    continue
                }
                try await follow(schema, table)
            } catch {
                complain("the typed table of \(schema.type) cannot be written: \(error)")
            }
        }
    }

    private func follow(_ schema: EventSchema, _ table: TableIdentifier) async throws {
        let name = table.description
        let known = state.withLock { $0.fed[name] }
        if let known {
            guard known.type == schema.type else {
                complain("the table \(name) is that of \(known.type); events of \(schema.type) do not get into it")
                return
            }
            guard known.columns != schema.columns else { return }
            await known.committer.reshape(.typed(schema.columns))
            state.withLock { $0.fed[name]?.columns = schema.columns }
            return
        }
        let trouble = SinkTrouble()
        let counted = metrics.table(name)
        let committer = try committer(for: schema, table, counted) { trouble.report($0) }
        let pipeline = state.withLock { state in
            state.fed[name] = Fed(type: schema.type, committer: committer, columns: schema.columns)
            return state.pipeline
        }
        let target = PipelineTarget(
            name: name, filter: .type(schema.type),
            sink: MeteredSink(sink: committer, metrics: counted, clock: clock), limits: configuration.batches,
            trouble: trouble)
        guard pipeline?.add(target) == true else { return complain("the table \(name) is fed already") }
        worker.logger.info("a typed table is fed", ["type": schema.type, "table": name])
    }

    private func committer(
        for schema: EventSchema, _ table: TableIdentifier, _ counted: TableMetrics,
        onTrouble: @escaping @Sendable (CommitError?) -> Void
    ) throws -> TableCommitter {
        let bucket = configuration.objectStore.sourceBucket
        let key = try ObjectKey((table.namespace.levels + [table.name]).joined(separator: "/"))
        let location = store.uri(of: ObjectLocation(bucket: bucket, key: key))
        var committer = TableCommitter.Configuration(table: table, location: location, logID: log.identity.id)
        committer.shape = .typed(schema.columns)
        let retries = configuration.objectStore.retryPolicy
        committer.backoff = Backoff(
            baseMilliseconds: retries.baseDelayMilliseconds, maxMilliseconds: min(retries.delayMillisecondsMax, 30_000))
        // The columns are what the table is for; whether events may widen them is decided before.
        committer.evolvesSchema = true
        committer.granularity = configuration.granularity
        committer.lives = lives
        committer.onSetback = { counted.count($0) }
        let tables = try configuration.catalog.openForWriting(
            store: store, sourceBucket: bucket, retries: retries, worker: worker)
        return TableCommitter(
            committer, catalog: tables.catalog, store: tables.store, firstInLog: log.status.firstSequence,
            logger: worker.logger, onTrouble: onTrouble)
    }

    private func complain(_ message: String) {
        guard state.withLock({ $0.complaints.insert(message).inserted }) else { return }
        worker.logger.error(message)
    }
}
