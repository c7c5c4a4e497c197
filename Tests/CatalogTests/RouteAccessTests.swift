import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What each route needs, operation by operation. A new route needs a row here: what it takes of somebody whose role is for
/// the whole warehouse, and a body where the need depends on it.
@Suite struct RouteAccessTests {
    struct Row: Sendable, CustomStringConvertible {
        let route: String
        let privilege: Privilege
        let body: String
        var description: String { route }

        init(_ route: String, _ privilege: Privilege, _ body: String = "{}") {
            self.route = route
            self.privilege = privilege
            self.body = body
        }
    }

    private static let table = "namespaces/{namespace}/tables/{table}"
    private static let view = "namespaces/{namespace}/views/{view}"
    private static let changed = #"{"identifier":{"namespace":["n"],"name":"t"},"requirements":[],"updates":[]}"#

    static let rows: [Row] = [
        Row("GET namespaces", .list),
        Row("POST namespaces", .write, #"{"namespace":["made"]}"#),
        Row("GET namespaces/{namespace}", .list),
        Row("HEAD namespaces/{namespace}", .list),
        Row("DELETE namespaces/{namespace}", .maintain),
        Row("POST namespaces/{namespace}/properties", .maintain),
        Row("GET namespaces/{namespace}/tables", .list),
        Row("POST namespaces/{namespace}/tables", .write),
        Row("POST namespaces/{namespace}/register", .maintain),
        Row("GET \(table)", .read),
        Row("HEAD \(table)", .list),
        Row("DELETE \(table)", .maintain),
        Row("POST \(table)", .write),
        Row("POST \(table)/metrics", .read),
        Row("GET \(table)/metrics", .read),
        Row("POST \(table)/plan", .read),
        Row("GET \(table)/plan/{plan-id}", .read),
        Row("DELETE \(table)/plan/{plan-id}", .read),
        Row("GET \(table)/credentials", .read),
        Row("POST \(table)/sign", .read),
        Row("POST \(table)/tasks", .read, #"{"plan-task":"x"}"#),
        Row(
            "POST tables/rename", .maintain,
            #"{"source":{"namespace":["n"],"name":"t"},"destination":{"namespace":["n"],"name":"u"}}"#),
        Row("GET namespaces/{namespace}/views", .list),
        Row("POST namespaces/{namespace}/views", .write),
        Row("POST namespaces/{namespace}/register-view", .maintain),
        Row("GET \(view)", .read),
        Row("HEAD \(view)", .list),
        Row("POST \(view)", .write),
        Row("DELETE \(view)", .maintain),
        Row(
            "POST views/rename", .maintain,
            #"{"source":{"namespace":["n"],"name":"v"},"destination":{"namespace":["n"],"name":"w"}}"#),
        Row("POST \(table)/unregister", .maintain),
        Row("POST \(table)/undrop", .maintain),
        Row("POST \(table)/register", .maintain),
        Row("GET namespaces/{namespace}/dropped", .list),
        Row("POST purges", .administer),
        Row("GET namespaces/{namespace}/functions", .list),
        Row("GET namespaces/{namespace}/functions/{function}", .read),
        Row("PUT namespaces/{namespace}/functions/{function}", .write),
        Row("DELETE namespaces/{namespace}/functions/{function}", .maintain),
        Row("POST transactions/commit", .write, #"{"table-changes":[\#(changed)]}"#),
        Row("GET \(table)/snapshots", .read),
        Row("GET \(table)/files", .read),
        Row("POST \(table)/snapshots/expire", .maintain),
        Row("POST \(table)/rollback", .maintain),
        Row("POST \(table)/validate", .read),
        Row("POST \(table)/recover", .maintain),
        Row("GET \(table)/transactions", .read),
        Row("GET audit", .administer),
        Row("GET events", .list),
        Row("GET permissions", .administer),
        Row("PUT permissions", .administer),
        Row("GET namespaces/{namespace}/permissions", .administer),
        Row("PUT namespaces/{namespace}/permissions", .administer),
        Row("GET \(table)/permissions", .administer),
        Row("PUT \(table)/permissions", .administer),
        Row("GET \(view)/permissions", .administer),
        Row("PUT \(view)/permissions", .administer),
        Row("POST \(table)/rebuild-manifests", .maintain),
        Row("POST recovery/rebuild-all", .administer),
        Row("GET \(table)/health", .read),
        Row("GET costs", .administer),
        Row("GET schemas", .read),
        Row("GET schemas/{subject}", .read),
        Row("DELETE schemas/{subject}", .maintain),
        Row("PUT schemas/{subject}/config", .maintain),
        Row("GET schemas/{subject}/versions", .read),
        Row("POST schemas/{subject}/versions", .write),
        Row("GET schemas/{subject}/versions/{version}", .read),
        Row("DELETE schemas/{subject}/versions/{version}", .maintain),
        Row("POST schemas/{subject}/compatibility", .read),
        Row("POST schemas/{subject}/infer", .read),
    ]

    /// What the parameters of a path are in these tests.
    private static let parameters = [
        "namespace": "n", "table": "t", "view": "v", "function": "f", "subject": "s", "version": "1",
    ]

    private let harness: CatalogHarness
    private let service: CatalogService
    private let fixture: ServiceFixture

    init() throws {
        fixture = try ServiceFixture()
        service = try fixture.service(MemoryObjectStore())
        harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
    }

    private static func key(_ endpoint: CatalogHarness.Endpoint) -> String {
        "\(endpoint.method) \(endpoint.path)"
    }

    @Test func `every route has a row here, and every row a route`() {
        let served = Set(harness.endpoints.map(Self.key))
        let listed = Set(Self.rows.map(\.route))
        #expect(served.subtracting(listed).sorted() == [], "routes without a row in RouteAccessTests.rows")
        #expect(listed.subtracting(served).sorted() == [], "rows without a route")
        #expect(listed.count == Self.rows.count, "a route with two rows")
    }

    @Test(arguments: rows)
    func `a role opens the routes up to its privilege, and no further one`(row: Row) async throws {
        let endpoint = try #require(harness.endpoints.first { Self.key($0) == row.route })
        if let privilege = endpoint.need.privilege { #expect(privilege == row.privilege) }
        for role in [nil] + Role.allCases.map(Optional.some) {
            let status = await status(of: endpoint, row.body, Principal(name: "somebody", role: role))
            let isAllowed =
                ["GET namespaces", "GET events"].contains(row.route)
                || (role.map { $0.privilege >= row.privilege } ?? false)
            // Whoever sees nothing is told that there is nothing.
            let refusals = role == nil ? [403, 404] : [403]
            let comment: Comment = "\(role?.rawValue ?? "no role") was answered \(status)"
            if isAllowed { #expect(status != 403 && status < 500, comment) }
            if !isAllowed { #expect(refusals.contains(status), comment) }
        }
    }

    private func status(of endpoint: CatalogHarness.Endpoint, _ body: String, _ principal: Principal) async -> Int {
        let hasBody = endpoint.method == .post || endpoint.method == .put
        let request = HTTPRequest(
            method: endpoint.method, target: "/v1/\(endpoint.path)", body: hasBody ? Array(body.utf8) : [])
        let names = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
        let parameters = Dictionary(uniqueKeysWithValues: names.map { (String($0), Self.parameters[String($0)] ?? "") })
        do throws(CatalogError) {
            let call = CatalogCall(request, parameters, rights: Rights(principal: principal, service: service))
            return try await harness.answer(endpoint, call).status
        } catch {
            return error.status
        }
    }
}
