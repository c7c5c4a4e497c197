import HTTP
import JSONFormat
import Synchronization
import Testing

@testable import Catalog

/// One request under way at two replicas with one key: one of them carries it out, at every moment at which the other may
/// have got to, and both answer the same, then and later.
@Suite struct KeyInFlightTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture() }

    struct Call: Sendable {
        var method = HTTPMethod.post
        let path: String
        var body = ""
    }

    struct Case: Sendable, CustomStringConvertible {
        /// What goes before, without a key.
        var before: [Call] = []
        let call: Call
        let status: Int
        var description: String { "\(call.method) \(call.path) \(status)" }
    }

    private static let key: HTTPHeaders = ["Idempotency-Key": "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"]
    private static let space = "/v1/namespaces/analytics"
    private static let drop = Call(method: .delete, path: "\(space)/tables/events")
    private static let makeView = Call(
        path: "\(space)/views",
        body: """
            {"name":"v","schema":{"type":"struct","schema-id":0,"fields":[]},"properties":{},
             "view-version":{"version-id":1,"timestamp-ms":1,"schema-id":0,"summary":{},
             "default-namespace":["analytics"],"representations":[{"type":"sql","sql":"SELECT 1","dialect":"duckdb"}]}}
            """)
    private static let roles = Call(
        method: .put, path: "\(space)/tables/events/permissions",
        body: #"{"permissions":[{"principal":"x","role":"reader"}]}"#)

    private static func renaming(_ source: String, to destination: String) -> String {
        """
        {"source":{"namespace":["analytics"],"name":"\(source)"},
         "destination":{"namespace":["analytics"],"name":"\(destination)"}}
        """
    }
    private static let rename = Call(path: "/v1/tables/rename", body: renaming("events", to: "later"))

    static let cases =
        IdempotencyTests.changes.map {
            Case(call: Call(method: $0.method, path: $0.path, body: $0.body), status: $0.status)
        } + [
            Case(before: [roles], call: rename, status: 204),
            Case(before: [drop], call: Call(path: "\(space)/tables/events/undrop"), status: 200),
            Case(before: [drop], call: Call(path: "\(space)/tables/events/register"), status: 200),
            Case(call: makeView, status: 200),
            Case(before: [makeView], call: Call(path: "/v1/views/rename", body: renaming("v", to: "w")), status: 204),
            Case(before: [makeView], call: Call(method: .delete, path: "\(space)/views/v"), status: 204),
            Case(before: [drop], call: Call(method: .delete, path: space), status: 204),
        ]

    @Test(arguments: cases)
    func `both replicas answer alike`(wanted: Case) async throws {
        try await fixture.forEveryMoment { memory, store in
            let replica = HarnessClient(try fixture.service(memory))
            for call in wanted.before { #expect(await replica.send(call).status < 300) }
            let other = Mutex<HarnessClient.Answer?>(nil)
            let isInterrupted = try await store.interrupting {
                let answer = await replica.send(wanted.call, headers: Self.key)
                other.withLock { $0 = answer }
            } during: { store in
                let answer = await HarnessClient(try fixture.service(store)).send(wanted.call, headers: Self.key)
                #expect(answer.status == wanted.status)
            }
            let first = other.withLock { $0 }
            if isInterrupted { #expect(first?.status == wanted.status) }
            let again = await HarnessClient(try fixture.service(memory)).send(wanted.call, headers: Self.key)
            #expect(again.status == wanted.status)
            if let first { #expect(again.json == first.json) }
            return isInterrupted
        }
    }

    @Test func `what was refused by one replica counts once another has done it`() async throws {
        let makeLater = Call(
            path: "\(Self.space)/tables", body: #"{"name":"later","schema":{"type":"struct","fields":[]}}"#)
        let dropLater = Call(method: .delete, path: "\(Self.space)/tables/later")
        try await fixture.forEveryMoment { memory, store in
            let replica = HarnessClient(try fixture.service(memory))
            #expect(await replica.send(makeLater).status == 200)
            let other = Mutex<Int?>(nil)
            let isInterrupted = try await store.interrupting {
                #expect(await replica.send(dropLater).status == 204)
                let answer = await replica.send(Self.rename, headers: Self.key)
                other.withLock { $0 = answer.status }
            } during: { store in
                let answer = await HarnessClient(try fixture.service(store)).send(Self.rename, headers: Self.key)
                #expect([204, 409].contains(answer.status))
            }
            // Refused, and kept as that, before the other came to it.
            let status = other.withLock { $0 } ?? 409
            let again = await HarnessClient(try fixture.service(memory)).send(Self.rename, headers: Self.key)
            #expect(again.status == status)
            #expect(await replica.send(.head, "\(Self.space)/tables/events").status == (status == 204 ? 404 : 204))
            return isInterrupted
        }
    }
}

extension HarnessClient {
    fileprivate func send(_ call: KeyInFlightTests.Call, headers: HTTPHeaders = [:]) async -> Answer {
        await send(call.method, call.path, call.body, headers: headers)
    }
}
