import HTTP
import IcebergCatalog
import IcebergSpec
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

    /// Two requests with the same key; what the first did is in the register that the second would change.
    static let reuses: [(first: Change, second: Change)] = [
        (changes[0], Change(path: "/v1/namespaces", body: #"{"namespace":["made"]}"#, status: 400)),
        (changes[1], Change(path: "\(space)/properties", body: #"{"updates":{"c":"d"}}"#, status: 400)),
        (changes[1], Change(method: .delete, path: space, status: 400)),
        (
            changes[2],
            Change(
                path: "\(space)/tables", body: #"{"name":"t","schema":{"type":"struct","fields":[]},"properties":{}}"#,
                status: 400)
        ),
        (
            changes[3],
            Change(
                path: "\(space)/tables/events", body: setProperty.replacing("1", with: "2").asCommit, status: 400)
        ),
        (changes[3], Change(method: .delete, path: "\(space)/tables/events", status: 400)),
        (changes[3], Change(path: "\(space)/tables/events/register", status: 400)),
        (changes[3], Change(path: "\(space)/tables/events/unregister", status: 400)),
        (changes[3], Change(path: "/v1/tables/rename", body: changes[5].body, status: 400)),
        (changes[3], Change(path: "/v1/transactions/commit", body: changes[4].body, status: 400)),
        (
            changes[4],
            Change(
                path: "/v1/transactions/commit", body: changes[4].body.replacing(#""1""#, with: #""2""#), status: 400)
        ),
        (
            changes[5],
            Change(path: "/v1/tables/rename", body: changes[5].body.replacing("later", with: "then"), status: 400)
        ),
        (changes[6], Change(method: .delete, path: "\(space)/tables/events?purgeRequested=true", status: 400)),
        (changes[6], Change(path: "\(space)/tables/events/undrop", status: 400)),
        (changes[7], Change(path: "\(space)/tables/events/register", status: 400)),
        (changes[9], Change(path: "/v1/namespaces", body: #"{"namespace":["other"]}"#, status: 400)),
    ]

    @Test(arguments: reuses)
    func `a key that did one thing does no other`(requests: (first: Change, second: Change)) async {
        let (change, other) = requests
        let first = await client.send(change.method, change.path, change.body, headers: Self.key)
        #expect(first.status == change.status)
        let second = await self.other.send(other.method, other.path, other.body, headers: Self.key)
        #expect(second.status == other.status)
        #expect(second.errorMessage?.contains("used for another request: \(change.method) \(change.path)") == true)
        let again = await self.other.send(change.method, change.path, change.body, headers: Self.key)
        #expect(again.status == change.status)
        #expect(again.json == first.json)
    }

    /// A request that succeeds, another one with its key that is refused, and the first again.
    @Test(arguments: changes.filter { $0.status < 300 })
    func `what succeeded is answered again, although another request was refused with its key`(change: Change) async {
        let first = await client.send(change.method, change.path, change.body, headers: Self.key)
        #expect(first.status == change.status)
        let refused = Change(path: "/v1/namespaces/nowhere/tables", body: #"{"name":"t"}"#, status: 404)
        for _ in 0..<2 {
            let answer = await other.send(refused.method, refused.path, refused.body, headers: Self.key)
            #expect(400..<500 ~= answer.status)
        }
        let again = await other.send(change.method, change.path, change.body, headers: Self.key)
        #expect(again.status == change.status)
        #expect(again.json == first.json)
    }

    @Test func `what was not done is not done either with the key of a refused request`() async {
        let refused = Change(path: "/v1/namespaces/nowhere/tables", body: #"{"name":"t"}"#, status: 404)
        #expect(await client.send(.post, refused.path, refused.body, headers: Self.key).status < 500)
        for change in Self.changes.filter({ $0.status < 300 }) {
            let answer = await other.send(change.method, change.path, change.body, headers: Self.key)
            #expect(answer.status == 400, "\(change)")
            #expect(answer.errorMessage?.contains("POST \(refused.path)") == true, "\(change)")
        }
        #expect(await other.send(.head, "\(Self.space)/tables/events").status < 300)
    }

    @Test func `commits that wait together with one key are told apart`() async throws {
        let service = try fixture.service(try await fixture.store(tables: [fixture.events]))
        let group = ["a", "b", "a"].map { name in
            WaitingCommit(
                change: fixture.change(fixture.events, setting: name),
                request: CatalogService.Request(idempotencyKey: "key", fingerprint: "POST /x \(name)"))
        }
        let outcomes = await service.commitTogether(group, to: try RegisterChain.table(fixture.events))
        let codes = outcomes.map { outcome in
            if case .failed(let error) = outcome { error.code } else { CatalogError.Code?.none }
        }
        #expect(codes == [nil, .badRequest, nil])
        #expect(try await service.loadTable(fixture.events).file.metadata.properties["b"] == nil)
    }

    @Test func `a key of which nobody kept the request is known by its name`() async throws {
        let memory = try await fixture.store(tables: [fixture.events])
        let key = try #require(Self.key["Idempotency-Key"])
        let change = fixture.change(fixture.events, setting: "old")
        let made = try await fixture.service(memory).commit(change, CatalogService.Request(idempotencyKey: key))
        #expect(made.head.entry?.json["idempotency-requests"] == nil)
        let answer = await HarnessClient(try fixture.service(memory)).send(
            .post, "\(Self.space)/tables/events", Self.setProperty.asCommit, headers: Self.key)
        #expect(answer.status == 200)
        #expect(answer.json["metadata"]?["properties"]?["x"] == nil)
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

extension String {
    /// The body of a commit with this update.
    fileprivate var asCommit: String { #"{"requirements":[],"updates":[\#(self)]}"# }
}
