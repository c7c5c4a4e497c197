import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Tables whose metadata is damaged: `validate` names it, `recover` puts the newest whole metadata in its place.
@Suite struct RecoverTests {
    private func table() async throws -> LiveCatalogTable {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        try await live.append(10..<20, type: "click")
        return live
    }

    private func location(_ live: LiveCatalogTable) async throws -> String {
        try await live.service.loadTable(live.table).file.location
    }

    private func head(_ live: LiveCatalogTable) async throws -> ObjectLocation {
        let chain = try RegisterChain.table(live.table)
        let keys = try await live.keys(live.fixture.catalogBucket, chain.prefix + "/")
        return ObjectLocation(bucket: live.fixture.catalogBucket, key: try #require(keys.max()))
    }

    @Test func `a table that is whole needs no recovery`() async throws {
        let live = try await table()
        #expect(try await live.findings().isEmpty)
        let before = try await head(live)
        let answer = try await live.ask("recover")
        #expect(answer.status == 200)
        #expect(answer.json["needed"]?.bool == false && answer.json["recovered"]?.bool == false)
        #expect(try await head(live) == before)
    }

    @Test(arguments: ["gone", "cut"])
    func `metadata that cannot be read gives way to the newest that can`(damage: String) async throws {
        let live = try await table()
        let location = try await location(live)
        if damage == "gone" {
            try await live.delete(location)
        } else {
            try await live.rewrite(location) { $0.removeLast($0.count / 2) }
        }
        #expect(try await live.findings() == [damage == "gone" ? "metadata-missing" : "metadata-damaged"])
        let before = try await head(live)
        let dry = try await live.ask("recover", #"{"dry_run": true}"#)
        #expect(dry.json["needed"]?.bool == true && dry.json["recovered"]?.bool == false)
        #expect(try await head(live) == before)
        let answer = try await live.ask("recover")
        #expect(answer.json["recovered"]?.bool == true)
        #expect(answer.json["found-in"]?.string == "register")
        #expect(answer.json["lost-commits"]?.array?.map { $0["operation"]?.string } == ["commit"])
        #expect(try await live.ids() == Array(0..<10))
        #expect(try await live.findings().isEmpty)
        let again = try await live.ask("recover")
        #expect(again.json["needed"]?.bool == false)
    }

    @Test func `when no file of the register is left, the folder is looked through`() async throws {
        let live = try await table()
        let metadata = try await live.bytes(try await location(live))
        let folder = "\(try await live.metadata().location)/metadata"
        for key in try await live.keys(live.fixture.sourceBucket) where MetadataCandidates.isMetadata(key) {
            try await live.store.delete(live.fixture.sourceBucket, [key])
        }
        #expect(try await live.ask("recover").status == 404)
        try await live.put("\(folder)/00009-copy.metadata.json", Array(metadata.dropLast(3)))
        try await live.put("\(folder)/00002-copy.metadata.json", metadata)
        let answer = try await live.ask("recover")
        #expect(answer.json["found-in"]?.string == "metadata-folder")
        #expect(answer.json["metadata-location"]?.string?.hasSuffix("00002-copy.metadata.json") == true)
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `a file in the folder does not take the table to another's place`() async throws {
        let live = try await table()
        let other = try TableIdentifier(live.fixture.namespace, "other")
        try await live.create(other)
        let (base, victim) = (try await live.metadata(), try await live.metadata(other).location)
        let now = live.service.clock.now()
        for key in try await live.keys(live.fixture.sourceBucket) where MetadataCandidates.isMetadata(key) {
            try await live.store.delete(live.fixture.sourceBucket, [key])
        }
        for update in [TableUpdate.setLocation(victim), .setProperties(["write.data.path": "\(victim)/data"])] {
            let forged = try base.applying([update], at: now)
            try await live.put("\(base.location)/metadata/00009-x.metadata.json", forged.json.serialized())
            #expect(try await live.ask("recover").status == 404)
        }
        // Nor does it keep the table from the file that is its own.
        let foreign = try await live.metadata(other).json.serialized()
        try await live.put("\(base.location)/metadata/00010-x.metadata.json", foreign)
        try await live.put("\(base.location)/metadata/00008-x.metadata.json", base.json.serialized())
        let answer = try await live.ask("recover")
        #expect(answer.status == 200)
        #expect(answer.json["metadata-location"]?.string?.hasSuffix("00008-x.metadata.json") == true)
        let skipped = answer.json["skipped"]?.array?.compactMap { $0["metadata-location"]?.string } ?? []
        #expect(["00009-x", "00010-x"].allSatisfy { name in skipped.contains { $0.contains(name) } })
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `a register that points nowhere is put right`() async throws {
        let live = try await table()
        let place = try await head(live)
        let entry = try JSONValue.parse(try await live.store.get(place, range: nil).bytes)
        let text = entry.serializedString().replacing(
            try await location(live), with: "s3://analytics-source/nowhere.json")
        _ = try await live.store.put(place, Array(text.utf8), condition: .always, contentType: nil)
        #expect(try await live.findings() == ["metadata-missing"])
        let answer = try await live.ask("recover")
        #expect(answer.json["recovered"]?.bool == true)
        #expect(try await live.ids() == Array(0..<10))
    }

    @Test func `a version of the register that is no JSON is written anew, and loses nothing`() async throws {
        let live = try await table()
        let wanted = try await location(live)
        let place = try await head(live)
        _ = try await live.store.put(place, Array("{\"format".utf8), condition: .always, contentType: nil)
        #expect(try await live.findings() == ["metadata-damaged"])
        let stuck = try await live.ask(.get, "/v1/namespaces/analytics/tables/events/transactions")
        #expect(stuck.json["stuck"]?.array?.map { $0["status"]?.string } == ["damaged"])
        let answer = try await live.ask("recover")
        #expect(answer.json["recovered"]?.bool == true)
        #expect(answer.json["metadata-location"]?.string == wanted)
        #expect(answer.json["damaged-register-versions"]?.array?.count == 1)
        #expect(try await live.ids() == Array(0..<20))
        #expect(try await live.findings().isEmpty)
        try await LiveCatalogTable.appendFresh(live, 20..<30)
        #expect(try await live.ids() == Array(0..<30))
    }

    @Test func `an older version of the register that cannot be read is mended too`() async throws {
        let live = try await table()
        let chain = try RegisterChain.table(live.table)
        let place = ObjectLocation(bucket: live.fixture.catalogBucket, key: try chain.key(2))
        _ = try await live.store.put(place, [], condition: .always, contentType: nil)
        let answer = try await live.ask("recover")
        #expect(answer.json["damaged-register-versions"]?.array == [2])
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `with manifests asked for, a snapshot that lacks them is not whole`() async throws {
        let live = try await table()
        let list = try #require(try await live.metadata().currentSnapshot?.manifestList)
        try await live.delete(list)
        #expect(try await live.ask("recover").json["needed"]?.bool == false)
        let answer = try await live.ask("recover", #"{"whole": "manifests"}"#)
        #expect(answer.json["recovered"]?.bool == true)
        #expect(answer.json["lost-snapshot-ids"]?.array?.count == 1)
        #expect(try await live.ids() == Array(0..<10))
    }

    @Test func `a table that was dropped is not recovered`() async throws {
        let live = try await table()
        try await live.service.dropTable(live.table, CatalogService.Request())
        #expect(try await live.ask("recover").status == 404)
        #expect(try await live.ask("validate").status == 404)
    }

    @Test func `two tables in one location are named`() async throws {
        let live = try await table()
        let other = try TableIdentifier(live.fixture.namespace, "other")
        let head = try await live.service.registers.head(try RegisterChain.table(other))
        let state = try #require(try await live.service.tableHead(live.table).state.table)
        _ = try await live.service.registers.advance(head, to: .table(state), operation: "by hand")
        #expect(try await live.findings() == ["shared-location"])
        try await live.service.dropTable(other, CatalogService.Request())
        #expect(try await live.findings().isEmpty)
    }

    @Test func `commits are listed, the newest first`() async throws {
        let live = try await table()
        let answer = try await live.ask(.get, "/v1/namespaces/analytics/tables/events/transactions?limit=2")
        #expect(answer.json["transactions"]?.array?.map { $0["version"]?.integer } == [3, 2])
        #expect(answer.json["transactions"]?.array?.map { $0["status"]?.string } == ["committed", "committed"])
        #expect(answer.json["stuck"]?.array?.isEmpty == true)
        #expect(
            try await live.ask(.get, "/v1/namespaces/analytics/tables/none/transactions").status == 404)
    }

    @Test func `a commit that waits for its decision is stuck until the next one`() async throws {
        let live = try await table()
        let head = try await live.service.tableHead(live.table)
        _ = try await live.service.registers.advance(
            head, to: head.state, operation: "commit", in: UUID(high: 1, low: 2))
        let path = "/v1/namespaces/analytics/tables/events/transactions"
        #expect(try await live.ask(.get, path).json["stuck"]?.array?.map { $0["status"]?.string } == ["undecided"])
        try await LiveCatalogTable.appendFresh(live, 20..<30)
        let after = try await live.ask(.get, path)
        #expect(after.json["stuck"]?.array?.isEmpty == true)
        #expect(after.json["transactions"]?.array?.map { $0["status"]?.string }.contains("aborted") == true)
    }

    private func put(_ live: LiveCatalogTable, _ key: String, _ text: String) async throws {
        let place = ObjectLocation(bucket: live.fixture.catalogBucket, key: try ObjectKey(key))
        _ = try await live.store.put(place, Array(text.utf8), condition: .always, contentType: nil)
    }

    @Test func `versions that are lost before the newest are made up for by a hint`() async throws {
        let live = try await table()
        let chain = try RegisterChain.table(live.table)
        try await live.store.delete(live.fixture.catalogBucket, [try chain.key(1), try chain.key(2)])
        let load = try await live.ask(.get, "/v1/namespaces/analytics/tables/events")
        #expect(load.status == 500 && load.json["error"]?["message"]?.string?.contains("recover") == true)
        // The name is not registered a second time.
        let rebuilt = try await live.ask(.post, "/v1/recovery/rebuild-all")
        #expect(rebuilt.json["registered"]?.integer == 0)
        let dry = try await live.ask("recover", #"{"dry_run": true}"#)
        #expect(dry.json["needed"]?.bool == true && dry.json["hint-mended"]?.bool == false)
        let answer = try await live.ask("recover")
        #expect(answer.json["recovered"]?.bool == true && answer.json["hint-mended"]?.bool == true)
        #expect(try await live.ids() == Array(0..<20))
        try await LiveCatalogTable.appendFresh(live, 20..<30)
        #expect(try await live.ids() == Array(0..<30))
        #expect(try await live.ask("recover").json["needed"]?.bool == false)
    }

    @Test func `a hint that is damaged is mended, and the table is there before`() async throws {
        let live = try await table()
        let chain = try RegisterChain.table(live.table)
        try await put(live, "\(chain.prefix)/hint", "garbage")
        #expect(try await live.ask(.get, "/v1/namespaces/analytics/tables/events").status == 200)
        #expect(try await live.ask("recover").json["hint-mended"]?.bool == true)
        #expect(try await live.ask("recover").json["needed"]?.bool == false)
        #expect(try await live.ids() == Array(0..<20))
    }

    @Test func `one damaged object does not take a listing with it`() async throws {
        let live = try await table()
        let other = try TableIdentifier(live.fixture.namespace, "other")
        let gone = try TableIdentifier(live.fixture.namespace, "gone")
        for table in [other, gone] { try await live.create(table) }
        try await live.service.dropTable(gone, CatalogService.Request())
        _ = try await live.service.createNamespace(
            try NamespaceName(["second"]), properties: [:], CatalogService.Request())
        try await put(live, try RegisterChain.table(live.table).key(1).rawValue, "garbage")
        try await put(live, try RegisterChain.namespace(try NamespaceName(["second"])).key(1).rawValue, "garbage")
        try await put(live, try DroppedTable.key(other, 7), "garbage")
        let tables = try await live.ask(.get, "/v1/namespaces/analytics/tables")
        #expect(tables.json["identifiers"]?.array?.compactMap { $0["name"]?.string } == ["events", "other"])
        let namespaces = try await live.ask(.get, "/v1/namespaces")
        #expect(namespaces.json["namespaces"]?.array?.count == 2)
        #expect(try await live.service.dropped.records().map(\.table.identifier) == [gone])
        #expect(try await live.service.runPurges().failed.isEmpty)
    }

    @Test(arguments: ["garbage", #"{"proved-ms": -9223372036854775808}"#])
    func `a damaged record of the store's proof is no proof`(kept: String) async throws {
        let live = try await table()
        try await put(live, StoreProof.key, kept)
        try await StoreProof(store: live.store, bucket: live.fixture.catalogBucket, clock: SystemClock()).require()
        let place = ObjectLocation(bucket: live.fixture.catalogBucket, key: try ObjectKey(StoreProof.key))
        let record = try JSONValue.parse(try await live.store.get(place, range: nil).bytes)
        #expect(record["proved-ms"]?.integer ?? 0 > 0)
    }
}

extension LiveCatalogTable {
    /// Appends through a replica that has just started.
    static func appendFresh(_ live: LiveCatalogTable, _ ids: Range<Int64>) async throws {
        let fresh = try live.fixture.service(live.store)
        let metadata = try await fresh.loadTable(live.table).file.metadata
        let files = try await live.write(ids)
        let prepared = try await Append(files: files).prepare(
            base: metadata, loader: ManifestLoader(store: live.store))
        for object in prepared.objects {
            _ = try await live.store.put(object.location, object.bytes, condition: .always, contentType: nil)
        }
        _ = try await fresh.commit(
            CatalogService.TableChange(
                identifier: live.table, requirements: prepared.requirements, updates: prepared.updates),
            CatalogService.Request())
    }
}
