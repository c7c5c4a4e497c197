import Batching
import Clocks
import Committing
import Events
import Files
import ObjectStore
import Testing
import WriteAheadLog

@testable import Collector

/// A table that already has the whole log, and says so late: only when a flush waits for it.
private struct KnowingSink: BatchSink {
    enum Moment: CaseIterable {
        /// When the table is first read.
        case start
        /// As an earlier commit whose reply was lost.
        case commit
    }

    let moment: Moment
    let log: WriteAheadLog
    let isAsked: AsyncStream<Void>

    func readWatermark() async throws(CommitError) -> UInt64? {
        guard moment == .start else { return 0 }
        for await _ in isAsked { break }
        return log.status.syncedThrough
    }

    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        .restart(after: batch.last)
    }
    func logBegins(with sequence: UInt64) async {}
}

struct PipelineTests {
    @Test(arguments: KnowingSink.Moment.allCases)
    fileprivate func `a flush ends when the table turns out to have everything`(moment: KnowingSink.Moment) async throws
    {
        let path = "/tmp/flush-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        let storage = try DirectoryStorage(path: path)
        let log = try WriteAheadLog(storage: storage)
        let (asked, ask) = AsyncStream<Void>.makeStream()
        let pipeline = EventPipeline(
            EventPipeline.Configuration(commitIntervalMilliseconds: 0, dedupWindowSeconds: 3600),
            log: log, storage: storage, journal: DedupJournal(storage: storage),
            events: PipelineTarget(
                name: "events", filter: .accepted, sink: KnowingSink(moment: moment, log: log, isAsked: asked),
                limits: BatchLimits(), trouble: SinkTrouble()))
        try log.start { pipeline.take($0, $1) }
        let intake = EventIntake(
            parser: EventParser(secret: EventKeySecret(low: 1, high: 1)), log: log,
            window: DedupWindow(windowSeconds: 3600))
        let body = Array(#"{"specversion":"1.0","id":"1","type":"t","source":"s"}"#.utf8)
        _ = try await intake.accept(
            EventRequest(contentType: "application/json", body: body),
            context: EventContext(receivedAt: SystemClock().now()))
        let running = Task { await pipeline.run() }
        async let flushed = pipeline.flush(timeoutMilliseconds: 20_000)
        if moment == .start {
            while pipeline.status.waitingFlushes == 0 { await Task.yield() }
            ask.yield()
        }
        #expect(try await flushed.events == 0)
        running.cancel()
        await running.value
        log.close()
    }

    @Test func `what is accepted is in the table after a flush, once`() async throws {
        let world = try World()
        let collector = try world.collector()
        #expect(try await collector.send(0..<100) == (100, 0))
        #expect(try await collector.send(50..<150) == (50, 50))
        let flushed = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(flushed.events == 150 && flushed.files.count == 3 && flushed.snapshotID != nil)
        #expect(try await world.count() == 150)
        let nothing = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(nothing.events == 0)
        try await collector.kill()
    }

    @Test func `a restart goes on where the table ends, and knows what came before`() async throws {
        let world = try World()
        var sent = 0
        for round in 0..<6 {
            let collector = try world.collector()
            if sent > 0 { #expect(try await collector.send(0..<sent) == (0, sent)) }
            #expect(try await collector.send(sent..<sent + 70) == (70, 0))
            sent += 70
            // Every second life ends with all of it still in the log.
            if round % 2 == 1 { _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000) }
            try await collector.kill()
        }
        #expect(try await world.count() == sent)
        let names = try FileSystem.list(world.path)
        #expect(names.contains { $0.hasSuffix(".keys") })
    }

    @Test func `what memory does not hold waits in the log`() async throws {
        let world = try World()
        let collector = try world.collector { $0.memoryBytesMax = 40_000 }
        for number in 0..<40 { #expect(try await collector.send(number * 50..<(number + 1) * 50).accepted == 50) }
        _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(try await world.count() == 2000)
        let commits = collector.pipeline.status.commits
        #expect(commits > 3)
        try await collector.kill()
    }

    @Test func `while the store fails events are taken, and none is lost or doubled`() async throws {
        let world = try World()
        let faulty = FaultyObjectStore(
            wrapping: world.store, plan: FaultyObjectStore.Plan(faultsPerThousand: 150, seed: 5))
        let collector = try world.collector({ $0.partitionEventsMax = 20 }, store: faulty)
        for number in 0..<20 { _ = try await collector.send(number * 30..<(number + 1) * 30) }
        _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(try await world.count() == 600)
        try await collector.kill()
    }

    @Test func `an old copy of a log is refused`() async throws {
        let world = try World()
        let first = try world.collector()
        _ = try await first.send(0..<10)
        _ = try await first.pipeline.flush(timeoutMilliseconds: 60_000)
        let status = first.log.status
        try await first.kill()
        #expect(EventPipeline.problem(watermark: status.syncedThrough + 1, log: status) != nil)
        #expect(EventPipeline.problem(watermark: status.syncedThrough, log: status) == nil)
    }
}
