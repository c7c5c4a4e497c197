import Batching
import Clocks
import Committing
import Events
import Files
import IcebergCatalog
import IcebergSpec
import ObjectStore
import WriteAheadLog

@testable import Collector

/// One log directory and its tables; collectors on them come and go.
final class World: Sendable {
    let path = "/tmp/collector-test-\(SystemRandom().next())"
    let store: MemoryObjectStore
    let catalog: DirectCatalog

    /// Another log directory for the tables of `other`.
    init(beside other: World) {
        store = other.store
        catalog = other.catalog
    }

    init() throws {
        store = MemoryObjectStore()
        var locations: [TableIdentifier: ObjectKey] = [:]
        for name in ["events", "t1", "never", "rejected"] {
            locations[try Self.identifier(name)] = try ObjectKey("analytics/\(name)")
        }
        catalog = DirectCatalog(store: store, bucket: try BucketName("analytics-source"), locations: locations)
    }

    static func identifier(_ name: String) throws -> TableIdentifier {
        try TableIdentifier(dotted: "analytics.\(name)")
    }

    deinit { try? FileSystem.removeTree(path) }

    /// Records in a table, as its newest snapshot counts them.
    func count(_ name: String = "events") async throws -> Int {
        let metadata = try await catalog.loadTable(Self.identifier(name)).metadata
        return metadata.currentSnapshot?.summary["total-records"].flatMap { Int($0) } ?? 0
    }

    func collector(
        _ change: (inout BatchLimits) -> Void = { _ in }, store: (any ObjectStore)? = nil
    ) throws -> RunningCollector {
        var limits = BatchLimits()
        change(&limits)
        return try RunningCollector(self, limits, store ?? self.store)
    }

    /// A collector that keeps what it refuses in the table `analytics.rejected`.
    func quarantining(
        _ refusals: RefusalKeeper.Limits = RefusalKeeper.Limits(), isStrict: Bool = false, logBytesMax: Int = 64 << 20,
        sink: (any BatchSink)? = nil
    ) throws -> RunningCollector {
        let collector = try RunningCollector(
            self, BatchLimits(), store, refusals: refusals, isStrict: isStrict, logBytesMax: logBytesMax)
        try collector.add("rejected", .refused, sink: sink, shape: .quarantine)
        return collector
    }
}

final class RunningCollector: Sendable {
    let storage: DirectoryStorage
    let log: WriteAheadLog
    let intake: EventIntake
    let refusals: RefusalKeeper?
    let pipeline: EventPipeline
    let task: Task<Void, Never>
    private let world: World
    private let limits: BatchLimits
    private let store: any ObjectStore

    init(
        _ world: World, _ limits: BatchLimits, _ store: any ObjectStore, refusals: RefusalKeeper.Limits? = nil,
        isStrict: Bool = false, logBytesMax: Int = 64 << 20
    ) throws {
        self.world = world
        self.limits = limits
        self.store = store
        let storage = try DirectoryStorage(path: world.path)
        self.storage = storage
        var configuration = WriteAheadLog.Configuration()
        configuration.segmentBytesMax = 8192
        configuration.bytesMax = logBytesMax
        let log = try WriteAheadLog(storage: storage, configuration: configuration)
        self.log = log
        var window = DedupWindow(windowSeconds: 3600)
        let journal = DedupJournal(storage: storage)
        _ = try journal.load(into: &window, now: SystemClock().now().milliseconds / 1000)
        var keys: [DedupJournal.Key] = []
        try log.forEachRecord(from: 0) { _, record in keys += (try? DedupJournal.keys(of: record)) ?? [] }
        for key in keys { _ = window.insert(key.key, at: key.seconds) }
        self.refusals = refusals.map { RefusalKeeper(log: log, limits: $0) }
        intake = EventIntake(
            parser: EventParser(
                strict: isStrict,
                secret: EventKeySecret(low: log.identity.secret.low, high: log.identity.secret.high)),
            log: log, window: window, refusals: self.refusals)
        let sink = try Self.sink("events", world, log, store)
        let pipeline = EventPipeline(
            EventPipeline.Configuration(commitIntervalMilliseconds: 0, dedupWindowSeconds: 3600),
            log: log, storage: storage, journal: journal,
            events: PipelineTarget(
                name: "events", filter: .accepted, sink: sink, limits: limits, trouble: SinkTrouble()))
        self.pipeline = pipeline
        try log.start { pipeline.take($0, $1) }
        task = Task.detached { await pipeline.run() }
    }

    private static func sink(
        _ name: String, _ world: World, _ log: WriteAheadLog, _ store: any ObjectStore, shape: TableShape = .events
    ) throws -> TableCommitter {
        var committer = TableCommitter.Configuration(
            table: try World.identifier(name), location: nil, logID: log.identity.id)
        committer.backoff = Backoff(baseMilliseconds: 1, maxMilliseconds: 10)
        committer.shape = shape
        return TableCommitter(committer, catalog: world.catalog, store: store, firstInLog: log.status.firstSequence)
    }

    /// Feeds the table `analytics.<name>` too.
    func add(
        _ name: String, _ filter: EventFilter, sink: (any BatchSink)? = nil, shape: TableShape = .events,
        wrapped: (any BatchSink) -> any BatchSink = { $0 }
    ) throws {
        pipeline.add(
            PipelineTarget(
                name: name == "rejected" ? "analytics.rejected" : name, filter: filter,
                sink: wrapped(try sink ?? Self.sink(name, world, log, store, shape: shape)), limits: limits,
                trouble: SinkTrouble()))
    }

    /// The table of refused events, as `quarantining` feeds it.
    func quarantine(_ world: World) throws -> Quarantine {
        Quarantine(
            try World.identifier("rejected"), catalog: world.catalog, store: store, log: log.identity.id,
            intake: intake,
            pipeline: pipeline)
    }

    /// Sends events with these ids; how many were new.
    func send(_ ids: Range<Int>) async throws -> (accepted: Int, duplicates: Int) {
        let events = ids.map {
            #"{"specversion":"1.0","id":"\#($0)","type":"t\#($0 % 3)","source":"s","time":"2024-01-15T14:30:00Z","data":{"n":\#($0)}}"#
        }
        let body = Array("[\(events.joined(separator: ","))]".utf8)
        let reply = try await intake.accept(
            EventRequest(contentType: "application/json", body: body),
            context: EventContext(receivedAt: SystemClock().now()))
        return (reply.accepted, reply.duplicates)
    }

    /// As a crash would end it, but for what the operating system frees.
    func kill() async throws {
        task.cancel()
        await task.value
        log.close()
        try storage.unlock()
    }
}
