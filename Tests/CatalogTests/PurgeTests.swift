import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// What purges do while a table that is there cannot be read.
@Suite struct PurgeTests {
    private let fixture: ServiceFixture
    private let storeTime = FixedClock()
    private let store: MemoryObjectStore

    init() throws {
        fixture = try ServiceFixture()
        store = MemoryObjectStore(clock: storeTime)
    }

    private func create(_ name: String) async throws -> TableIdentifier {
        let table = try TableIdentifier(fixture.namespace, name)
        _ = try await fixture.service(store).createTable(table, try fixture.creation(), CatalogService.Request())
        return table
    }

    private func count(_ table: TableIdentifier) async throws -> Int {
        try await store.list(
            fixture.sourceBucket, prefix: "analytics/\(table.name)/", delimiter: nil, startAfter: nil, limit: 1000
        ).objects.count
    }

    @Test(arguments: ["register", "metadata"])
    func `tables whose files came after its last commit are purged, older ones wait for it`(
        damaged: String
    ) async throws {
        _ = try await fixture.service(store).createNamespace(
            fixture.namespace, properties: [:], CatalogService.Request())
        let (old, broken) = (try await create("old"), try await create("broken"))
        var place = ObjectLocation(bucket: fixture.catalogBucket, key: try RegisterChain.table(broken).key(1))
        if damaged == "metadata" {
            place = try store.location(of: try await fixture.service(store).loadTable(broken).file.location)
        }
        let whole = try await store.get(place, range: nil).bytes
        _ = try await store.put(place, Array("garbage".utf8), condition: .always, contentType: nil)
        storeTime.advance(seconds: 3600)
        let (new, kept) = (try await create("new"), try await create("kept"))
        let service = try fixture.service(store, dropRetentionHours: 0)
        for table in [old, new] { try await service.dropTable(table, purge: true, CatalogService.Request()) }
        try await service.dropTable(kept, CatalogService.Request())
        let report = await HarnessClient(service).send(.post, "/v1/purges")
        #expect(report.status == 200)
        #expect(report.json["purged"]?.array == [new.json])
        #expect(report.json["forgotten"]?.array == [kept.json])
        #expect(report.json["skipped"]?.array?.map { $0["table"] } == [old.json])
        let reason = report.json["skipped"]?.array?.first?["reason"]?.string
        #expect(reason?.contains("analytics.broken cannot be read") == true)
        #expect(service.purgesSkipped.withLock { $0 } == 1)
        #expect(try await count(old) > 0)
        #expect(try await count(new) == 0)
        // Once it can be read again, nothing is in the way.
        _ = try await store.put(place, whole, condition: .always, contentType: nil)
        let later = try fixture.service(store, dropRetentionHours: 0)
        #expect(try await later.runPurges().purged == [old])
        #expect(later.purgesSkipped.withLock { $0 } == 0)
        #expect(try await count(old) == 0)
    }
}
