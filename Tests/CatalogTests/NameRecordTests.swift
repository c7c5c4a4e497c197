import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What is kept beside the metadata follows the register, whatever loses against it at the same time.
@Suite struct NameRecordTests {
    let fixture: ServiceFixture

    init() throws { fixture = try ServiceFixture() }

    private static let tables = "/v1/namespaces/analytics/tables"

    enum Step: String, Sendable {
        case create, drop, undrop, unregister, register, rename, back

        func perform(_ client: HarnessClient) async {
            let events = "\(NameRecordTests.tables)/events"
            let renaming = { (source: String, destination: String) in
                """
                {"source":{"namespace":["analytics"],"name":"\(source)"},
                 "destination":{"namespace":["analytics"],"name":"\(destination)"}}
                """
            }
            switch self {
            case .create:
                let body = #"{"name":"events","schema":{"type":"struct","fields":[]}}"#
                _ = await client.send(.post, NameRecordTests.tables, body)
            case .drop: _ = await client.send(.delete, events)
            case .undrop: _ = await client.send(.post, "\(events)/undrop")
            case .unregister: _ = await client.send(.post, "\(events)/unregister")
            case .register: _ = await client.send(.post, "\(events)/register")
            case .rename: _ = await client.send(.post, "/v1/tables/rename", renaming("events", "later"))
            case .back: _ = await client.send(.post, "/v1/tables/rename", renaming("later", "events"))
            }
        }
    }

    struct Contention: Sendable, CustomStringConvertible {
        var before: [Step] = []
        let slow: Step
        let meanwhile: [Step]
        var description: String { "\(before) \(slow) \(meanwhile)" }
    }

    static let contentions = [
        Contention(before: [.drop], slow: .undrop, meanwhile: [.undrop, .drop]),
        Contention(before: [.drop], slow: .undrop, meanwhile: [.create, .drop]),
        Contention(before: [.drop], slow: .create, meanwhile: [.undrop, .drop]),
        Contention(before: [.drop], slow: .create, meanwhile: [.create, .unregister]),
        Contention(before: [.unregister], slow: .register, meanwhile: [.register, .unregister]),
        Contention(before: [.unregister], slow: .register, meanwhile: [.register, .drop]),
        Contention(slow: .drop, meanwhile: [.drop, .undrop]),
        Contention(slow: .drop, meanwhile: [.drop, .create]),
        Contention(slow: .unregister, meanwhile: [.unregister, .register]),
        Contention(slow: .rename, meanwhile: [.drop]),
        Contention(slow: .rename, meanwhile: [.rename, .back, .drop]),
        Contention(slow: .drop, meanwhile: [.rename, .back]),
    ]

    @Test(arguments: contentions)
    func `nothing that was dropped would be found again, and everything else`(contention: Contention) async throws {
        try await fixture.forEveryMoment { memory, store in
            let replica = HarnessClient(try fixture.service(memory))
            for step in contention.before { await step.perform(replica) }
            let isInterrupted = try await store.interrupting {
                for step in contention.meanwhile { await step.perform(replica) }
            } during: { store in
                await contention.slow.perform(HarnessClient(try fixture.service(store)))
            }
            let rebuild = #"{"dry_run":true}"#
            let whole = await replica.send(.post, "/v1/recovery/rebuild-all", rebuild)
            #expect(whole.json["registered"]?.integer == 0, "\(whole.json)")
            let there = try await fixture.service(memory).listTables(in: fixture.namespace).map(\.name)
            // As if the catalog's own bucket were lost.
            let keys = try await memory.list(
                fixture.catalogBucket, prefix: "", delimiter: nil, startAfter: nil, limit: 1000
            ).objects.map(\.key)
            try await memory.delete(fixture.catalogBucket, keys)
            let lost = await HarnessClient(try fixture.service(memory)).send(
                .post, "/v1/recovery/rebuild-all", rebuild)
            let found = (lost.json["decisions"]?.array ?? []).filter { $0["decision"]?.string == "registered" }
            #expect(found.compactMap { $0["identifier"]?["name"]?.string }.sorted() == there, "\(lost.json)")
            return isInterrupted
        }
    }
}
