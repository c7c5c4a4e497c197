import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What becomes of a table that is dropped, purged or unregistered.
@Suite struct DroppedTableTests {
    let fixture: ServiceFixture
    let memory: MemoryObjectStore
    let client: HarnessClient
    /// A replica for which the time to bring tables back is over at once.
    let impatient: HarnessClient

    init() async throws {
        fixture = try ServiceFixture()
        memory = try await fixture.store(tables: [fixture.events])
        client = HarnessClient(try fixture.service(memory))
        impatient = HarnessClient(try fixture.service(memory, dropRetentionHours: 0))
    }

    private static let tables = "/v1/namespaces/analytics/tables"
    private static let events = "\(tables)/events"
    private static let dropped = "/v1/namespaces/analytics/dropped"
    private static let creation = #"{"name":"events","schema":{"type":"struct","fields":[]}}"#

    private func load() async -> HarnessClient.Answer { await client.send(.get, Self.events) }

    private func objects(below prefix: String) async throws -> Int {
        try await memory.list(
            fixture.sourceBucket, prefix: prefix, delimiter: nil, startAfter: nil, limit: 1000
        ).objects.count
    }

    @Test(arguments: ["", "?purgeRequested=true", "?purgeRequested=false"])
    func `a dropped table is listed and comes back as it was`(query: String) async throws {
        let before = await load()
        #expect(await client.send(.delete, Self.events + query).status == 204)
        #expect(await load().status == 404)
        let listed = await client.send(.get, Self.dropped).json["dropped"]?.array
        #expect(listed?.count == 1)
        #expect(listed?.first?["name"]?.string == "events")
        #expect(listed?.first?["metadata_location"] == before.json["metadata-location"])
        #expect(await client.send(.post, "\(Self.events)/undrop").status == 200)
        let after = await load()
        #expect(after.json == before.json)
        #expect(await client.send(.get, Self.dropped).json["dropped"]?.array?.isEmpty == true)
        #expect(await client.send(.post, "\(Self.events)/undrop").status == 409)
        #expect(await impatient.send(.post, "/v1/purges").json["purged"]?.array?.isEmpty == true)
        #expect(await load().status == 200)
    }

    @Test func `a table whose name is taken comes back under another`() async throws {
        let first = await load()
        #expect(await client.send(.delete, Self.events).status == 204)
        let second = await client.send(.post, Self.tables, Self.creation)
        #expect(second.status == 200)
        #expect(second.json["metadata"]?["location"] != first.json["metadata"]?["location"])
        #expect(await client.send(.post, "\(Self.events)/undrop").status == 409)
        let back = await client.send(.post, "\(Self.events)/undrop", #"{"name":"old"}"#)
        #expect(back.status == 200)
        #expect(back.json["metadata"] == first.json["metadata"])
        #expect(await client.send(.get, "\(Self.tables)/old").status == 200)
        #expect(await load().json["metadata"]?["table-uuid"] == second.json["metadata"]?["table-uuid"])
    }

    @Test func `of several drops of a name the newest comes back, or the one that is asked for`() async throws {
        let first = try #require(await load().json["metadata"]?["table-uuid"]?.string)
        #expect(await client.send(.delete, Self.events).status == 204)
        let second = try #require(
            await client.send(.post, Self.tables, Self.creation).json["metadata"]?["table-uuid"]?.string)
        #expect(await client.send(.delete, Self.events).status == 204)
        #expect(await client.send(.get, Self.dropped).json["dropped"]?.array?.count == 2)
        let asked = await client.send(.post, "\(Self.events)/undrop", #"{"name":"old","table_uuid":"\#(first)"}"#)
        #expect(asked.json["metadata"]?["table-uuid"]?.string == first)
        let newest = await client.send(.post, "\(Self.events)/undrop")
        #expect(newest.json["metadata"]?["table-uuid"]?.string == second)
    }

    @Test func `files go with a purge once the time is over, and stay without one`() async throws {
        #expect(try await objects(below: "analytics/events/") > 0)
        #expect(await client.send(.delete, Self.events).status == 204)
        let forgotten = await impatient.send(.post, "/v1/purges")
        #expect(forgotten.json["forgotten"]?.array?.count == 1)
        let kept = try await objects(below: "analytics/events/")
        #expect(kept > 0)
        #expect(await client.send(.post, "\(Self.events)/undrop").status == 404)

        #expect(await client.send(.post, Self.tables, Self.creation).status == 200)
        #expect(await client.send(.delete, "\(Self.events)?purgeRequested=true").status == 204)
        #expect(await client.send(.post, "/v1/purges").json["files_deleted"]?.integer == 0)
        let purged = await impatient.send(.post, "/v1/purges")
        #expect(purged.json["purged"]?.array?.count == 1)
        #expect(purged.json["failed"]?.array?.isEmpty == true)
        #expect(try await objects(below: "analytics/events") == kept)
        #expect(await client.send(.post, "\(Self.events)/undrop").status == 404)
    }

    @Test func `a table that is gone is found again without being told where`() async throws {
        let path = "\(Self.events)/register"
        let before = await load()
        #expect(await client.send(.post, path).json == before.json, "it is there")
        #expect(await client.send(.delete, Self.events).status == 204)
        #expect(await client.send(.post, path).json == before.json, "it was dropped")
        #expect(await client.send(.post, "\(Self.events)/unregister").status == 200)
        #expect(await client.send(.post, path).json == before.json, "its register knows it")
        #expect(await client.send(.post, "\(Self.tables)/none/register").status == 404)
        let location = try #require(before.json["metadata-location"]?.string)
        #expect(await client.send(.post, "\(Self.events)/unregister").status == 200)
        let body = #"{"metadata-location":"\#(location)"}"#
        #expect(await client.send(.post, "\(Self.tables)/other/register", body).status == 200)
    }

    private func rename(_ name: String, to other: String) async -> Int {
        let names = [name, other].map { #"{"namespace":["analytics"],"name":"\#($0)"}"# }
        return await client.send(
            .post, "/v1/tables/rename", #"{"source":\#(names[0]),"destination":\#(names[1])}"#
        ).status
    }

    private func setProperty(_ name: String, of table: String) async -> Int {
        let update = #"{"action":"set-properties","updates":{"\#(name)":"1"}}"#
        return await client.send(
            .post, "\(Self.tables)/\(table)", #"{"requirements":[],"updates":[\#(update)]}"#
        ).status
    }

    @Test func `a table that was renamed is not brought back under its old name`() async throws {
        let path = "\(Self.events)/register"
        #expect(await setProperty("before", of: "events") == 200)
        #expect(await rename("events", to: "later") == 204)
        #expect(await setProperty("after", of: "later") == 200)
        let living = await client.send(.post, path)
        #expect(living.status == 404)
        #expect(living.errorMessage?.contains("it is analytics.later now") == true)
        #expect(await client.send(.delete, "\(Self.tables)/later").status == 204)
        let gone = await client.send(.post, path)
        #expect(gone.status == 404)
        #expect(gone.errorMessage?.contains("it was dropped as analytics.later") == true)
        let back = await client.send(.post, "\(Self.tables)/later/undrop")
        #expect(back.status == 200)
        #expect(back.json["metadata"]?["properties"]?["after"] == "1")
    }

    @Test func `an older drop is not brought back for a table that was renamed`() async throws {
        #expect(await client.send(.delete, Self.events).status == 204)
        #expect(await client.send(.post, Self.tables, Self.creation).status == 200)
        #expect(await rename("events", to: "later") == 204)
        #expect(await client.send(.post, "\(Self.events)/register").status == 404)
        #expect(await load().status == 404)
    }

    @Test func `a table that lives under another name is not brought back`() async throws {
        #expect(await client.send(.delete, Self.events).status == 204)
        #expect(await client.send(.post, "\(Self.events)/undrop", #"{"name":"old"}"#).status == 200)
        let answer = await client.send(.post, "\(Self.events)/register")
        #expect(answer.status == 409)
        #expect(answer.errorMessage?.contains("it is analytics.old now") == true)
        #expect(await load().status == 404)
    }

    @Test func `a table that is registered from its file is not purged any more`() async throws {
        let location = try #require(await load().json["metadata-location"]?.string)
        #expect(await client.send(.delete, "\(Self.events)?purgeRequested=true").status == 204)
        let body = #"{"name":"saved","metadata-location":"\#(location)"}"#
        #expect(await client.send(.post, "/v1/namespaces/analytics/register", body).status == 200)
        let report = await impatient.send(.post, "/v1/purges").json
        #expect(report["purged"]?.array == [] && report["files_deleted"]?.integer == 0)
        #expect(await HarnessClient(try fixture.service(memory)).send(.get, "\(Self.tables)/saved").status == 200)
    }

    @Test func `a table whose files belong to others is not purged`() async {
        let body = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"gc.enabled":"false"}}]}"#
        #expect(await client.send(.post, Self.events, body).status == 200)
        #expect(await client.send(.delete, "\(Self.events)?purgeRequested=true").status == 400)
        #expect(await client.send(.delete, "\(Self.events)?purgeRequested=maybe").status == 400)
        #expect(await load().status == 200)
        #expect(await client.send(.delete, Self.events).status == 204)
    }

    @Test func `an unregistered table is out of the catalog, and its files are where they were`() async throws {
        let before = await load()
        let answer = await client.send(.post, "\(Self.events)/unregister")
        #expect(answer.status == 200)
        #expect(answer.json["metadata-location"] == before.json["metadata-location"])
        #expect(answer.json["metadata"] == before.json["metadata"])
        #expect(await load().status == 404)
        #expect(await client.send(.post, Self.events, #"{"requirements":[],"updates":[]}"#).status == 404)
        #expect(await client.send(.post, "\(Self.events)/unregister").status == 404)
        #expect(await client.send(.get, Self.dropped).json["dropped"]?.array?.isEmpty == true)
        let location = try #require(answer.json["metadata-location"]?.string)
        let body = #"{"name":"events","metadata-location":"\#(location)"}"#
        #expect(await client.send(.post, "/v1/namespaces/analytics/register", body).status == 200)
    }

    @Test func `what follows under the name of an unregistered table gets a folder of its own`() async throws {
        let old = try #require(await load().json["metadata"]?["location"]?.string)
        #expect(await client.send(.post, "\(Self.events)/unregister").status == 200)
        let made = await client.send(.post, Self.tables, #"{"name":"events","schema":\#(ViewTests.schema)}"#)
        #expect(made.status == 200)
        let location = try #require(made.json["metadata"]?["location"]?.string)
        #expect(location != old && !location.hasPrefix(old + "/"))
    }
}
