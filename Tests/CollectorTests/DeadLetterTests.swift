import Clocks
import Events
import Files
import HTTP
import JSONFormat
import ObjectStore
import Testing

@testable import Collector

struct DeadLetterTests {
    @Test func `refused events are kept as they were sent, with the reason`() async throws {
        let store = MemoryObjectStore()
        let bucket = try BucketName("analytics-source")
        let letters = DeadLetters(store: store, bucket: bucket)
        let body = Array(#"[{"specversion":"1.0","id":"7","type":"t"}]"#.utf8)
        let request = EventRequest(contentType: "application/json", body: body)
        let now = Timestamp(microseconds: 1_705_329_000_000_000)
        let batch = try EventParser(secret: EventKeySecret(low: 1, high: 1)).parse(request, at: now)
        letters.add(batch.rejections, of: request, receivedAt: now)
        letters.add(
            EventBodyError(.malformed, "no"), of: EventRequest(contentType: nil, body: [0xFF, 0xFE]), receivedAt: now)
        try await letters.flush()
        try await letters.flush()
        let page = try await store.list(bucket, prefix: "rejected/", delimiter: nil, startAfter: nil, limit: 10)
        #expect(page.objects.count == 1)
        let object = try #require(page.objects.first)
        let bytes = try await store.get(ObjectLocation(bucket: bucket, key: object.key), range: nil).bytes
        let lines = try bytes.split(separator: 0x0A).map { try JSONValue.parse(Array($0)) }
        #expect(lines.count == 2)
        #expect(lines[0]["event"]?.string == #"{"specversion":"1.0","id":"7","type":"t"}"#)
        #expect(lines[0]["reason"]?.string == "missing_attribute" && lines[0]["id"]?.string == "7")
        #expect(lines[1]["event_base64"]?.string == "//4=")
    }

    @Test func `a store that is away loses nothing that fits`() async throws {
        let memory = MemoryObjectStore()
        let bucket = try BucketName("analytics-source")
        let store = FaultyObjectStore(
            wrapping: memory, plan: FaultyObjectStore.Plan(rules: [.init(.refuse, on: .put)]))
        let letters = DeadLetters(store: store, bucket: bucket)
        letters.add(
            EventBodyError(.malformed, "no"), of: EventRequest(contentType: nil, body: [1]),
            receivedAt: Timestamp(microseconds: 0))
        await #expect(throws: ObjectStoreError.self) { try await letters.flush() }
        try await letters.flush()
        let page = try await memory.list(bucket, prefix: "rejected/", delimiter: nil, startAfter: nil, limit: 10)
        #expect(page.objects.count == 1 && letters.dropped == 0)
    }

    @Test func `a flood of refused events is dropped and counted`() throws {
        let letters = DeadLetters(store: MemoryObjectStore(), bucket: try BucketName("analytics-source"))
        let now = Timestamp(microseconds: 0)
        let body = Array(("[" + Array(repeating: "1", count: 50_000).joined(separator: ",") + "]").utf8)
        let request = EventRequest(contentType: "application/json", body: body)
        let batch = try EventParser(secret: EventKeySecret(low: 1, high: 1)).parse(request, at: now)
        for _ in 0..<3 { letters.add(batch.rejections, of: request, receivedAt: now) }
        #expect(letters.kept + letters.dropped == 150_000 && letters.kept > 1000 && letters.dropped > 1000)
    }

    @Test func `a pause survives a restart`() async throws {
        let path = "/tmp/pause-test-\(SystemRandom().next())"
        defer { try? FileSystem.removeTree(path) }
        try FileSystem.createDirectories(path)
        try await PauseFlag(directory: path).set(true)
        let again = try PauseFlag(directory: path)
        #expect(again.isPaused)
        try await again.set(false)
        #expect(try !PauseFlag(directory: path).isPaused)
    }

    @Test func `fields of Cloudflare become context, and ce- fields attributes`() {
        let request = HTTPRequest(
            method: .post, target: "/events",
            headers: [
                "CF-Ray": "8f00a1b2c3d4e5f6-AMS", "cf-ipcountry": "NL", "CE-Id": "1", "ce-source": "s",
                "Content-Type": "application/json",
            ])
        var context = EventContext(receivedAt: Timestamp(microseconds: 1))
        context.readCloudflareFields(request)
        #expect(context[.colo] == "AMS" && context[.country] == "NL" && context[.city] == nil)
        let event = CollectorRoutes.eventRequest(request)
        #expect(event.attributes.map(\.name) == ["id", "source"] && event.contentType == "application/json")
    }
}
