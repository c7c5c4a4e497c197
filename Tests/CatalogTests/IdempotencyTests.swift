import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// A request that is repeated with its key takes place once, whichever replica it reaches, and is answered alike.
@Suite struct IdempotencyTests {
    let fixture: ServiceFixture
    let client: HarnessClient
    let other: HarnessClient

    init() async throws {
        fixture = try ServiceFixture()
        let memory = try await fixture.store(tables: [fixture.events])
        client = HarnessClient(try fixture.service(memory))
        other = HarnessClient(try fixture.service(memory))
    }

    private static let key: HTTPHeaders = ["Idempotency-Key": "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"]
    private static let space = "/v1/namespaces/analytics"
    private static let setProperty = #"{"action":"set-properties","updates":{"x":"1"}}"#

    struct Change: Sendable, CustomStringConvertible {
        var method = HTTPMethod.post
        let path: String
        var body = ""
        let status: Int
        var description: String { "\(method) \(path) \(status)" }
    }

    static let changes = [
        Change(path: "/v1/namespaces", body: #"{"namespace":["made"],"properties":{"a":"b"}}"#, status: 200),
        Change(path: "\(space)/properties", body: #"{"removals":["none"],"updates":{"a":"b"}}"#, status: 200),
        Change(path: "\(space)/tables", body: #"{"name":"t","schema":{"type":"struct","fields":[]}}"#, status: 200),
        Change(path: "\(space)/tables/events", body: #"{"requirements":[],"updates":[\#(setProperty)]}"#, status: 200),
        Change(
            path: "/v1/transactions/commit",
            body: """
                {"table-changes":[{"identifier":{"namespace":["analytics"],"name":"events"},"requirements":[],
                 "updates":[\(setProperty)]}]}
                """, status: 204),
        Change(
            path: "/v1/tables/rename",
            body: """
                {"source":{"namespace":["analytics"],"name":"events"},
                 "destination":{"namespace":["analytics"],"name":"later"}}
                """, status: 204),
        Change(method: .delete, path: "\(space)/tables/events", status: 204),
        Change(path: "\(space)/tables/events/unregister", status: 200),
        // Refusals that are final are repeated too.
        Change(method: .delete, path: space, status: 409),
        Change(path: "/v1/namespaces", body: #"{"namespace":["analytics"]}"#, status: 409),
        Change(path: "\(space)/tables/none", body: #"{"requirements":[],"updates":[]}"#, status: 404),
        Change(path: "\(space)/properties", body: #"{"removals":["a"],"updates":{"a":"b"}}"#, status: 422),
    ]

    @Test(arguments: changes)
    func `a repeat is answered as the first`(change: Change) async {
        let first = await client.send(change.method, change.path, change.body, headers: Self.key)
        #expect(first.status == change.status)
        let again = await other.send(change.method, change.path, change.body, headers: Self.key)
        #expect(again.status == change.status)
        #expect(again.json == first.json)
    }

    @Test func `a repeat of a refusal is refused although it could take place by now`() async {
        let body = #"{"namespace":["analytics"]}"#
        #expect(await client.send(.post, "/v1/namespaces", body, headers: Self.key).status == 409)
        #expect(await client.send(.delete, "\(Self.space)/tables/events").status == 204)
        #expect(await client.send(.delete, Self.space).status == 204)
        #expect(await other.send(.post, "/v1/namespaces", body, headers: Self.key).status == 409)
        #expect(await other.send(.post, "/v1/namespaces", body).status == 200)
    }

    @Test func `a commit that lost a race may be tried again with its key`() async {
        let lost = #"{"requirements":[{"type":"assert-table-uuid","uuid":"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"}]}"#
        #expect(await client.send(.post, "\(Self.space)/tables/events", lost, headers: Self.key).status == 409)
        let good = #"{"requirements":[],"updates":[\#(Self.setProperty)]}"#
        #expect(await client.send(.post, "\(Self.space)/tables/events", good, headers: Self.key).status == 200)
    }

    @Test func `a key is a UUID and belongs to one request`() async {
        let body = #"{"namespace":["analytics"]}"#
        let odd = await client.send(.post, "/v1/namespaces", body, headers: ["Idempotency-Key": "1"])
        #expect(odd.status == 400)
        #expect(await client.send(.post, "/v1/namespaces", body, headers: Self.key).status == 409)
        let mixed = await client.send(.delete, Self.space, headers: Self.key)
        #expect(mixed.status == 400)
        #expect(mixed.errorMessage?.contains("POST /v1/namespaces") == true)
    }
}
