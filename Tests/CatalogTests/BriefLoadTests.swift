import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Loads of tables that a replica knows, answered where they came in: as by the longer way, or not at all.
@Suite struct BriefLoadTests {
    private let fixture: ServiceFixture
    private let requests = StoreRequests()
    private let harness: CatalogHarness
    private let other: CatalogService

    init() async throws {
        fixture = try ServiceFixture()
        let memory = try await fixture.store(tables: [fixture.events])
        harness = CatalogHarness(
            service: try fixture.service(CountingStore(memory, requests)), vending: CredentialVending(config: nil))
        other = try fixture.service(memory)
    }

    private func request(_ query: String, _ headers: HTTPHeaders) -> HTTPRequest {
        HTTPRequest(method: .get, target: "/v1/namespaces/analytics/tables/events\(query)", headers: headers)
    }

    /// What is answered at once; nil for what is left to the longer way.
    private func brief(
        _ query: String = "", headers: HTTPHeaders = [:], as principal: Principal = .developer
    ) async throws -> HTTPResponse? {
        let endpoints = harness.endpoints.filter { $0.brief != nil }
        #expect(endpoints.map(\.path) == ["namespaces/{namespace}/tables/{table}"])
        let call = CatalogCall(
            request(query, headers), ["namespace": "analytics", "table": "events"],
            rights: Rights(principal: principal, service: harness.service))
        return try await endpoints.first?.brief?(call)
    }

    private func load(_ query: String = "", headers: HTTPHeaders = [:]) async -> HTTPResponse {
        await HarnessTests.dispatch(harness, CatalogAccess(tokens: [], clients: [:]), request(query, headers))
    }

    @Test(arguments: ["", "?snapshots=all", "?snapshots=refs"])
    func `a table that is known is answered at once, as by the longer way, with one look at the store`(
        query: String
    ) async throws {
        #expect(try await brief(query) == nil)
        let full = await load(query)
        #expect(full.status == 200)
        let before = requests.counts
        let short = try #require(try await brief(query))
        #expect(requests.counts.classB - before.classB == 1 && requests.counts.classA == before.classA)
        #expect(short.status == 200 && short.body == full.body)
        let tag = try #require(full.headers["ETag"])
        #expect(short.headers["ETag"] == tag)
        #expect(try await brief(query, headers: ["If-None-Match": tag])?.status == 304)
        #expect(try await brief(query, headers: ["If-None-Match": "\"other\""])?.status == 200)
    }

    @Test func `a commit of another replica is seen by the next load`() async throws {
        _ = await load()
        for value in ["1", "2"] {
            _ = try await other.commit(
                fixture.change(fixture.events, setting: "k", to: value), CatalogService.Request())
            #expect(try await brief() == nil)
            let json = try JSONValue.parse(await load().body)
            #expect(json["metadata"]?["properties"]?["k"]?.string == value)
            #expect(try await brief()?.body == (await load().body))
        }
    }

    @Test func `a table that another replica drops is gone at once`() async throws {
        _ = await load()
        #expect(try await brief()?.status == 200)
        try await other.dropTable(fixture.events, purge: false, CatalogService.Request())
        do throws(CatalogError) {
            let answer = try await briefly()
            #expect(answer == nil)
        } catch {
            #expect(error.status == 404)
        }
        #expect(await load().status == 404)
    }

    private func briefly() async throws(CatalogError) -> HTTPResponse? {
        do { return try await brief() } catch let error as CatalogError { throw error } catch {
            throw CatalogError(.internalError, "\(error)")
        }
    }

    @Test func `who reads by a grant, or wants access to files, goes the longer way`() async throws {
        _ = await load()
        #expect(try await brief(as: Principal(name: "jane", role: nil)) == nil)
        #expect(try await brief(headers: ["X-Iceberg-Access-Delegation": "vended-credentials"]) == nil)
        #expect(try await brief() != nil)
    }

    @Test func `what is large goes the longer way, where it is compressed`() async throws {
        let large = String(repeating: "x", count: ContentCoding.bodyBytesMin)
        _ = try await other.commit(
            fixture.change(fixture.events, setting: "k", to: large), CatalogService.Request())
        let full = await load()
        #expect(full.status == 200 && full.body.count > large.utf8.count)
        #expect(try await brief() == nil)
    }

    @Test func `a form of snapshots that there is not is refused`() async throws {
        await #expect { try await brief("?snapshots=some") } throws: { ($0 as? CatalogError)?.status == 400 }
    }
}
