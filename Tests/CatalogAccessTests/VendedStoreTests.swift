import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore
import Synchronization
import Testing

@testable import CatalogAccess

/// A catalog that gives out credentials, and the S3 they are for, by their host names.
private final class Vendor: HTTPClient, WallClock {
    struct State {
        var now: Int64 = 1_700_000_000_000
        var given = 0
        var hasEndpoint = true
        var isAway = false
        /// What reached the S3: access key, session token, path.
        var stored: [[String]] = []
        var asked: [String] = []
    }

    let state = Mutex(State())
    let metadata: TableMetadata

    init() throws {
        let creation = TableCreation(schema: try Schema(fields: [.required(1, "id", .string)]))
        metadata = try creation.metadata(location: "s3://theirs/ns/t", at: Timestamp(milliseconds: 1))
    }

    func now() -> Timestamp { state.withLock { Timestamp(milliseconds: $0.now) } }

    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse {
        let answer = state.withLock { state -> HTTPResponse? in
            if request.target.hasPrefix("http://s3.example") {
                let authorization = request.headers["Authorization"] ?? ""
                let key = authorization.split(separator: "Credential=").last?.split(separator: "/").first.map(
                    String.init)
                state.stored.append([
                    key ?? "", request.headers["X-Amz-Security-Token"] ?? "",
                    String(request.target.dropFirst("http://s3.example".count)),
                ])
                return HTTPResponse(status: 200, headers: ["ETag": "\"e\""])
            }
            guard !state.isAway else { return nil }
            state.asked.append(String(request.target.dropFirst("http://catalog".count)))
            if request.path.hasSuffix("/v1/config") { return HTTPResponse(status: 200, body: Array("{}".utf8)) }
            state.given += 1
            let config: JSONValue = [
                "s3.access-key-id": .string("AK\(state.given)"), "s3.secret-access-key": "SK",
                "s3.session-token": .string("ST\(state.given)"), "s3.endpoint": "http://s3.example/",
                "s3.session-token-expires-at-ms": .string("\(state.now + 600_000)"),
            ]
            let credentials: JSONValue = [["prefix": "s3a://theirs/ns", "config": config]]
            if request.path.hasSuffix("/credentials") {
                guard state.hasEndpoint else { return HTTPResponse(status: 404, body: Array("no such route".utf8)) }
                return HTTPResponse(
                    status: 200, body: (["storage-credentials": credentials] as JSONValue).serialized())
            }
            let table: JSONValue = [
                "metadata": metadata.json, "metadata-location": "s3://theirs/ns/t/metadata/0.json",
                "config": ["client.region": "eu-1"], "storage-credentials": credentials,
            ]
            return HTTPResponse(status: 200, body: table.serialized())
        }
        guard let answer else { throw HTTPClientError(stage: .notSent, message: "connection refused") }
        return answer
    }
}

struct VendedStoreTests {
    private let vendor: Vendor
    private let own = MemoryObjectStore()
    private let store: VendedStore
    private let catalog: CredentialedCatalog
    private let table: TableIdentifier

    init() throws {
        vendor = try Vendor()
        table = try TableIdentifier(dotted: "ns.t")
        let rest = RESTCatalog(
            transport: CatalogTransport(client: vendor, baseURL: "http://catalog"), asksForCredentials: true)
        store = VendedStore(own, catalog: rest, http: vendor, retries: RetryPolicy(retriesMax: 0), clock: vendor)
        catalog = CredentialedCatalog(rest, store)
    }

    private func put(_ uri: String) async throws {
        _ = try await store.put(try store.location(of: uri), [1, 2], condition: .ifAbsent, contentType: nil)
    }

    @Test func `objects below the prefix go to the catalog's store with its credentials, others to ours`() async throws
    {
        _ = try await catalog.loadTable(table)
        try await put("s3://theirs/ns/t/data/a.parquet")
        let ours = try own.location(of: "s3://ours/x")
        _ = try await store.put(ours, [3], condition: .always, contentType: nil)
        #expect(vendor.state.withLock { $0.stored } == [["AK1", "ST1", "/theirs/ns/t/data/a.parquet"]])
        #expect(try await own.get(ours, range: nil).bytes == [3])
        #expect(store.uri(of: try store.location(of: "s3a://theirs/ns/t/b")) == "s3://theirs/ns/t/b")
        #expect(VendedStore.configuration(["s3.access-key-id": "a"]) == nil)
        #expect(
            VendedStore.configuration(["s3.access-key-id": "a", "s3.secret-access-key": "b", "client.region": "eu-1"])?
                .endpoint == "https://s3.eu-1.amazonaws.com")
    }

    @Test(arguments: [true, false])
    func `credentials about to expire are asked for anew before they are used`(hasEndpoint: Bool) async throws {
        vendor.state.withLock { $0.hasEndpoint = hasEndpoint }
        _ = try await catalog.loadTable(table)
        vendor.state.withLock { $0.now += 470_000 }
        try await put("s3://theirs/ns/t/1")
        vendor.state.withLock { $0.now += 20_000 }
        try await put("s3://theirs/ns/t/2")
        let newest = "AK\(vendor.state.withLock { $0.given })"
        #expect(vendor.state.withLock { $0.stored.map { $0[0] } } == ["AK1", newest] && newest != "AK1")
        #expect(vendor.state.withLock { $0.asked.contains("/v1/namespaces/ns/tables/t/credentials") })
    }

    @Test func `credentials among a table's settings are for its own location`() async throws {
        let config = [
            "s3.access-key-id": "AK0", "s3.secret-access-key": "SK", "s3.endpoint": "http://s3.example",
            "s3.session-token": "ST0",
        ]
        try store.accept(LoadedTable(metadata: vendor.metadata, metadataLocation: nil, config: config), of: table)
        try await put("s3://theirs/ns/t/data/1")
        // Not of a table whose name only begins the same.
        let other = try own.location(of: "s3://theirs/ns/t2/data/1")
        _ = try await store.put(other, [3], condition: .always, contentType: nil)
        #expect(vendor.state.withLock { $0.stored.map { $0[2] } } == ["/theirs/ns/t/data/1"])
        #expect(try await own.head(other) != nil)
    }

    @Test func `while the catalog is away the old ones serve to their end, and then nothing is stored elsewhere`()
        async throws
    {
        _ = try await catalog.loadTable(table)
        vendor.state.withLock {
            $0.now += 590_000
            $0.isAway = true
        }
        try await put("s3://theirs/ns/t/1")
        vendor.state.withLock { $0.now += 10_000 }
        let error = await #expect(throws: ObjectStoreError.self) { try await put("s3://theirs/ns/t/2") }
        #expect(error?.code == .unavailable)
        #expect(vendor.state.withLock { $0.stored.count } == 1)
    }
}
