import Bytes
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What is granted on namespaces, tables and views, on two replicas.
@Suite struct GrantTests {
    private let fixture: ServiceFixture
    private let harness: CatalogHarness
    private let replica: CatalogHarness

    init() throws {
        fixture = try ServiceFixture()
        let store = MemoryObjectStore()
        harness = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
        replica = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
    }

    private static let jane = Principal(name: "jane", role: nil)
    private static let night = Principal(name: "worker", role: nil, roles: ["night"])

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: String = "", headers: HTTPHeaders = [:],
        as principal: Principal = .developer, of harness: CatalogHarness? = nil
    ) async -> (status: Int, headers: HTTPHeaders, json: JSONValue) {
        let request = HTTPRequest(method: method, target: "/v1/\(path)", headers: headers, body: Array(body.utf8))
        let access = CatalogAccess(tokens: [], clients: [:])
        let response = await HarnessTests.dispatch(harness ?? replica, access, request, as: principal)
        do {
            return (response.status, response.headers, try JSONValue.parse(response.body))
        } catch {
            return (response.status, response.headers, .null)
        }
    }

    /// `a` with `a.b`, each with the tables `t` and `u`; `c` with the table `t`.
    private func makeTables() async {
        for namespace in [#"["a"]"#, #"["a","b"]"#, #"["c"]"#] {
            #expect(await send(.post, "namespaces", #"{"namespace":\#(namespace)}"#).status == 200)
        }
        for path in ["namespaces/a", "namespaces/a%1Fb", "namespaces/c"] { await makeTable("\(path)", "t") }
        for path in ["namespaces/a", "namespaces/a%1Fb"] { await makeTable("\(path)", "u") }
    }

    private func makeTable(_ namespace: String, _ name: String) async {
        let body = #"{"name":"\#(name)","schema":{"type":"struct","fields":[]}}"#
        #expect(await send(.post, "\(namespace)/tables", body).status == 200)
    }

    private func grant(_ path: String, _ permissions: String) async {
        let separator = path.isEmpty ? "" : "/"
        let answer = await send(
            .put, "\(path)\(separator)permissions", #"{"permissions":[\#(permissions)]}"#, of: harness)
        #expect(answer.status == 200, "\(answer.json)")
    }

    private func status(_ method: HTTPMethod, _ path: String, _ principal: Principal, _ body: String = "{}") async
        -> Int
    {
        await send(method, path, method == .post ? body : "", as: principal).status
    }

    private func namespaces(_ query: String, _ principal: Principal) async -> [String] {
        let listed = await send(.get, "namespaces\(query)", as: principal).json["namespaces"]?.array ?? []
        return listed.map { ($0.array ?? []).compactMap(\.string).joined(separator: ".") }
    }

    private func tables(_ namespace: String, _ principal: Principal) async -> [String] {
        let listed = await send(.get, "namespaces/\(namespace)/tables", as: principal).json["identifiers"]?.array ?? []
        return listed.compactMap { $0["name"]?.string }
    }

    @Test func `a grant on a namespace holds for all below it, on every replica at once`() async {
        await makeTables()
        #expect(await namespaces("", Self.jane) == [])
        #expect(await status(.get, "namespaces/a/tables/t", Self.jane) == 404)
        await grant("namespaces/a", #"{"principal":"jane","role":"reader"}"#)
        #expect(await namespaces("", Self.jane) == ["a"])
        #expect(await namespaces("?parent=a", Self.jane) == ["a.b"])
        #expect(await tables("a%1Fb", Self.jane) == ["t", "u"])
        #expect(await status(.get, "namespaces/a%1Fb/tables/t", Self.jane) == 200)
        #expect(await status(.post, "namespaces/a%1Fb/tables/t", Self.jane) == 403)
        #expect(await status(.get, "namespaces/c/tables/t", Self.jane) == 404)
        #expect(await status(.get, "namespaces/c", Self.jane) == 404)
        await grant("namespaces/a", "")
        #expect(await status(.get, "namespaces/a%1Fb/tables/t", Self.jane) == 404)
    }

    @Test func `a grant on a table shows it alone, and the namespaces around it`() async {
        await makeTables()
        await grant("namespaces/a%1Fb/tables/u", #"{"principal_role":"night","role":"writer"}"#)
        #expect(await namespaces("", Self.night) == ["a"])
        #expect(await namespaces("?parent=a", Self.night) == ["a.b"])
        #expect(await tables("a", Self.night) == [])
        #expect(await tables("a%1Fb", Self.night) == ["u"])
        let commit = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"x":"y"}}]}"#
        #expect(await status(.post, "namespaces/a%1Fb/tables/u", Self.night, commit) == 200)
        #expect(await status(.delete, "namespaces/a%1Fb/tables/u", Self.night) == 403)
        #expect(await status(.post, "namespaces/a%1Fb/tables", Self.night) == 403)
        #expect(await status(.get, "namespaces/a%1Fb/tables/t", Self.night) == 404)
        #expect(await status(.get, "namespaces/a%1Fb/tables/u", Self.jane) == 404)
    }

    @Test(arguments: [
        "namespaces/c", "namespaces/c/tables", "namespaces/c/tables/t", "namespaces/c/views/v",
        "namespaces/c/permissions",
    ])
    func `what may not be seen is answered as what is not there`(path: String) async throws {
        await makeTables()
        let empty = CatalogHarness(
            service: try fixture.service(MemoryObjectStore()), vending: CredentialVending(config: nil))
        let (hidden, absent) = (await send(.get, path, as: Self.jane), await send(.get, path, of: empty))
        #expect(absent.status == 404)
        #expect(hidden.status == absent.status)
        #expect(hidden.json == absent.json)
    }

    @Test func `a grant follows a renamed table, and does not fall to another one of its old name`() async {
        await makeTables()
        await grant("namespaces/a/tables/t", #"{"principal":"jane","role":"reader"}"#)
        let move = #"{"source":{"namespace":["a"],"name":"t"},"destination":{"namespace":["c"],"name":"moved"}}"#
        #expect(await send(.post, "tables/rename", move).status == 204)
        #expect(await status(.get, "namespaces/c/tables/moved", Self.jane) == 200)
        #expect(await status(.get, "namespaces/a/tables/t", Self.jane) == 404)
        await makeTable("namespaces/a", "t")
        #expect(await status(.get, "namespaces/a/tables/t", Self.jane) == 404)
        #expect(await status(.delete, "namespaces/c/tables/moved", .developer) == 204)
        await makeTable("namespaces/c", "moved")
        #expect(await status(.get, "namespaces/c/tables/moved", Self.jane) == 404)
    }

    /// Else whoever may rename could fill the catalog's grants.
    @Test func `a rename leaves no grant behind, and neither does one that is refused`() async throws {
        await makeTables()
        await grant("namespaces/a/tables/t", #"{"principal":"jane","role":"reader"}"#)
        func places() async throws -> [Securable] {
            try await replica.service.grants().table.places.keys.map(\.object)
        }
        let table = Securable.table(try TableIdentifier(dotted: "a.t"))
        let moved = Securable.table(try TableIdentifier(dotted: "c.moved"))
        func rename(_ source: String, _ destination: String) -> String {
            let (from, to) = (source.split(separator: "."), destination.split(separator: "."))
            return #"{"source":{"namespace":["\#(from[0])"],"name":"\#(from[1])"},"#
                + #""destination":{"namespace":["\#(to[0])"],"name":"\#(to[1])"}}"#
        }
        #expect(await send(.post, "tables/rename", rename("a.t", "c.t")).status == 409, "there is one")
        #expect(try await places() == [table])
        for _ in 0..<2 {
            #expect(await send(.post, "tables/rename", rename("a.t", "c.moved")).status == 204)
            #expect(try await places() == [moved])
            #expect(await send(.post, "tables/rename", rename("c.moved", "a.t")).status == 204)
            #expect(try await places() == [table])
        }
        #expect(await status(.get, "namespaces/a/tables/t", Self.jane) == 200)
    }

    @Test func `grants end with the table's last chance to be brought back`() async throws {
        let fixture = try ServiceFixture()
        let service = try fixture.service(MemoryObjectStore(), dropRetentionHours: 0)
        let harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
        #expect(await send(.post, "namespaces", #"{"namespace":["a"]}"#, of: harness).status == 200)
        for (name, ending) in [("gone", "?purgeRequested=true"), ("left", "")] {
            let body = #"{"name":"\#(name)","schema":{"type":"struct","fields":[]}}"#
            #expect(await send(.post, "namespaces/a/tables", body, of: harness).status == 200)
            let granted = await send(
                .put, "namespaces/a/tables/\(name)/permissions",
                #"{"permissions":[{"principal":"jane","role":"reader"}]}"#, of: harness)
            #expect(granted.status == 200)
            #expect(await send(.delete, "namespaces/a/tables/\(name)\(ending)", of: harness).status == 204)
        }
        #expect(try await service.grants().table.count == 2)
        _ = try await service.runPurges()
        #expect(try await service.grants().table.count == 0)
    }

    @Test func `functions are listed for whoever may load them`() async {
        await makeTables()
        await grant("namespaces/a/tables/t", #"{"principal":"jane","role":"reader"}"#)
        await grant("namespaces/a", #"{"principal":"joe","role":"reader"}"#)
        let joe = Principal(name: "joe", role: nil)
        #expect(await send(.put, "namespaces/a/functions/f", FunctionTests.metadata()).status == 200)
        #expect(await send(.get, "namespaces/a/functions", as: Self.jane).json["identifiers"]?.array == [])
        #expect(await send(.get, "namespaces/a/functions", as: joe).json["identifiers"]?.array?.count == 1)
    }

    @Test func `a namespace that is made again begins without grants`() async {
        #expect(await send(.post, "namespaces", #"{"namespace":["n"]}"#).status == 200)
        await grant("namespaces/n", #"{"principal":"jane","role":"writer"}"#)
        #expect(await send(.delete, "namespaces/n").status == 204)
        #expect(await send(.post, "namespaces", #"{"namespace":["n"]}"#).status == 200)
        #expect(await send(.get, "namespaces/n/permissions").json["permissions"]?.array == [])
        #expect(await status(.get, "namespaces/n", Self.jane) == 404)
        #expect(await send(.post, "namespaces", #"{"namespace":["n"]}"#).status == 409)
    }

    @Test func `a rename and a transaction need what they need on each part`() async {
        await makeTables()
        await grant("namespaces/a", #"{"principal":"jane","role":"maintainer"}"#)
        func rename(to namespace: String) -> String {
            #"{"source":{"namespace":["a"],"name":"t"},"destination":{"namespace":["\#(namespace)"],"name":"x"}}"#
        }
        #expect(await status(.post, "tables/rename", Self.jane, rename(to: "c")) == 404)
        await grant("namespaces/c", #"{"principal":"jane","role":"reader"}"#)
        #expect(await status(.post, "tables/rename", Self.jane, rename(to: "c")) == 403)
        func change(_ namespace: String) -> String {
            #"{"identifier":{"namespace":["\#(namespace)"],"name":"t"},"requirements":[],"#
                + #""updates":[{"action":"set-properties","updates":{"k":"v"}}]}"#
        }
        let both = #"{"table-changes":[\#(change("a")),\#(change("c"))]}"#
        #expect(await status(.post, "transactions/commit", Self.jane, both) == 403)
        #expect(await send(.get, "namespaces/a/tables/t").json["metadata"]?["properties"]?["k"] == nil)
        await grant("namespaces/c", #"{"principal":"jane","role":"writer"}"#)
        #expect(await status(.post, "transactions/commit", Self.jane, both) == 204)
        #expect(await status(.post, "tables/rename", Self.jane, rename(to: "c")) == 204)
    }

    @Test func `an administrator of a namespace gives permissions in it, and nowhere else`() async {
        await makeTables()
        await grant("namespaces/a", #"{"principal":"jane","role":"admin"}"#)
        let body = #"{"permissions":[{"principal":"joe","role":"reader"}]}"#
        #expect(await send(.put, "namespaces/a%1Fb/permissions", body, as: Self.jane).status == 200)
        #expect(await send(.put, "namespaces/c/permissions", body, as: Self.jane).status == 404)
        #expect(await send(.put, "permissions", body, as: Self.jane).status == 403)
        let seen = await send(.get, "namespaces/a%1Fb/tables/t/permissions", as: Self.jane).json
        #expect(seen["permissions"]?.array == [])
        #expect(seen["inherited"]?.array?.map { $0["principal"]?.string } == ["jane", "joe"])
        #expect(seen["inherited"]?.array?.first?["from"]?["namespace"] == ["a"])
    }

    @Test func `a token's scope caps grants and roles`() async {
        await makeTables()
        await grant(
            "namespaces/a", #"{"principal":"jane","role":"maintainer"},{"principal_role":"night","role":"reader"}"#)
        let capped = Principal(name: "jane", role: nil, narrowing: Narrowing(cap: .read))
        #expect(await status(.get, "namespaces/a/tables/t", capped) == 200)
        #expect(await status(.delete, "namespaces/a/tables/t", capped) == 403)
        let asNight = Principal(name: "jane", role: .admin, roles: ["night"], narrowing: Narrowing(roles: ["night"]))
        #expect(await status(.get, "namespaces/a/tables/t", asNight) == 200)
        #expect(await status(.delete, "namespaces/a/tables/t", asNight) == 403)
        #expect(await status(.get, "namespaces/c/tables/t", asNight) == 404)
    }

    @Test func `permissions on everything are a role for the warehouse`() async {
        await makeTables()
        await grant("", #"{"principal":"jane","role":"reader"}"#)
        #expect(await namespaces("", Self.jane) == ["a", "c"])
        #expect(await status(.get, "schemas", Self.jane) == 200)
        #expect(await status(.get, "namespaces/c/tables/t", Self.jane) == 200)
        #expect(await status(.post, "namespaces", Self.jane, #"{"namespace":["d"]}"#) == 403)
    }

    static let wrong = [
        "{}", #"{"permissions":{}}"#, #"{"permissions":[{"role":"reader"}]}"#,
        #"{"permissions":[{"principal":"a","principal_role":"b","role":"reader"}]}"#,
        #"{"permissions":[{"principal":"a","role":"owner"}]}"#, #"{"permissions":[{"principal":"","role":"reader"}]}"#,
        #"{"permissions":[{"principal_role":"writer","role":"reader"}]}"#,
        #"{"permissions":[{"principal_role":"a b","role":"reader"}]}"#,
        #"{"permissions":[{"principal":"a","role":"reader"},{"principal":"a","role":"writer"}]}"#,
        "{\"permissions\":[\(Array(repeating: #"{"principal":"a","role":"reader"}"#, count: 1001).joined(separator: ","))]}",
    ]

    @Test(arguments: wrong)
    func `permissions that are wrong change nothing`(body: String) async {
        await makeTables()
        #expect(await send(.put, "namespaces/a/permissions", body).status == 400)
        let after = await send(.get, "namespaces/a/permissions")
        #expect(after.json["permissions"]?.array == [])
        #expect(after.headers["ETag"] == "\"0\"")
    }

    @Test func `of two administrators one finds that the permissions changed meanwhile`() async throws {
        await makeTables()
        let tag = try #require(await send(.get, "namespaces/a/permissions").headers["ETag"])
        let body = #"{"permissions":[{"principal":"joe","role":"reader"}]}"#
        #expect(await send(.put, "namespaces/a/permissions", body, headers: ["If-Match": tag]).status == 200)
        #expect(await send(.put, "namespaces/c/permissions", body, headers: ["If-Match": tag]).status == 409)
        #expect(await send(.put, "namespaces/c/permissions", body, headers: ["If-Match": "x"]).status == 400)
        #expect(await send(.put, "namespaces/no/permissions", body).status == 404)
        #expect(await send(.put, "namespaces/c/tables/no/permissions", body).status == 404)
    }

    @Test func `who may write in a namespace alone has its tables lie in its folder`() async throws {
        await makeTables()
        await grant("namespaces/a", #"{"principal":"jane","role":"maintainer"}"#)
        func creation(_ name: String, at place: String) -> String {
            #"{"name":"\#(name)","location":"s3://analytics-source/\#(place)","schema":{"type":"struct","fields":[]}}"#
        }
        #expect(await status(.post, "namespaces/a/tables", Self.jane, creation("x", at: "a/x")) == 200)
        for place in ["c/x", "elsewhere", "ab/x"] {
            #expect(await status(.post, "namespaces/a/tables", Self.jane, creation("y", at: place)) == 403, "\(place)")
        }
        #expect(await status(.post, "namespaces/a/tables", .developer, creation("y", at: "elsewhere")) == 200)
        func move(to place: String) -> String {
            #"{"requirements":[],"updates":[{"action":"set-location","location":"s3://analytics-source/\#(place)"}]}"#
        }
        #expect(await status(.post, "namespaces/a/tables/x", Self.jane, move(to: "c/moved")) == 403)
        #expect(await status(.post, "namespaces/a/tables/x", Self.jane, move(to: "a/moved")) == 200)
        let file = #"{"name":"z","metadata-location":"s3://analytics-source/c/t/metadata/x.json"}"#
        #expect(await status(.post, "namespaces/a/register", Self.jane, file) == 403)
        #expect(await status(.post, "namespaces/a/register-view", Self.jane, file) == 403)
    }
}
