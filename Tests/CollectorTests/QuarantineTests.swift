import Batching
import Clocks
import Committing
import Events
import Files
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import Testing
import WriteAheadLog

@testable import Collector

private func post(
    _ collector: RunningCollector, _ body: String, _ contentType: String? = "application/json",
    attributes: [(name: String, value: String)] = []
) async throws -> EventIntake.Reply {
    try await collector.intake.accept(
        EventRequest(contentType: contentType, attributes: attributes, body: Array(body.utf8)),
        context: EventContext(receivedAt: SystemClock().now()),
        sender: RefusalSender(receivedAt: SystemClock().now(), client: "127.0.0.1", requestID: "r"))
}

/// Rows of the quarantine as JSON.
private func rows(_ world: World, _ name: String = "rejected") async throws -> [JSONValue] {
    let metadata = try await world.catalog.loadTable(World.identifier(name)).metadata
    var rows: [JSONValue] = []
    for try await batch in TableScan(metadata, loader: ManifestLoader(store: world.store)).batches() {
        var lines: [UInt8] = []
        batch.appendJSONLines(to: &lines)
        for line in lines.split(separator: UInt8(ascii: "\n")) { rows.append(try JSONValue.parse(Array(line))) }
    }
    return rows
}

private func good(_ id: String) -> String {
    #"{"specversion":"1.0","id":"\#(id)","type":"t","source":"s","time":"2024-01-15T14:30:00Z"}"#
}

/// Refused while `CLOUDEVENTS_STRICT` is on, good without.
private func incomplete(_ n: Int) -> String { #"{"specversion":"1.0","type":"t","source":"s","data":{"n":\#(n)}}"# }

extension RunningCollector {
    fileprivate func flush() async throws { _ = try await pipeline.flush(timeoutMilliseconds: 60_000) }
}

struct QuarantineTests {
    @Test func `refused events and bodies are rows of their own table, once, across crashes`() async throws {
        let world = try World()
        for round in 0..<3 {
            let collector = try world.quarantining()
            let reply = try await post(
                collector, "[\(good("a\(round)")),{\"type\":\"t\",\"specversion\":\"1.0\",\"id\":\"x\"},7]")
            #expect(reply.accepted == 1 && reply.rejections.count == 2)
            await #expect(throws: EventBodyError.self) { _ = try await post(collector, "{nonsense") }
            await #expect(throws: EventBodyError.self) { _ = try await post(collector, "<a/>", "text/html") }
            #expect(collector.refusals?.kept == 4 && collector.refusals?.dropped == 0)
            if round == 1 { try await collector.flush() }
            if round == 2 { try await collector.flush() }
            try await collector.kill()
        }
        #expect(try await world.count() == 3)
        let found = try await rows(world)
        #expect(found.count == 12)
        #expect(Set(found.map { $0["rejected_id"]?.string }).count == 12)
        let reasons = found.reduce(into: [:]) { $0[$1["reason"]?.string ?? "", default: 0] += 1 }
        #expect(
            reasons == [
                "missing_attribute": 3, "not_an_object": 3, "malformed_body": 3, "unsupported_media_type": 3,
            ])
        let row = try #require(found.first { $0["reason"] == "missing_attribute" })
        #expect(row["event_id"] == "x" && row["index"] == 1 && row["client"] == "127.0.0.1")
        #expect(row["request_id"] == "r" && row["content_type"] == "application/json")
        #expect(row["message"]?.string?.contains("required") == true)
        #expect(row["event_type"] == "t" && found.first { $0["reason"] == "not_an_object" }?["event_type"] == .null)
        #expect(row["raw"]?.string == hex(#"{"type":"t","specversion":"1.0","id":"x"}"#))
    }

    @Test func `refused events are no duplicates of their mended form`() async throws {
        let world = try World()
        let first = try world.quarantining()
        _ = try await post(first, #"{"specversion":"1.0","id":"x","source":"s","type":7}"#)
        try await first.kill()
        let second = try world.quarantining()
        #expect(try await post(second, good("x")).accepted == 1)
        #expect(try await post(second, good("x")).duplicates == 1)
        try await second.kill()
    }

    @Test func `bytes that are no text are kept as they are`() async throws {
        let world = try World()
        let collector = try world.quarantining()
        let bytes: [UInt8] = [0x7B, 0xFF, 0x00, 0x80, 0x7D]
        await #expect(throws: EventBodyError.self) {
            _ = try await collector.intake.accept(
                EventRequest(contentType: "application/json", body: bytes),
                context: EventContext(receivedAt: SystemClock().now()))
        }
        try await collector.flush()
        #expect(try await rows(world).map { $0["raw"]?.string } == ["7bff00807d"])
        try await collector.kill()
    }

    @Test func `a flood of refusals leaves the log to accepted events`() async throws {
        let world = try World()
        let collector = try world.quarantining(logBytesMax: 1 << 20, sink: NeverSink())
        let body =
            "["
            + [String](repeating: #"{"a":"\#(String(repeating: "x", count: 1000))"}"#, count: 50).joined(separator: ",")
            + "]"
        for _ in 0..<40 { #expect(try await post(collector, body).rejections.count == 50) }
        let status = collector.log.status
        #expect(status.bytes < (1 << 20) * 6 / 10 && status.bytes > (1 << 20) * 4 / 10)
        let refusals = try #require(collector.refusals)
        #expect(refusals.kept + refusals.dropped == 2000 && refusals.dropped > 1000)
        #expect(try await post(collector, good("a")).accepted == 1)
        try await collector.kill()
    }

    @Test func `what of a request is too long is left out, and said`() async throws {
        let world = try World()
        var limits = RefusalKeeper.Limits()
        limits.rawBytesMax = 10
        limits.requestBytesMax = 1000
        let collector = try world.quarantining(limits)
        let body = "[" + (0..<20).map { #"{"number":\#(1000 + $0)}"# }.joined(separator: ",") + "]"
        #expect(try await post(collector, body).rejections.count == 20)
        let refusals = try #require(collector.refusals)
        #expect(refusals.kept + refusals.dropped == 20 && refusals.kept < 8 && refusals.kept > 1)
        try await collector.flush()
        let found = try await rows(world)
        #expect(found.count == refusals.kept)
        #expect(found.allSatisfy { $0["raw"]?.string == hex(#"{"number":"#) })
        let report = try await collector.quarantine(world).replay(Quarantine.Selection())
        #expect(report.cut == found.count && report.replayed == 0)
        try await collector.kill()
    }

    @Test func `after its cause is mended a refusal is replayed, once, across restarts`() async throws {
        let world = try World()
        let strict = try world.quarantining(isStrict: true)
        for n in 0..<4 { #expect(try await post(strict, incomplete(n)).rejections.count == 1) }
        #expect(try await post(strict, "[\(incomplete(4)),\(good("a")),{}]").accepted == 1)
        await #expect(throws: EventBodyError.self) { _ = try await post(strict, "{nonsense") }
        var report = try await strict.quarantine(world).replay(Quarantine.Selection())
        #expect(report.replayed == 0 && report.refused == 7 && report.failures.count == 7)
        try await strict.kill()

        let mended = try world.quarantining()
        var trial = Quarantine.Selection()
        trial.isTrial = true
        report = try await mended.quarantine(world).replay(trial)
        #expect(report.replayed == 5 && report.refused == 2)
        #expect(try await world.count() == 1)
        var limited = Quarantine.Selection()
        limited.limit = 2
        report = try await mended.quarantine(world).replay(limited)
        #expect(report.hasMore && report.replayed + report.refused == 2)
        let first = report.replayed
        // Killed with the rest of it in the log alone.
        report = try await mended.quarantine(world).replay(Quarantine.Selection())
        #expect(report.replayed == 5 - first && report.alreadyReplayed == first && report.refused == 2)
        try await mended.kill()

        for _ in 0..<2 {
            let again = try world.quarantining()
            report = try await again.quarantine(world).replay(Quarantine.Selection())
            #expect(report.replayed == 0 && report.alreadyReplayed == 5 && report.refused == 2)
            try await again.kill()
        }
        #expect(try await world.count() == 6)
        let events = try await rows(world, "events")
        #expect(Set(events.map { $0["id"]?.string }).count == 6)
        let counter = try world.quarantining()
        let counts = try await counter.quarantine(world).counts(since: nil)
        #expect(counts.replayed == 5 && counts.byReason.values.reduce(0, +) == 7)
        #expect(counts.byReason["malformed_body"] == 1)
        var since = Quarantine.Selection()
        since.reason = "malformed_body"
        #expect(try await counter.quarantine(world).replay(since).refused == 1)
        since.reason = nil
        since.from = Timestamp(microseconds: SystemClock().now().microseconds + 60_000_000)
        #expect(try await counter.quarantine(world).replay(since).refused == 0)
        try await counter.kill()
    }

    @Test func `a refused element of a list is replayed as what it was there, and so refused`() async throws {
        let world = try World()
        let collector = try world.quarantining()
        let nested = #"[{"event_type":"x"}]"#
        for body in ["[\(nested)]", #"{"events":[\#(nested)]}"#, "[[]]", #"[{"events":\#(nested)}]"#] {
            #expect(try await post(collector, body).rejections.count == 1)
        }
        let report = try await collector.quarantine(world).replay(Quarantine.Selection())
        #expect(report.refused == 4 && report.replayed == 0)
        try await collector.kill()
    }

    @Test func `of two collectors one replays, and the other when that is in the tables`() async throws {
        let world = try World()
        let strict = try world.quarantining(isStrict: true)
        for n in 0..<3 { _ = try await post(strict, incomplete(n)) }
        try await strict.flush()
        try await strict.kill()
        let (one, two) = (try world.quarantining(), try World(beside: world).quarantining())
        let location = try await world.catalog.loadTable(World.identifier("rejected")).metadata.location
        // The first has replayed and died: what it took may be in its log.
        let claim = try ReplayClaim(world.store, table: location, log: one.log.identity.id)
        _ = try await claim.take()
        let other = try two.quarantine(world)
        await #expect { _ = try await other.replay(Quarantine.Selection()) } throws: {
            if case .claimed(let log, _)? = $0 as? Quarantine.Failed {
                log == one.log.identity.id.description
            } else {
                false
            }
        }
        #expect(try await world.count() == 0)
        // Its next life lets the other go on.
        let report = try await one.quarantine(world).replay(Quarantine.Selection())
        #expect(report.replayed == 3 && !report.isPending)
        let next = try await other.replay(Quarantine.Selection())
        #expect(next.replayed == 0 && next.alreadyReplayed == 3)
        // A disk that is gone is told to be gone.
        _ = try await claim.take()
        await #expect(throws: Quarantine.Failed.self) { _ = try await other.replay(Quarantine.Selection()) }
        var forced = Quarantine.Selection()
        forced.takesOver = true
        #expect(try await other.replay(forced).alreadyReplayed == 3)
        #expect(try await world.count() == 3)
        try await one.kill()
        try await two.kill()
    }

    @Test func `an event of binary mode is replayed with its attributes`() async throws {
        let world = try World()
        let strict = try world.quarantining(isStrict: true)
        let attributes = [
            (name: "specversion", value: "1.0"), (name: "type", value: "t"), (name: "source", value: "s"),
            (name: "mine", value: "kept"),
        ]
        #expect(try await post(strict, "text", "text/plain", attributes: attributes).rejections.count == 1)
        try await strict.kill()
        let mended = try world.quarantining()
        #expect(try await mended.quarantine(world).replay(Quarantine.Selection()).replayed == 1)
        try await mended.flush()
        let event = try #require(try await rows(world, "events").first)
        #expect(event["data"] == "text" && event["datacontenttype"] == "text/plain" && event["source"] == "s")
        #expect(event["extensions"]?["keys"] == ["mine"])
        try await mended.kill()
    }

    @Test func `what a sender was not allowed to send is replayed only when that is asked for`() async throws {
        let world = try World()
        let collector = try world.quarantining()
        let reply = try await collector.intake.accept(
            EventRequest(contentType: "application/json", body: Array(good("a").utf8)),
            context: EventContext(receivedAt: SystemClock().now()),
            rules: EventRules(latest: Timestamp(microseconds: 0)))
        #expect(reply.rejections.map(\.reason) == [.timeOutOfRange])
        var selection = Quarantine.Selection()
        let report = try await collector.quarantine(world).replay(selection)
        #expect(report.ruledOut == 1 && report.replayed == 0)
        selection.reason = "time_out_of_range"
        #expect(try await collector.quarantine(world).replay(selection).replayed == 1)
        #expect(try await collector.quarantine(world).replay(selection).alreadyReplayed == 1)
        try await collector.kill()
    }

    @Test func `a table that has halted is not replayed from`() async throws {
        let world = try World()
        let collector = try world.quarantining(sink: NeverSink())
        _ = try await post(collector, "[7]")
        await #expect(throws: (any Error).self) {
            _ = try await collector.quarantine(world).replay(Quarantine.Selection())
        }
        try await collector.kill()
    }

    @Test(arguments: [
        #"{"limit":0}"#, #"{"limit":"1"}"#, #"{"from":"yesterday"}"#, #"{"dry_run":1}"#, "[]", "{", #"{"other":1}"#,
    ])
    func `a replay that is not understood is refused`(body: String) {
        #expect(throws: (any Error).self) { _ = try CollectorRoutes.selection(Array(body.utf8)) }
    }

    @Test func `a replay is told which, from when to when, and how many`() throws {
        let body = #"{"reason":"r","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","limit":5,"dry_run":true}"#
        let selection = try CollectorRoutes.selection(Array(body.utf8))
        #expect(selection.reason == "r" && selection.limit == 5 && selection.isTrial)
        #expect((selection.to?.microseconds ?? 0) - (selection.from?.microseconds ?? 0) == 86_400_000_000)
        #expect(try CollectorRoutes.selection([]).limit == 1000)
    }
}

private func hex(_ text: String) -> String {
    text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A table that halts at once.
private struct NeverSink: BatchSink {
    func readWatermark() async throws(CommitError) -> UInt64? { throw CommitError(.contradiction, "no") }
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        throw CommitError(.contradiction, "no")
    }
    func logBegins(with sequence: UInt64) async {}
}
