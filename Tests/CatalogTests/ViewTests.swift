import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Views over HTTP, as the REST catalog protocol has them.
@Suite struct ViewTests {
    let fixture: ServiceFixture
    let memory: MemoryObjectStore
    let client: HarnessClient
    /// Another replica on the same store.
    let other: HarnessClient

    init() async throws {
        fixture = try ServiceFixture()
        memory = try await fixture.store(tables: [fixture.events])
        client = HarnessClient(try fixture.service(memory))
        other = HarnessClient(try fixture.service(memory))
    }

    static let schema = #"{"type":"struct","fields":[{"id":1,"name":"id","required":false,"type":"string"}]}"#

    static func version(_ sql: String, dialect: String = "spark", id: Int = 1) -> String {
        """
        {"version-id":\(id),"timestamp-ms":1700000000000,"schema-id":0,"summary":{"engine-name":"test"},
         "representations":[{"type":"sql","sql":"\(sql)","dialect":"\(dialect)"}],"default-namespace":["analytics"]}
        """
    }

    static func creation(_ name: String, _ sql: String = "select 1", extra: String = "") -> String {
        #"{"name":"\#(name)","schema":\#(schema),"view-version":\#(version(sql)),"properties":{"a":"b"}\#(extra)}"#
    }

    static let views = "/v1/namespaces/analytics/views"

    private func make(_ name: String = "v") async -> HarnessClient.Answer {
        await client.send(.post, Self.views, Self.creation(name))
    }

    @Test func `a view that was made is listed, loaded and there, on every replica`() async throws {
        let made = await make()
        #expect(made.status == 200)
        let location = try #require(made.json["metadata-location"]?.string)
        #expect(location.contains("/analytics/v/metadata/00000-"))
        for replica in [client, other] {
            let loaded = await replica.send(.get, "\(Self.views)/v")
            #expect(loaded.json["metadata-location"]?.string == location)
            #expect(loaded.json["config"] == [:])
            #expect(loaded.json["metadata"]?["current-version-id"]?.integer == 1)
            #expect(loaded.json["metadata"]?["properties"] == ["a": "b"])
            #expect(await replica.send(.head, "\(Self.views)/v").status == 204)
            let listed = await replica.send(.get, Self.views)
            #expect(listed.json["identifiers"]?.array?.compactMap { $0["name"]?.string } == ["v"])
        }
    }

    @Test func `a replaced view keeps its versions, and a requirement that does not hold changes nothing`()
        async throws
    {
        let uuid = try #require(await make().json["metadata"]?["view-uuid"]?.string)
        func replacement(_ uuid: String, _ sql: String, dialect: String = "spark") -> String {
            """
            {"requirements":[{"type":"assert-view-uuid","uuid":"\(uuid)"}],"updates":[
             {"action":"add-view-version","view-version":\(Self.version(sql, dialect: dialect, id: 2))},
             {"action":"set-current-view-version","view-version-id":-1}]}
            """
        }
        let replaced = await other.send(.post, "\(Self.views)/v", replacement(uuid, "select 2"))
        #expect(replaced.status == 200)
        #expect(replaced.json["metadata"]?["versions"]?.array?.count == 2)
        let wrong = await client.send(
            .post, "\(Self.views)/v", replacement("00000000-0000-4000-8000-000000000000", "select 3"))
        #expect(wrong.status == 409)
        #expect(wrong.errorType == "CommitFailedException")
        let lossy = await client.send(.post, "\(Self.views)/v", replacement(uuid, "select 3", dialect: "trino"))
        #expect(lossy.status == 400)
        let loaded = await client.send(.get, "\(Self.views)/v")
        #expect(loaded.json["metadata-location"] == replaced.json["metadata-location"])
        let properties = #"{"updates":[{"action":"set-properties","updates":{"c":"d"}}]}"#
        let changed = await client.send(.post, "\(Self.views)/v", properties)
        #expect(changed.json["metadata"]?["properties"] == ["a": "b", "c": "d"])
    }

    @Test func `tables and views share their names`() async {
        let tableBody = #"{"name":"v","schema":\#(Self.schema)}"#
        #expect(await make().status == 200)
        let asTable = await client.send(.post, "/v1/namespaces/analytics/tables", tableBody)
        #expect(asTable.status == 409)
        #expect(asTable.errorMessage == "View with same name already exists: analytics.v")
        let staged = #"{"requirements":[{"type":"assert-create"}],"updates":[]}"#
        #expect(await client.send(.post, "/v1/namespaces/analytics/tables/v", staged).status == 409)
        let asView = await make("events")
        #expect(asView.status == 409)
        #expect(asView.errorMessage == "Table with same name already exists: analytics.events")
        #expect(await make().errorMessage == "View already exists: analytics.v")
        #expect(await client.send(.get, "/v1/namespaces/analytics/tables/v").errorType == "NoSuchTableException")
        #expect(await client.send(.get, "\(Self.views)/events").errorType == "NoSuchViewException")
        #expect(await client.send(.delete, "\(Self.views)/events").status == 404)
        #expect(await client.send(.delete, "/v1/namespaces/analytics/tables/v").status == 404)
        let tables = await client.send(.get, "/v1/namespaces/analytics/tables")
        #expect(tables.json["identifiers"]?.array?.count == 1)
        let dropped = await client.send(.delete, "/v1/namespaces/analytics")
        #expect(dropped.errorType == "NamespaceNotEmptyException")
    }

    @Test func `an overwriting registration does not take a view's name`() async throws {
        #expect(await make().status == 200)
        let loaded = await client.send(.get, "/v1/namespaces/analytics/tables/events")
        let location = try #require(loaded.json["metadata-location"]?.string)
        let answer = await client.send(
            .post, "/v1/namespaces/analytics/register",
            #"{"name":"v","metadata-location":"\#(location)","overwrite":true}"#)
        #expect(answer.status == 409)
    }

    private static func rename(_ source: String, _ destination: String, into namespace: String = "analytics") -> String
    {
        """
        {"source":{"namespace":["analytics"],"name":"\(source)"},
         "destination":{"namespace":["\(namespace)"],"name":"\(destination)"}}
        """
    }

    @Test func `a view is renamed within and across namespaces, never onto something`() async {
        #expect(await make().status == 200)
        #expect(await client.send(.post, "/v1/views/rename", Self.rename("v", "events")).status == 409)
        #expect(await client.send(.post, "/v1/views/rename", Self.rename("events", "w")).status == 404)
        #expect(
            await client.send(.post, "/v1/tables/rename", Self.rename("v", "w")).errorType == "NoSuchTableException")
        let nowhere = await client.send(.post, "/v1/views/rename", Self.rename("v", "w", into: "none"))
        #expect(nowhere.errorType == "NoSuchNamespaceException")
        #expect(await client.send(.post, "/v1/views/rename", Self.rename("v", "w")).status == 204)
        #expect(await client.send(.head, "\(Self.views)/v").status == 404)
        #expect(await client.send(.head, "\(Self.views)/w").status == 204)
        #expect(await client.send(.post, "/v1/namespaces", #"{"namespace":["next"]}"#).status == 200)
        #expect(await client.send(.post, "/v1/views/rename", Self.rename("w", "x", into: "next")).status == 204)
        #expect(await other.send(.get, "/v1/namespaces/next/views/x").status == 200)
        #expect(await other.send(.delete, "/v1/namespaces/next").status == 409)
        // The default location of the first name is still taken.
        let again = await make()
        #expect(again.status == 200)
        #expect(again.json["metadata"]?["location"]?.string?.contains("/analytics/v-") == true)
    }

    @Test func `a dropped view can be registered from its metadata file`() async throws {
        let location = try #require(await make().json["metadata-location"]?.string)
        let body = #"{"name":"back","metadata-location":"\#(location)"}"#
        let path = "/v1/namespaces/analytics/register-view"
        #expect(await client.send(.post, path, body).status == 400, "the view still lies there")
        #expect(await client.send(.delete, "\(Self.views)/v").status == 204)
        #expect(await client.send(.delete, "\(Self.views)/v").status == 404)
        let back = await client.send(.post, path, body)
        #expect(back.status == 200)
        #expect(back.json["metadata-location"]?.string == location)
        #expect(await client.send(.post, path, body).status == 409)
        let table = try #require(
            await client.send(.get, "/v1/namespaces/analytics/tables/events").json["metadata-location"]?.string)
        let wrong = #"{"name":"t","metadata-location":"\#(table)"}"#
        #expect(await client.send(.post, path, wrong).status == 400)
    }

    @Test func `a view's files stay below its own location`() async throws {
        let others = "s3://analytics-source/analytics/events/metadata"
        let outside = #""properties":{"write.metadata.path":"\#(others)"}"#
        let refused = await client.send(
            .post, Self.views,
            #"{"name":"w","schema":\#(Self.schema),"view-version":\#(Self.version("select 1")),\#(outside)}"#)
        #expect(refused.status == 400 && refused.errorMessage?.contains(others) == true)
        let made = await make()
        let location = try #require(made.json["metadata"]?["location"]?.string)
        func set(_ path: String) async -> HarnessClient.Answer {
            let update = #"{"action":"set-properties","updates":{"write.metadata.path":"\#(path)"}}"#
            return await client.send(.post, "\(Self.views)/v", #"{"updates":[\#(update)]}"#)
        }
        #expect(await set(others).status == 400)
        #expect(await set("\(location)/other").status == 200)
        let moved = #"{"action":"set-location","location":"s3://analytics-source/moved/v"}"#
        #expect(await client.send(.post, "\(Self.views)/v", #"{"updates":[\#(moved)]}"#).status == 400)
    }

    @Test func `a view whose files lie elsewhere is not registered`() async throws {
        #expect(await make().status == 200)
        let service = try fixture.service(memory)
        let view = try await service.loadView(try TableIdentifier(fixture.namespace, "v"))
        #expect(await client.send(.delete, "\(Self.views)/v").status == 204)
        let forged = try view.file.metadata.applying(
            [.setProperties(["write.metadata.path": "s3://analytics-source/analytics/events/metadata"])],
            at: service.clock.now())
        let location = "\(view.file.metadata.location)/metadata/forged.metadata.json"
        _ = try await StoredView.write(forged, to: location, in: memory)
        let body = #"{"name":"v","metadata-location":"\#(location)"}"#
        #expect(await client.send(.post, "/v1/namespaces/analytics/register-view", body).status == 400)
    }

    static let keyed: [(method: HTTPMethod, path: String, body: String, status: Int)] = [
        (.post, views, creation("k"), 200),
        (.post, "\(views)/v", #"{"updates":[{"action":"set-properties","updates":{"x":"1"}}]}"#, 200),
        (.post, "/v1/views/rename", rename("v", "r"), 204),
        (.delete, "\(views)/v", "", 204),
    ]

    @Test(arguments: keyed)
    func `a change repeated with its key is made once`(
        change: (method: HTTPMethod, path: String, body: String, status: Int)
    ) async {
        #expect(await make().status == 200)
        let headers: HTTPHeaders = ["Idempotency-Key": "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"]
        let first = await client.send(change.method, change.path, change.body, headers: headers)
        #expect(first.status == change.status)
        let repeated = await other.send(change.method, change.path, change.body, headers: headers)
        #expect(repeated.status == change.status)
        #expect(repeated.json == first.json)
        let odd = await other.send(change.method, change.path + "?odd=1", change.body, headers: headers)
        #expect(odd.status == 400)
        #expect(odd.errorMessage?.contains("used for another request") == true)
    }

    static let refusals: [(path: String, body: String, status: Int)] = [
        ("/v1/namespaces/none/views", creation("x"), 404),
        (views, creation("x", extra: #","location":"s3://elsewhere/x""#), 400),
        (views, creation("x", extra: #","location":"s3://analytics-source/analytics/events/x""#), 400),
        (views, #"{"name":"x"}"#, 400),
        (views, creation(""), 400),
        ("\(views)/v", #"{"requirements":[{"type":"assert-ref-snapshot-id"}],"updates":[]}"#, 400),
        ("\(views)/v", #"{"updates":[{"action":"add-spec","spec":{"fields":[]}}]}"#, 400),
        ("\(views)/v", #"{"updates":[{"action":"set-location","location":"s3://elsewhere/x"}]}"#, 400),
        ("\(views)/v", "{}", 400),
        ("\(views)/none", #"{"updates":[]}"#, 404),
        (
            "\(views)/v", #"{"identifier":{"namespace":["analytics"],"name":"w"},"updates":[]}"#, 400
        ),
    ]

    @Test(arguments: refusals)
    func `what cannot be is refused`(refusal: (path: String, body: String, status: Int)) async {
        #expect(await make().status == 200)
        let answer = await client.send(.post, refusal.path, refusal.body)
        #expect(answer.status == refusal.status)
        #expect(answer.errorMessage?.isEmpty == false)
    }
}
