import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Schemas
import Testing

@testable import Catalog

/// The schema registry as clients see it, and under writers that meet.
@Suite struct SchemaRegistryTests {
    let fixture: ServiceFixture
    let store = MemoryObjectStore()
    let harness: CatalogHarness

    init() throws {
        fixture = try ServiceFixture()
        harness = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: String = "", headers: HTTPHeaders = [:]
    ) async -> (status: Int, etag: String?, json: JSONValue) {
        let request = HTTPRequest(method: method, target: path, headers: headers, body: Array(body.utf8))
        let response = await HarnessTests.dispatch(harness, CatalogAccess(tokens: [], clients: [:]), request)
        do {
            return (response.status, response.headers["ETag"], try JSONValue.parse(response.body))
        } catch {
            return (response.status, response.headers["ETag"], .null)
        }
    }

    private static let first = #"{"schema":{"type":"object","properties":{"a":{"type":"integer"}}},"table":"clicks"}"#

    @Test func `a schema is registered, read, changed and deleted`() async {
        #expect(await send(.get, "/v1/schemas/click").status == 404)
        let made = await send(.post, "/v1/schemas/click/versions", Self.first)
        #expect(made.status == 201)
        #expect(made.json["version"]?.integer == 1)
        #expect(made.json["table"]?.string == "clicks")
        #expect(made.json["strict"]?.bool == false)
        #expect(made.json["compatibility"]?.string == "BACKWARD")
        #expect(made.json["columns"]?.array?.map { $0["name"]?.string } == ["a"])
        let repeated = await send(.post, "/v1/schemas/click/versions", Self.first)
        #expect(repeated.status == 200)
        #expect(repeated.etag == made.etag)
        let wider = #"{"schema":{"type":"object","properties":{"a":{"type":"number"},"b":{}}}}"#
        let second = await send(.post, "/v1/analytics/schemas/click/versions", wider)
        #expect(second.status == 201)
        #expect(second.json["table"]?.string == "clicks")
        #expect(second.json["columns"]?.array?.map { $0["name"]?.string } == ["a", "a_double", "b"])
        let old = await send(.get, "/v1/schemas/click/versions/1")
        #expect(old.json["schema"]?["properties"]?["a"]?["type"]?.string == "integer")
        let latest = await send(.get, "/v1/schemas/click/versions/latest")
        #expect(latest.json == second.json)
        #expect(await send(.get, "/v1/schemas/click", headers: ["If-None-Match": second.etag ?? ""]).status == 304)
        let versions = await send(.get, "/v1/schemas/click/versions")
        #expect(versions.json["versions"]?.array?.map { $0["version"]?.integer } == [1, 2])
        #expect(await send(.delete, "/v1/schemas/click/versions/2").status == 422)
        #expect(await send(.delete, "/v1/schemas/click/versions/1").status == 204)
        #expect(await send(.get, "/v1/schemas/click/versions/1").status == 404)
        #expect(await send(.delete, "/v1/schemas/click").status == 204)
        #expect(await send(.get, "/v1/schemas/click").status == 404)
        #expect(await send(.delete, "/v1/schemas/click").status == 404)
        // It comes again with the next number and the columns its table has.
        let again = await send(
            .post, "/v1/schemas/click/versions", #"{"schema":{"properties":{"c":{}}},"table":"clicks"}"#)
        #expect(again.status == 201)
        #expect(again.json["version"]?.integer == 3)
        #expect(again.json["columns"]?.array?.map { $0["name"]?.string } == ["a", "a_double", "b", "c"])
    }

    @Test func `an incompatible schema is refused with its problems`() async {
        #expect(await send(.post, "/v1/schemas/click/versions", Self.first).status == 201)
        let narrow = #"{"schema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}}"#
        let refused = await send(.post, "/v1/schemas/click/versions", narrow)
        #expect(refused.status == 409)
        #expect(refused.json["error"]?["type"]?.string == "IncompatibleSchemaException")
        #expect(refused.json["problems"]?.array?.map { $0["pointer"]?.string } == ["/required", "/properties/a/type"])
        let dry = await send(.post, "/v1/schemas/click/compatibility", narrow)
        #expect(dry.status == 200)
        #expect(dry.json["compatible"]?.bool == false)
        #expect(await send(.put, "/v1/schemas/click/config", #"{"compatibility":"NONE","strict":true}"#).status == 200)
        let taken = await send(.post, "/v1/schemas/click/versions", narrow)
        #expect(taken.status == 201)
        #expect(taken.json["strict"]?.bool == true)
        #expect(taken.json["columns"]?.array?.map { $0["name"]?.string } == ["a", "a_text"])
    }

    @Test(arguments: [
        (#"{"schema":{"type":"strang"}}"#, 422), (#"{"schema":{"if":{}}}"#, 422), (#"{"schema":"{"}"#, 422),
        ("{}", 400),
        ("[]", 400), (#"{"schema":{},"compatibility":"SOME"}"#, 422), (#"{"schema":{},"table":"a b"}"#, 422),
        (#"{"schema":{},"table":"Events"}"#, 422), (#"{"schema":{},"table":"rejected_events"}"#, 422),
        (#"{"schema":{},"table":3}"#, 400), (#"{"schema":{},"strict":"yes"}"#, 400),
    ])
    func `what cannot be registered is refused exactly`(_ body: String, _ status: Int) async {
        let reply = await send(.post, "/v1/schemas/t/versions", body)
        #expect(reply.status == status)
        #expect(reply.json["error"]?["code"]?.integer == Int64(status))
        #expect(await send(.get, "/v1/schemas/t").status == 404)
    }

    @Test func `subjects may be called anything, and a table belongs to one of them`() async {
        #expect(await send(.post, "/v1/schemas/com.x%2Fy%20z/versions", Self.first).status == 201)
        #expect(await send(.post, "/v1/schemas/other/versions", Self.first).status == 409)
        #expect(await send(.post, "/v1/schemas/other/versions", #"{"schema":{}}"#).status == 201)
        #expect(await send(.put, "/v1/schemas/other/config", #"{"table":"CLICKS"}"#).status == 409)
        let list = await send(.get, "/v1/schemas")
        #expect(list.json["schemas"]?.array?.map { $0["subject"]?.string } == ["com.x/y z", "other"])
        #expect(await send(.get, "/v1/schemas", headers: ["If-None-Match": list.etag ?? ""]).status == 304)
        #expect(await send(.put, "/v1/schemas/other/config", #"{"strict":true}"#).status == 200)
        #expect(await send(.get, "/v1/schemas", headers: ["If-None-Match": list.etag ?? ""]).status == 200)
        let long = String(repeating: "x", count: 201)
        #expect(await send(.post, "/v1/schemas/\(long)/versions", Self.first).status == 400)
    }

    @Test func `a change on top of another revision is refused`() async throws {
        let made = await send(.post, "/v1/schemas/t/versions", #"{"schema":{}}"#)
        let body = #"{"schema":{"properties":{"a":{}}}}"#
        let match: HTTPHeaders = ["If-Match": made.etag ?? ""]
        #expect(await send(.post, "/v1/schemas/t/versions", body, headers: match).status == 201)
        #expect(
            await send(.post, "/v1/schemas/t/versions", #"{"schema":{"properties":{"b":{}}}}"#, headers: match).status
                == 412)
        #expect(await send(.delete, "/v1/schemas/t", headers: match).status == 412)
    }

    @Test func `writers of several replicas all get their version, in one order`() async throws {
        let replicas = try (0..<3).map { _ in try fixture.service(store) }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    let schema: JSONValue = ["properties": .object(JSONObject([.init(key: "f\(number)", value: [:])]))]
                    do {
                        _ = try await replicas[number % 3].registerSchema("t", schema, CatalogService.SchemaSettings())
                    } catch {
                        Issue.record(error)
                    }
                }
            }
        }
        let subject = try await replicas[0].schema("t")
        #expect(subject.state.versions.map(\.number) == Array(1...12))
        #expect(Set(subject.state.schema.columns.map(\.name)) == Set((0..<12).map { "f\($0)" }))
        for number in 1...12 {
            let version = try await replicas[1].schemaVersion("t", number)
            #expect(version.schema["properties"]?.object?.count == 1)
        }
    }

    @Test func `samples make a schema without registering it`() async {
        let reply = await send(.post, "/v1/schemas/t/infer", #"{"samples":[{"a":1,"b":"x"},{"a":2.5}]}"#)
        #expect(reply.json["schema"]?["required"]?.array == ["a"])
        #expect(reply.json["columns"]?.array?.map { $0["type"]?.string } == ["double", "string"])
        #expect(await send(.get, "/v1/schemas").json["schemas"]?.array?.isEmpty == true)
    }
}
