import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// The catalog's own bucket is lost: what it said is found again in the buckets of the tables.
@Suite struct RebuildAllTests {
    private func tables() async throws -> LiveCatalogTable {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        try await live.append(10..<20, type: "click")
        let deep = try NamespaceName(["sales", "eu.west"])
        _ = try await live.service.createNamespace(
            try NamespaceName(["sales"]), properties: [:], CatalogService.Request())
        _ = try await live.service.createNamespace(deep, properties: [:], CatalogService.Request())
        let orders = try TableIdentifier(deep, "orders 2024")
        try await live.create(orders)
        try await live.append(0..<5, to: orders)
        let renamed = try TableIdentifier(live.fixture.namespace, "renamed")
        let old = try TableIdentifier(live.fixture.namespace, "old name")
        try await live.create(old)
        try await live.append(7..<9, to: old)
        try await live.service.renameTable(old, to: renamed, CatalogService.Request())
        let dropped = try TableIdentifier(live.fixture.namespace, "dropped")
        try await live.create(dropped)
        try await live.service.dropTable(dropped, CatalogService.Request())
        return live
    }

    private func loseCatalog(_ live: LiveCatalogTable) async throws {
        let keys = try await live.keys(live.fixture.catalogBucket)
        try await live.store.delete(live.fixture.catalogBucket, keys)
    }

    private func rebuild(_ live: LiveCatalogTable, _ body: String = "") async throws -> JSONValue {
        let answer = try await live.ask(.post, "/v1/recovery/rebuild-all", body)
        #expect(answer.status == 200)
        return answer.json
    }

    private func names(_ json: JSONValue, _ decision: String) -> Set<String> {
        Set(
            (json["decisions"]?.array ?? []).filter { $0["decision"]?.string == decision }.compactMap {
                $0["identifier"]?["name"]?.string
            })
    }

    @Test func `the same tables, snapshots and rows are there again`() async throws {
        let live = try await tables()
        let before = try await live.metadata()
        try await loseCatalog(live)
        #expect(try await live.ask(.get, "/v1/namespaces/analytics/tables/events").status == 404)
        let report = try await rebuild(live)
        #expect(report["complete"]?.bool == true)
        #expect(names(report, "registered") == ["events", "orders 2024", "renamed"])
        #expect(names(report, "dropped") == ["dropped"])
        let fresh = try live.fixture.service(live.store)
        #expect(try await fresh.loadTable(live.table).file.metadata == before)
        #expect(try await live.ids() == Array(0..<20))
        let orders = try TableIdentifier(try NamespaceName(["sales", "eu.west"]), "orders 2024")
        #expect(try await live.ids(orders) == Array(0..<5))
        #expect(try await live.ids(try TableIdentifier(live.fixture.namespace, "renamed")) == [7, 8])
        #expect(try await live.findings() == [])
        let again = try await rebuild(live)
        #expect(again["registered"]?.integer == 0 && again["already-registered"]?.integer == 3)
    }

    @Test func `a dry run says the same and changes nothing`() async throws {
        let live = try await tables()
        try await loseCatalog(live)
        let report = try await rebuild(live, #"{"dry_run": true}"#)
        #expect(names(report, "registered") == ["events", "orders 2024", "renamed"])
        #expect(report["namespaces-created"]?.array?.count == 3)
        #expect(try await live.keys(live.fixture.catalogBucket).isEmpty)
    }

    @Test func `with registers that are left only the rest is registered`() async throws {
        let live = try await tables()
        let chain = try RegisterChain.table(live.table)
        try await live.store.delete(
            live.fixture.catalogBucket, try await live.keys(live.fixture.catalogBucket, chain.prefix))
        let report = try await rebuild(live)
        #expect(names(report, "registered") == ["events"])
        #expect(names(report, "already-registered") == ["orders 2024", "renamed"])
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `dropped tables come back when they are asked for`() async throws {
        let live = try await tables()
        try await loseCatalog(live)
        #expect(names(try await rebuild(live, #"{"include_dropped": true}"#), "registered").contains("dropped"))
    }

    @Test func `engines that delete orphans see no record, and records of the former name are read`() async throws {
        let live = try await tables()
        let bucket = live.fixture.sourceBucket
        let records = try await live.keys(bucket).filter { $0.rawValue.hasSuffix(NameRecord.fileName) }
        #expect(!records.isEmpty && records.allSatisfy { $0.rawValue.hasSuffix("/metadata/.catalog-name.json") })
        for key in records {
            let bytes = try await live.store.get(ObjectLocation(bucket: bucket, key: key), range: nil).bytes
            let former = try ObjectKey(key.rawValue.replacing("/.catalog-name", with: "/catalog-name"))
            _ = try await live.store.put(
                ObjectLocation(bucket: bucket, key: former), bytes, condition: .always, contentType: nil)
        }
        try await live.store.delete(bucket, records)
        try await loseCatalog(live)
        #expect(names(try await rebuild(live), "registered") == ["events", "orders 2024", "renamed"])
    }

    @Test func `without records beside the metadata the claims know the names, and without those the paths`()
        async throws
    {
        let live = try await tables()
        let keys = try await live.keys(live.fixture.sourceBucket)
        try await live.store.delete(
            live.fixture.sourceBucket, keys.filter { $0.rawValue.hasSuffix(NameRecord.fileName) })
        for prefix in ["tables/", "namespaces/"] {
            try await live.store.delete(
                live.fixture.catalogBucket, try await live.keys(live.fixture.catalogBucket, prefix))
        }
        let byClaim = try await rebuild(live, #"{"dry_run": true}"#)
        #expect(names(byClaim, "registered") == ["events", "orders 2024", "renamed"])
        #expect(names(byClaim, "dropped") == ["dropped"], "its own record is there still")
        try await loseCatalog(live)
        let byPath = try await rebuild(live)
        #expect(names(byPath, "registered") == ["events", "orders 2024", "old name", "dropped"])
        #expect(
            try await live.ids(try TableIdentifier(try NamespaceName(["sales", "eu.west"]), "orders 2024"))
                == Array(0..<5))
    }

    @Test func `the newest metadata file that can be read is taken`() async throws {
        let live = try await tables()
        let newest = try await live.service.loadTable(live.table).file.location
        try await live.rewrite(newest) { $0.removeLast(10) }
        try await loseCatalog(live)
        let report = try await rebuild(live)
        let notes = report["decisions"]?.array?.flatMap { $0["notes"]?.array ?? [] }.compactMap(\.string) ?? []
        #expect(notes.contains { $0.contains(newest) })
        #expect(try await live.ids() == Array(0..<10))
    }

    @Test func `a copy of a table is not registered`() async throws {
        let live = try await tables()
        let file = try await live.service.loadTable(live.table).file
        try await live.put("s3://analytics-source/backup/events/metadata/00005-x.metadata.json", file.json)
        try await loseCatalog(live)
        let report = try await rebuild(live)
        #expect(report["copies"]?.integer == 1)
        #expect(names(report, "registered") == ["events", "orders 2024", "renamed"])
    }

    @Test func `a table that was moved is registered as it is now, and not as it was left behind`() async throws {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        let move = CatalogService.TableChange(
            identifier: live.table, requirements: [],
            updates: [.setLocation("s3://analytics-source/zoo/events"), .setProperties(["moved": "true"])])
        _ = try await live.service.commit(move, CatalogService.Request())
        try await live.append(10..<20)
        #expect(try await rebuild(live)["copies"] == 1)
        try await loseCatalog(live)
        let report = try await rebuild(live)
        #expect(report["registered"] == 1 && report["copies"] == 1)
        #expect(try await live.ids() == Array(0..<20))
        #expect(try await rebuild(live)["already-registered"] == 1)
    }

    @Test func `of two tables with one UUID none is taken for the other, and the report names both`() async throws {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        let metadata = try await live.metadata()
        let twin = "s3://analytics-source/analytics/a-twin"
        let bare = try TableMetadata.new(
            location: twin, schema: metadata.currentSchema, spec: UnboundPartitionSpec(),
            uuid: try #require(metadata.tableUUID), at: SystemClock().now())
        _ = try await StoredMetadata.write(bare, to: "\(twin)/metadata/00009-x.metadata.json", in: live.store)
        let known = try await rebuild(live)
        #expect(known["registered"] == 0 && known["already-registered"] == 1 && known["copies"] == 1)
        try await loseCatalog(live)
        let report = try await rebuild(live)
        #expect(report["registered"] == 0 && report["refused"] == 2)
        for decision in report["decisions"]?.array ?? [] {
            let note = decision["notes"]?.array?.first?.string ?? ""
            #expect(note.contains("two tables"))
            #expect(note.contains(twin) == (decision["folder"]?.string?.contains("a-twin") == false))
        }
        let file = try #require(
            report["decisions"]?.array?.first { $0["folder"]?.string?.contains("a-twin") == false }?[
                "metadata-location"])
        _ = try await live.ask(.post, "/v1/namespaces", #"{"namespace":["analytics"]}"#)
        let chosen = try await live.ask(
            .post, "/v1/namespaces/analytics/register",
            #"{"name":"events","metadata-location":\#(file.serializedString())}"#)
        #expect(chosen.status == 200)
        #expect(try await live.ids() == Array(0..<10))
    }

    @Test func `tables of workers without a catalog service are found`() async throws {
        let live = try await tables()
        let direct = DirectCatalog(store: live.store, bucket: live.fixture.sourceBucket)
        let name = try TableIdentifier(try NamespaceName(["plain", "inner"]), "direct")
        let made = try await direct.createTable(
            name, TableCreation(schema: try Schema(fields: [.required(1, "id", .long)])))
        guard
            case .committed(let committed) = await direct.commit(
                name, requirements: [], updates: [.setProperties(["a": "b"])])
        else {
            Issue.record("not committed")
            return
        }
        try await loseCatalog(live)
        let report = try await rebuild(live)
        #expect(names(report, "registered").contains("direct"))
        let table = try await live.service.loadTable(name)
        #expect(table.file.location == committed.metadataLocation)
        #expect(table.file.metadata.tableUUID == made.metadata.tableUUID)
    }

    @Test func `two tables of one name both come back`() async throws {
        let live = try await tables()
        let record = NameRecord(
            identifier: live.table,
            uuid: try #require(
                try await live.metadata(try TableIdentifier(live.fixture.namespace, "renamed")).tableUUID
            ).description,
            isDropped: false, time: Timestamp(milliseconds: 1))
        let place = try #require(live.service.place("s3://analytics-source/analytics/old%20name"))
        await record.write(at: place, in: live.store, .always)
        try await loseCatalog(live)
        let registered = names(try await rebuild(live), "registered")
        #expect(registered.count == 3 && registered.contains("events"))
        #expect(registered.contains { $0.hasPrefix("events-") })
    }
}
