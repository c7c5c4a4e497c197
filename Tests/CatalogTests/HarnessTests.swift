import Bytes
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What clients see: statuses, bodies, headers.
@Suite struct HarnessTests {
    let fixture: ServiceFixture
    let harness: CatalogHarness

    init() throws {
        fixture = try ServiceFixture()
        harness = CatalogHarness(
            service: try fixture.service(MemoryObjectStore()),
            vending: CredentialVending(config: ["s3.access-key-id": "AK"]))
    }

    static let s0Table = """
        {"name": "events", "location": "s3://analytics-source/tables/events",
         "schema": {"type": "struct", "fields": [
            {"id": 1, "name": "event_id", "required": true, "type": "string"},
            {"id": 2, "name": "timestamp", "required": true, "type": "timestamp"},
            {"id": 3, "name": "type", "required": true, "type": "string"}]},
         "partition-spec": [
            {"name": "event_hour", "transform": "hour", "source-id": 2},
            {"name": "event_type", "transform": "identity", "source-id": 3}],
         "properties": {"write.format.default": "parquet"}}
        """

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: String = "", headers: HTTPHeaders = [:],
        access: CatalogAccess = CatalogAccess(tokens: [], clients: [:])
    ) async -> (status: Int, headers: HTTPHeaders, json: JSONValue) {
        let request = HTTPRequest(method: method, target: path, headers: headers, body: Array(body.utf8))
        let response = await Self.dispatch(harness, access, request)
        do {
            return (response.status, response.headers, try JSONValue.parse(response.body))
        } catch {
            return (response.status, response.headers, .null)
        }
    }

    private func makeEvents() async {
        #expect(await send(.post, "/v1/namespaces", #"{"namespace": ["default"], "properties": {}}"#).status == 200)
        #expect(await send(.post, "/v1/namespaces/default/tables", Self.s0Table).status == 200)
    }

    @Test func `the relaxed body of the setup guide makes a table, and its properties are on top`() async {
        await makeEvents()
        let loaded = await send(.get, "/v1/namespaces/default/tables/events")
        #expect(loaded.status == 200)
        #expect(loaded.json["properties"]?["write.format.default"]?.string == "parquet")
        #expect(loaded.json["metadata"]?["location"]?.string == "s3://analytics-source/tables/events")
        let fields = loaded.json["metadata"]?["partition-specs"]?.array?.first?["fields"]?.array
        #expect(fields?.map { $0["field-id"]?.integer } == [1000, 1001])
        #expect(loaded.json["metadata-location"]?.string?.contains("/metadata/00000-") == true)
    }

    struct Refusal: Sendable, CustomStringConvertible {
        let method: HTTPMethod
        let path: String
        var body = ""
        let status: Int
        let type: String
        var description: String { "\(method) \(path) \(body.prefix(60))" }
    }

    static let refusals = [
        Refusal(method: .get, path: "/v1/namespaces/none", status: 404, type: "NoSuchNamespaceException"),
        Refusal(method: .get, path: "/v1/namespaces/none/tables", status: 404, type: "NoSuchNamespaceException"),
        Refusal(method: .get, path: "/v1/namespaces?parent=none", status: 404, type: "NoSuchNamespaceException"),
        Refusal(method: .get, path: "/v1/namespaces/default/tables/no", status: 404, type: "NoSuchTableException"),
        Refusal(method: .delete, path: "/v1/namespaces/default/tables/no", status: 404, type: "NoSuchTableException"),
        Refusal(
            method: .post, path: "/v1/namespaces", body: #"{"namespace":["default"]}"#, status: 409,
            type: "AlreadyExistsException"),
        Refusal(method: .post, path: "/v1/namespaces", body: "{", status: 400, type: "BadRequestException"),
        Refusal(method: .post, path: "/v1/namespaces", body: "[]", status: 400, type: "BadRequestException"),
        Refusal(
            method: .post, path: "/v1/namespaces", body: #"{"namespace":[]}"#, status: 400,
            type: "BadRequestException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables", body: s0Table, status: 409,
            type: "AlreadyExistsException"),
        Refusal(
            method: .post, path: "/v1/namespaces/none/tables", body: s0Table, status: 404,
            type: "NoSuchNamespaceException"),
        Refusal(method: .delete, path: "/v1/namespaces/default", status: 409, type: "NamespaceNotEmptyException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/properties",
            body: #"{"removals":["a"],"updates":{"a":"b"}}"#, status: 422, type: "UnprocessableEntityException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables/events",
            body: #"{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":5}],"updates":[]}"#,
            status: 409, type: "CommitFailedException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables/events",
            body: #"{"requirements":[{"type":"assert-create"}],"updates":[]}"#, status: 409,
            type: "CommitFailedException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables/events",
            body: #"{"requirements":[],"updates":[{"action":"make-coffee"}]}"#, status: 400,
            type: "BadRequestException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables/events",
            body: #"{"requirements":[],"updates":[{"action":"set-location","location":"s3://elsewhere/x"}]}"#,
            status: 400, type: "BadRequestException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/tables/no",
            body: #"{"requirements":[],"updates":[]}"#, status: 404, type: "NoSuchTableException"),
        Refusal(
            method: .post, path: "/v1/tables/rename",
            body:
                #"{"source":{"namespace":["default"],"name":"no"},"destination":{"namespace":["default"],"name":"x"}}"#,
            status: 404, type: "NoSuchTableException"),
        Refusal(
            method: .post, path: "/v1/namespaces/default/register",
            body: #"{"name":"r","metadata-location":"s3://analytics-catalog/namespaces/default/000000000001"}"#,
            status: 400, type: "BadRequestException"),
        Refusal(method: .get, path: "/v1/config?warehouse=no", status: 404, type: "NoSuchWarehouseException"),
    ]

    @Test(arguments: refusals)
    func `a refusal has the status and type that clients look for`(refusal: Refusal) async {
        await makeEvents()
        let answer = await send(refusal.method, refusal.path, refusal.body)
        #expect(answer.status == refusal.status)
        #expect(answer.json["error"]?["type"]?.string == refusal.type)
        #expect(answer.json["error"]?["code"]?.integer == Int64(refusal.status))
        #expect(answer.json["error"]?["message"]?.string?.isEmpty == false)
    }

    @Test func `field ids that count from 0 are replaced, and the partition spec goes with them`() async {
        await makeEvents()
        let body = """
            {"name":"zero","schema":{"type":"struct","fields":[
              {"id":0,"name":"id","required":false,"type":"long"},{"id":1,"name":"kind","required":false,"type":"string"}]},
             "partition-spec":{"fields":[{"source-id":0,"name":"id_bucket","transform":"bucket[4]"}]}}
            """
        let made = await send(.post, "/v1/namespaces/default/tables", body)
        #expect(made.status == 200)
        let fields = made.json["metadata"]?["schemas"]?.array?.first?["fields"]?.array
        #expect(fields?.map { $0["id"]?.integer } == [1, 2])
        let spec = made.json["metadata"]?["partition-specs"]?.array?.first?["fields"]?.array
        #expect(spec?.first?["source-id"]?.integer == 1)
    }

    @Test func `a table that lies within another is refused`() async {
        await makeEvents()
        for location in ["s3://analytics-source/tables/events/x", "s3://analytics-source/tables"] {
            let body = #"{"name":"y","location":"\#(location)","schema":{"type":"struct","fields":[]}}"#
            let answer = await send(.post, "/v1/namespaces/default/tables", body)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["message"]?.string?.contains("default.events") == true)
        }
    }

    @Test func `a known state is answered with 304, each form and each version with its own tag`() async throws {
        await makeEvents()
        let path = "/v1/namespaces/default/tables/events"
        let all = try #require(await send(.get, path).headers["ETag"])
        let refs = try #require(await send(.get, "\(path)?snapshots=refs").headers["ETag"])
        #expect(all != refs)
        #expect(await send(.get, path, headers: ["If-None-Match": all]).status == 304)
        #expect(await send(.get, path, headers: ["If-None-Match": "\"x\", W/\(all)"]).status == 304)
        #expect(await send(.get, path, headers: ["If-None-Match": refs]).status == 200)
        let commit = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"a":"b"}}]}"#
        let committed = await send(.post, path, commit)
        #expect(committed.status == 200)
        #expect(committed.headers["ETag"] != all)
        #expect(await send(.get, path, headers: ["If-None-Match": all]).status == 200)
    }

    @Test func `files of a table without snapshots are none, and sizes that cannot be are refused`() async {
        await makeEvents()
        let path = "/v1/namespaces/default/tables/events/files"
        #expect(await send(.get, path).json["total"]?.integer == 0)
        #expect(await send(.get, "\(path)?min_size=10&max_size=10").status == 200)
        for query in ["min_size=x", "max_size=-1", "min_size=11&max_size=10"] {
            #expect(await send(.get, "\(path)?\(query)").status == 400)
        }
    }

    @Test func `a query parameter that an own operation does not know is refused, one of the standard is lenient`()
        async
    {
        await makeEvents()
        let unknown = await send(.get, "/v1/events?cursor=start")
        #expect(unknown.status == 400)
        #expect(unknown.json["error"]?["message"]?.string?.contains("allowed are namespace, table, after") == true)
        #expect(await send(.get, "/v1/events?after=start").status == 200)
        #expect(await send(.post, "/v1/purges?dry_run=true").status == 400)
        #expect(await send(.get, "/v1/namespaces/default/tables/events?cursor=x").status == 200)
    }

    @Test func `pages follow each other without gap or repeat`() async throws {
        for name in ["a", "b", "c", "d", "e"] {
            #expect(await send(.post, "/v1/namespaces", #"{"namespace":["\#(name)"]}"#).status == 200)
        }
        var names: [String] = []
        var token = ""
        for _ in 0..<5 {
            let page = await send(.get, "/v1/namespaces?pageSize=2&pageToken=\(token)").json
            names += try #require(page["namespaces"]?.array).compactMap { $0.array?.first?.string }
            guard let next = page["next-page-token"]?.string else { break }
            token = next
        }
        #expect(names == ["a", "b", "c", "d", "e"])
        #expect(await send(.get, "/v1/namespaces").json["namespaces"]?.array?.count == 5)
    }

    @Test func `every listed endpoint exists under the prefix too, views included`() async throws {
        let listed = try #require(await send(.get, "/v1/config?warehouse=analytics").json["endpoints"]?.array)
        #expect(listed.contains("POST /v1/{prefix}/transactions/commit"))
        #expect(listed.contains("POST /v1/{prefix}/namespaces/{namespace}/register-view"))
        #expect(await send(.get, "/v1/analytics/namespaces").status == 200)
    }

    @Test func `credentials go to those who ask for them, and only then`() async {
        await makeEvents()
        let path = "/v1/namespaces/default/tables/events"
        #expect(await send(.get, path).json["config"]?["s3.access-key-id"] == nil)
        let asked = await send(.get, path, headers: ["X-Iceberg-Access-Delegation": "vended-credentials"]).json
        #expect(asked["config"]?["s3.access-key-id"]?.string == "AK")
        #expect(asked["storage-credentials"]?.array?.count == 1)
    }

    @Test func `a token handed out for client credentials opens the catalog, and no other does`() async throws {
        let access = CatalogAccess(tokens: ["static"], clients: ["id": "secret"])
        #expect(await send(.get, "/v1/namespaces", access: access).status == 401)
        let wrong = await send(
            .post, "/v1/oauth/tokens", "grant_type=client_credentials&client_id=id&client_secret=no", access: access)
        #expect(wrong.status == 401)
        #expect(wrong.json["error"]?.string == "invalid_client")
        let right = await send(
            .post, "/v1/oauth/tokens", "grant_type=client_credentials&client_id=id&client_secret=secret",
            access: access)
        let token = try #require(right.json["access_token"]?.string)
        for (bearer, status) in [(token, 200), ("static", 200), (token + "x", 401), ("stati", 401), ("", 401)] {
            let answer = await send(
                .get, "/v1/namespaces", headers: ["Authorization": "Bearer \(bearer)"], access: access)
            #expect(answer.status == status, "\(bearer)")
        }
    }

    @Test func `a staged table is made by the commit that asserts its creation`() async {
        await makeEvents()
        let body = #"{"name":"s","stage-create":true,"schema":{"type":"struct","fields":[]}}"#
        let staged = await send(.post, "/v1/namespaces/default/tables", body)
        #expect(staged.status == 200)
        #expect(staged.json["metadata-location"] == .null)
        #expect(await send(.head, "/v1/namespaces/default/tables/s").status == 404)
        let uuid = staged.json["metadata"]?["table-uuid"]?.string ?? ""
        let location = staged.json["metadata"]?["location"]?.string ?? ""
        let commit = """
            {"requirements":[{"type":"assert-create"}],"updates":[
             {"action":"assign-uuid","uuid":"\(uuid)"},{"action":"upgrade-format-version","format-version":2},
             {"action":"add-spec","spec":{"spec-id":0,"fields":[]}},{"action":"set-default-spec","spec-id":-1},
             {"action":"add-schema","schema":{"type":"struct","schema-id":0,"fields":[]},"last-column-id":0},
             {"action":"set-current-schema","schema-id":-1},
             {"action":"add-sort-order","sort-order":{"order-id":0,"fields":[]}},
             {"action":"set-default-sort-order","sort-order-id":-1},
             {"action":"set-location","location":"\(location)"}]}
            """
        #expect(await send(.post, "/v1/namespaces/default/tables/s", commit).status == 200)
        #expect(await send(.head, "/v1/namespaces/default/tables/s").status == 204)
    }
}

extension HarnessTests {
    static func dispatch(
        _ harness: CatalogHarness, _ access: CatalogAccess, _ request: HTTPRequest,
        as principal: Principal = .developer
    ) async -> HTTPResponse {
        let rights = Rights(principal: principal, service: harness.service)
        do throws(CatalogError) {
            if request.path == "/v1/oauth/tokens" { return await access.issueToken(request) }
            if !access.isOpen { _ = try await access.caller(of: request) }
            if request.path == "/v1/config" {
                return try harness.configuration(CatalogCall(request, [:], rights: rights))
            }
            for prefix in ["/v1/", "/v1/analytics/"] where request.path.hasPrefix(prefix) {
                let parts = request.path.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
                for endpoint in harness.endpoints where endpoint.method == request.method {
                    let template = endpoint.path.split(separator: "/")
                    guard template.count == parts.count else { continue }
                    var parameters: [String: String] = [:]
                    let matches = zip(template, parts).allSatisfy { name, part in
                        if name.hasPrefix("{") {
                            parameters[String(name.dropFirst().dropLast())] = PercentEncoding.decode(part) ?? ""
                            return true
                        }
                        return name == part
                    }
                    guard matches else { continue }
                    return try await harness.answer(endpoint, CatalogCall(request, parameters, rights: rights))
                }
            }
            throw CatalogError(.notFound, "no such route")
        } catch {
            return CatalogReply.error(error)
        }
    }
}
