import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
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

    @Test func `requests are counted by class and projected to a month`() async throws {
        let store = CountingStore(MemoryObjectStore())
        let place = ObjectLocation(bucket: try BucketName("lake"), key: try ObjectKey("a/b"))
        _ = try await store.put(place, [1, 2, 3], condition: .always, contentType: nil)
        _ = try await store.get(place, range: nil)
        _ = try await store.head(place)
        _ = try await store.list(place.bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10)
        try await store.delete(place.bucket, [place.key])
        #expect(
            store.counts
                == CountingStore.Counts(classA: 2, classB: 2, free: 1, bytesRead: 3, bytesWritten: 3))
        let fixture = try ServiceFixture()
        let service = try fixture.service(try await fixture.store())
        var prices = StoragePrices()
        prices.classA = 10
        prices.classB = 1
        let counts = CountingStore.Counts(classA: 1_000, classB: 10_000)
        let json = try await service.costs(prices: prices, requests: (counts, 86_400), milliseconds: 1_000)
        #expect(json["requests"]?["monthly-cost"]?.double == (0.01 + 0.01) * 30)
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
