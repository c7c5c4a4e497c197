import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Telemetry
import Testing

@testable import Catalog

/// What tables take and how they are.
@Suite struct CostsTests {
    @Test func `bytes are told apart by what needs them`() async throws {
        let live = try await LiveCatalogTable()
        let first = try #require(try await live.append(0..<10).first)
        let second = try #require(try await live.append(10..<20, hour: 2).first)
        try await live.commit(DeleteFiles(files: [first]))
        let orphan = try #require(try await live.write(20..<30).first)
        let answer = try await live.ask(.get, "/v1/costs")
        #expect(answer.status == 200 && answer.json["complete"]?.bool == true)
        let table = try #require(answer.json["tables"]?.array?.first)
        #expect(table["live-bytes"]?.integer == second.fileSizeBytes)
        #expect(table["superseded-bytes"]?.integer == first.fileSizeBytes)
        #expect(table["orphan-bytes"]?.integer == orphan.fileSizeBytes)
        #expect(try #require(table["metadata-bytes"]?.integer) > 0)
        let bytes = try #require(answer.json["storage"]?["bytes"]?.integer)
        #expect(answer.json["projected-monthly-cost"]?.double == Double(bytes) / 1e9 * 0.015)
    }

    @Test func `requests are counted by class, every try of them`() async throws {
        let requests = StoreRequests()
        let faulty = FaultyObjectStore(
            wrapping: MemoryObjectStore(),
            plan: FaultyObjectStore.Plan(rules: [FaultyObjectStore.Rule(.refuse, on: .get)]))
        let store = RetryingObjectStore(
            wrapping: CountingStore(faulty, requests), policy: RetryPolicy(retriesMax: 1, baseDelayMilliseconds: 0))
        let place = ObjectLocation(bucket: try BucketName("lake"), key: try ObjectKey("a/b"))
        _ = try await store.put(place, [1, 2, 3], condition: .always, contentType: nil)
        _ = try await store.get(place, range: nil)
        _ = try await store.head(place)
        _ = try await store.list(place.bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10)
        try await store.delete(place.bucket, [place.key])
        #expect(
            requests.counts == StoreRequests.Counts(classA: 2, classB: 3, free: 1, bytesRead: 3, bytesWritten: 3))
    }

    /// A worker that started a day before `now` and has written so many objects, asked by its metrics.
    private func worker(_ name: String, writes: Int, at now: Timestamp) async throws -> WorkerSource {
        let metrics = MetricsRegistry()
        metrics.registerProcessMetrics(startedAt: Timestamp(milliseconds: now.milliseconds - 86_400_000))
        let store = CountingStore(MemoryObjectStore(), StoreRequests(metrics: metrics))
        let place = ObjectLocation(bucket: try BucketName("lake"), key: try ObjectKey("a"))
        for _ in 0..<writes { _ = try await store.put(place, [1, 2], condition: .always, contentType: nil) }
        _ = try await store.head(place)
        let body = metrics.json().serialized()
        return WorkerSource(name, binding: name) { (_, _) async throws(HTTPClientError) in
            HTTPResponse(status: 200, headers: [:], body: body)
        }
    }

    @Test func `the requests of every worker are asked for, and what is not known says why`() async throws {
        let now = Timestamp(milliseconds: 1_700_000_000_000)
        var prices = StoragePrices()
        (prices.classA, prices.classB) = (10, 1)
        let workers = [
            try await worker("collector", writes: 99, at: now), try await worker("api", writes: 0, at: now),
            WorkerSource("compaction", binding: "ANALYTICS_COMPACTION", send: nil),
            WorkerSource("health", binding: "h") { (_, _) async throws(HTTPClientError) in
                throw HTTPClientError(stage: .notSent, message: "nobody listens")
            },
            WorkerSource("old", binding: "o") { (_, _) async throws(HTTPClientError) in
                HTTPResponse(status: 200, headers: [:], body: Array(#"{"process_start_time_seconds":{}}"#.utf8))
            },
            WorkerSource("shut", binding: "s") { (_, _) async throws(HTTPClientError) in
                HTTPResponse(status: 503, headers: [:], body: [])
            },
        ]
        var asked: [WorkerRequests] = []
        for worker in workers { asked.append(await worker.requests(at: now)) }
        let costs = ComputeCosts(asked, prices)
        let json = JSONValue.object(JSONObject(costs.json))
        #expect(abs(costs.cost - (99 * 10 + 2 * 1) / 1e6 * 30) < 1e-9)
        #expect(json["requests"]?["class-a"] == 99 && json["requests"]?["class-b"] == 2)
        #expect(json["requests"]?["unknown"] == ["compaction", "health", "old", "shut"])
        #expect(json["bandwidth"]?["bytes-written"] == 198 && json["bandwidth"]?["bytes-read"] == 0)
        #expect(json["compute"]?["complete"] == false)
        let rows = try #require(json["compute"]?["workers"]?.array)
        #expect(rows.map { $0["worker"] } == ["collector", "api", "compaction", "health", "old", "shut"])
        #expect(rows[0]["seconds"] == 86_400 && rows[0]["requests"]?["class-a"] == 99)
        #expect(rows[2...].allSatisfy { $0["requests"] == "unknown" })
        for (row, reason) in zip(rows[2...], ["ANALYTICS_COMPACTION", "nobody listens", "another version", "503"]) {
            #expect(row["reason"]?.string?.contains(reason) == true)
        }
    }

    @Test func `costs have the requests of workers beside the bytes of tables`() async throws {
        let fixture = try ServiceFixture()
        let service = try fixture.service(try await fixture.store(tables: [fixture.events]))
        let now = SystemClock().now()
        let json = try await service.costs(
            prices: StoragePrices(), workers: [try await worker("collector", writes: 5, at: now)], milliseconds: 1_000)
        #expect(json["compute"]?["complete"] == true && json["compute"]?["workers"]?.array?.count == 1)
        let storage = try #require(json["storage"]?["monthly-cost"]?.double)
        let requests = try #require(json["requests"]?["monthly-cost"]?.double)
        #expect(requests > 0 && json["projected-monthly-cost"]?.double == storage + requests)
    }

    @Test func `a table says whether it needs maintenance`() async throws {
        let live = try await LiveCatalogTable(properties: [
            "write.target-file-size-bytes": "1000000", "analytics.watermark.log-1": "17",
        ])
        try await live.append(0..<10)
        try await live.append(10..<20, hour: 2)
        let path = "/v1/namespaces/analytics/tables/events/health"
        let answer = try await live.ask(.get, path)
        #expect(answer.status == 200)
        #expect(answer.json["data-files"]?.integer == 2 && answer.json["small-file-ratio"]?.double == 1)
        #expect(answer.json["snapshots"]?.integer == 2 && answer.json["records"]?.integer == 20)
        #expect(answer.json["last-compaction"] == .null)
        #expect(answer.json["watermarks"]?["analytics.watermark.log-1"]?.string == "17")
        #expect(try await live.ask(.get, "/v1/namespaces/analytics/tables/none/health").status == 404)
    }
}
