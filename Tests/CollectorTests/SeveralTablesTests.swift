import Batching
import Clocks
import Committing
import Events
import Files
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore
import ServiceHost
import Synchronization
import Testing
import WriteAheadLog

@testable import Collector

/// A table that never takes anything.
private struct FailingSink: BatchSink {
    let error: CommitError

    func readWatermark() async throws(CommitError) -> UInt64? { nil }
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        // As a table that cannot be reached: for as long as the process lives.
        while error.code == .unavailable && !Task.isCancelled { await Task.yield() }
        throw error.code == .unavailable ? CommitError(.cancelled, "") : error
    }
    func logBegins(with sequence: UInt64) async {}
}

/// A table whose commits begin when every full buffer has been encoded ahead.
private struct PatientSink: BatchSink {
    private struct NotEncoded: Error {}

    let sink: any BatchSink

    func readWatermark() async throws(CommitError) -> UInt64? { try await sink.readWatermark() }
    func rowEncoder() async -> RowEncoder? { await sink.rowEncoder() }
    func logBegins(with sequence: UInt64) async { await sink.logBegins(with: sequence) }
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        for rows in batch.buffers.flatMap(\.closed) {
            while !Self.isEncoded(rows) && !Task.isCancelled { await Task.yield() }
        }
        return try await sink.commit(batch)
    }

    private static func isEncoded(_ rows: ClosedRows) -> Bool {
        do {
            return try rows.rowGroup(for: ["no layout"]) { _ in throw NotEncoded() } == nil
        } catch {
            return false
        }
    }
}

/// Notes the traces under which batches are committed.
private final class TracedSink: BatchSink {
    let sink: any BatchSink
    let traces = Mutex<[String?]>([])

    init(_ sink: any BatchSink) { self.sink = sink }

    func readWatermark() async throws(CommitError) -> UInt64? { try await sink.readWatermark() }
    func logBegins(with sequence: UInt64) async { await sink.logBegins(with: sequence) }
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        traces.withLock { $0.append(CallTrace.current?.trace.traceID) }
        return try await sink.commit(batch)
    }
}

struct SeveralTablesTests {
    @Test func `all commits of a flush belong to its trace, and others to one of their own`() async throws {
        let world = try World()
        let collector = try world.collector()
        let sinks = Mutex<[TracedSink]>([])
        for type in ["t1", "never"] {
            try collector.add(type, .type(type == "t1" ? "t1" : "t2")) { inner in
                let sink = TracedSink(inner)
                sinks.withLock { $0.append(sink) }
                return sink
            }
        }
        let call = CallTrace.make()
        try await CallTrace.$current.withValue(call) {
            _ = try await collector.send(0..<60)
            _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        }
        _ = try await collector.send(60..<120)
        _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        try await collector.kill()
        for sink in sinks.withLock({ $0 }) {
            let traces = sink.traces.withLock { $0 }
            #expect(traces.count == 2 && traces[0] == call.trace.traceID)
            #expect(traces[1] != nil && traces[1] != traces[0])
        }
    }

    @Test func `each table gets what is for it, once, across restarts`() async throws {
        let world = try World()
        var sent = 0
        for round in 0..<5 {
            let collector = try world.collector()
            try collector.add("t1", .type("t1"))
            #expect(try await collector.send(sent..<sent + 60) == (60, 0))
            sent += 60
            if round % 2 == 1 {
                let flushed = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
                #expect(flushed.events == 120)
                #expect(flushed.others["t1"]?.events == 40)
            }
            if round == 4 { _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000) }
            try await collector.kill()
        }
        #expect(try await world.count() == sent)
        #expect(try await world.count("t1") == sent / 3)
    }

    @Test func `a table without events does not hold up the log, and is not passed over`() async throws {
        let world = try World()
        var first: UInt64 = 1
        for round in 0..<3 {
            let collector = try world.collector()
            try collector.add("never", .type("never"))
            for part in 0..<10 {
                let from = (round * 10 + part) * 60
                _ = try await collector.send(from..<from + 60)
                _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
            }
            for _ in 0..<500 where collector.log.status.firstSequence == first {
                try await SystemClock().sleep(milliseconds: 20)
            }
            #expect(collector.log.status.firstSequence > first)
            first = collector.log.status.firstSequence
            #expect(collector.pipeline.status.others.map(\.halted) == [nil])
            try await collector.kill()
        }
        #expect(try await world.count() == 1800)
        #expect(try await world.count("never") == 0)
    }

    /// Sends and commits until the log has lost its first segments.
    private func trimmed(_ collector: RunningCollector, _ sent: inout Int, behind first: UInt64) async throws {
        for _ in 0..<500 where collector.log.status.firstSequence <= first {
            _ = try await collector.send(sent..<sent + 60)
            sent += 60
            _ = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        }
        #expect(collector.log.status.firstSequence > first)
    }

    @Test func `a table that was left out goes on with what is still in the log, once`() async throws {
        let world = try World()
        var (sent, missed) = (0, 0)
        for _ in 0..<2 {
            let with = try world.collector()
            try with.add("t1", .type("t1"))
            try await trimmed(with, &sent, behind: with.log.status.firstSequence)
            try await with.kill()
            let had = try await world.count("t1")
            #expect(had == sent / 3 - missed)

            let without = try world.collector()
            try await trimmed(without, &sent, behind: without.log.status.syncedThrough + 1)
            // In the same life.
            try without.add("t1", .type("t1"))
            _ = try await without.pipeline.flush(timeoutMilliseconds: 60_000)
            #expect(without.pipeline.status.others.map(\.halted) == [nil])
            let property = "analytics.log.\(without.log.identity.id).committed"
            try await without.kill()

            let snapshots = try await world.catalog.loadTable(World.identifier("t1")).metadata.snapshots
            let claim = snapshots.last { $0.summary["total-records"] == "\(had)" }?.summary[property]
            // Each record has 60 events, 20 of them for the table.
            let gone = try 20 * #require(claim.flatMap { Int($0) })
            #expect(gone > had + missed)
            missed = gone - had
            #expect(try await world.count("t1") == sent / 3 - missed)
        }
        #expect(try await world.count() == sent)
    }

    @Test func `a table that lost a part while it was fed is halted, left out or not`() async throws {
        let world = try World()
        var sent = 0
        let with = try world.collector()
        try with.add("t1", .type("t1"))
        try await trimmed(with, &sent, behind: with.log.status.firstSequence)
        let logID = with.log.identity.id
        try await with.kill()
        // Rolled back: neither property nor snapshots are what they were.
        let bucket = try BucketName("analytics-source")
        let objects = try await world.store.list(
            bucket, prefix: "analytics/t1/", delimiter: nil, startAfter: nil, limit: 1000
        ).objects
        try await world.store.delete(bucket, objects.map(\.key))
        var creation = try EventTable.creation(location: nil)
        creation.properties["analytics.log.\(logID).committed"] = "0"
        _ = try await world.catalog.createTable(World.identifier("t1"), creation)
        for isLeftOut in [false, true] {
            if isLeftOut {
                let without = try world.collector()
                try await trimmed(without, &sent, behind: without.log.status.syncedThrough)
                try await without.kill()
            }
            let next = try world.collector()
            try next.add("t1", .type("t1"))
            _ = try await next.pipeline.flush(timeoutMilliseconds: 60_000)
            let side = try #require(next.pipeline.status.others.first)
            #expect(side.halted?.contains("rolled back") == true)
            #expect(CollectorRoutes.json(side, next.log.status)["halted"]?.string == side.halted)
            try await next.kill()
        }
    }

    @Test func `rows encoded before their commit are all in the table`() async throws {
        let world = try World()
        let collector = try world.collector { limits in
            limits.openEventsMax = 7
            limits.partitionEventsMax = 100_000
        }
        try collector.add("t1", .type("t1"))
        for part in 0..<20 { _ = try await collector.send(part * 100..<part * 100 + 100) }
        let flushed = try await collector.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(flushed.events == 2000 && flushed.files.count == 3)
        #expect(try await world.count() == 2000)
        #expect(try await world.count("t1") == 667)
        #expect(collector.pipeline.status.bufferedBytes == 0)
        try await collector.kill()
    }

    @Test func `rows encoded ahead for what the table no longer is are encoded anew, once`() async throws {
        let world = try World()
        let collector = try world.collector { limits in
            limits.openEventsMax = 7
            limits.partitionEventsMax = 100_000
        }
        try collector.add("t1", .type("t1"), wrapped: PatientSink.init)
        for round in 0..<3 {
            _ = try await collector.send(round * 100..<round * 100 + 100)
            let flushed = try await collector.pipeline.flush(timeoutMilliseconds: 20_000)
            #expect(flushed.events == 100)
            let outcome = await world.catalog.commit(
                try World.identifier("t1"), requirements: [],
                updates: [.setProperties(["write.parquet.row-group-limit-of-another": "\(round)"])])
            guard case .committed = outcome else { throw CommitError(.failed, "the property was not set") }
        }
        #expect(try await world.count("t1") == 100)
        try await collector.kill()
    }

    @Test(arguments: [CommitError.Code.contradiction, .unavailable])
    func `a table that fails does not stop the event table`(code: CommitError.Code) async throws {
        let world = try World()
        let collector = try world.collector { $0.memoryBytesMax = 100_000 }
        try collector.add("t1", .type("t1"), sink: FailingSink(error: CommitError(code, "no")))
        for part in 0..<20 { _ = try await collector.send(part * 60..<part * 60 + 60) }
        while try await world.count() < 1200 {
            do { _ = try await collector.pipeline.flush(timeoutMilliseconds: 50) } catch is CommitError {}
        }
        #expect(collector.pipeline.status.halted == nil && collector.log.status.firstSequence == 1)
        #expect(collector.pipeline.status.others[0].bufferedBytes <= 40_000)
        try await collector.kill()

        let next = try world.collector()
        try next.add("t1", .type("t1"))
        _ = try await next.pipeline.flush(timeoutMilliseconds: 60_000)
        #expect(try await world.count("t1") == 400)
        try await next.kill()
    }
}
