import Bytes
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// A clock that is set.
final class FixedClock: WallClock {
    private let time: Mutex<Timestamp>
    init(_ time: Timestamp = Timestamp(milliseconds: 1_700_000_000_000)) { self.time = Mutex(time) }
    func now() -> Timestamp { time.withLock { $0 } }
    func advance(seconds: Int) { time.withLock { $0 = $0.adding(seconds: seconds) } }
}

/// Answers as Cloudflare does, where nobody can run it, and keeps what it was asked.
final class CloudflareScript: HTTPClient {
    private let state = Mutex<(requests: [HTTPRequest], isDown: Bool)>(([], false))
    var requests: [HTTPRequest] { state.withLock { $0.requests } }
    func fail() { state.withLock { $0.isDown = true } }

    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse {
        let (number, isDown) = state.withLock { state in
            state.requests.append(request)
            return (state.requests.count, state.isDown)
        }
        if isDown {
            let body = #"{"success":false,"errors":[{"code":10001,"message":"no"}],"result":null}"#
            return HTTPResponse(status: 403, body: Array(body.utf8))
        }
        let body = """
            {"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"AK\(number)",
             "secretAccessKey":"SK","sessionToken":"ST"}}
            """
        return HTTPResponse(status: 200, body: Array(body.utf8))
    }
}

@Suite struct CredentialVendingTests {
    private let cloudflare = CloudflareScript()
    private let clock = FixedClock()
    private let harness: CatalogHarness

    init() throws {
        let api = TemporaryAccessAPI(
            endpoint: "https://api.example.com/v4", account: "acc", token: "secret", parentAccessKeyID: "PK")
        harness = CatalogHarness(
            service: try ServiceFixture().service(MemoryObjectStore()),
            vending: CredentialVending(source: .r2(api), seconds: 3600, http: cloudflare, clock: clock))
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: String = "", role: Role = .admin, known: String? = nil,
        delegation: String = "vended-credentials"
    ) async -> (status: Int, etag: String?, json: JSONValue) {
        var request = HTTPRequest(method: method, target: path, body: Array(body.utf8))
        request.headers["X-Iceberg-Access-Delegation"] = delegation
        request.headers["If-None-Match"] = known
        let response = await HarnessTests.dispatch(
            harness, CatalogAccess(tokens: [], clients: [:]), request, as: Principal(name: "somebody", role: role))
        var json = JSONValue.null
        do { json = try JSONValue.parse(response.body) } catch {}
        return (response.status, response.headers["ETag"], json)
    }

    private static let path = "/v1/namespaces/db/tables/t"

    private func makeTable() async {
        #expect(await send(.post, "/v1/namespaces", #"{"namespace":["db"]}"#).status == 200)
        let body = #"{"name":"t","schema":{"type":"struct","fields":[]}}"#
        #expect(await send(.post, "/v1/namespaces/db/tables", body, delegation: "").status == 200)
    }

    @Test func `Cloudflare is asked for the table's prefix, to read only where the caller may read only`() async throws
    {
        await makeTable()
        #expect(cloudflare.requests.isEmpty)
        for (role, permission) in [(Role.reader, "object-read-only"), (.writer, "object-read-write")] {
            let loaded = await send(.get, Self.path, role: role)
            #expect(loaded.status == 200)
            let request = try #require(cloudflare.requests.last)
            #expect(request.target == "https://api.example.com/v4/accounts/acc/r2/temp-access-credentials")
            #expect(request.headers["Authorization"] == "Bearer secret")
            let asked = try JSONValue.parse(request.body)
            let expected: JSONValue = [
                "bucket": "analytics-source", "prefixes": ["db/t/"], "permission": .string(permission),
                "ttlSeconds": 3600, "parentAccessKeyId": "PK",
            ]
            #expect(asked == expected)
            let credential = try #require(loaded.json["storage-credentials"]?.array?.first)
            #expect(credential["prefix"]?.string == (loaded.json["metadata"]?["location"]?.string ?? "") + "/")
            #expect(credential["config"]?["s3.session-token"] == "ST")
            #expect(credential["config"]?["s3.session-token-expires-at-ms"] == "1700003600000")
            #expect(loaded.json["config"]?["s3.access-key-id"] == credential["config"]?["s3.access-key-id"])
            #expect(
                loaded.json["config"]?["client.refresh-credentials-endpoint"]
                    == "v1/namespaces/db/tables/t/credentials")
        }
    }

    @Test func `credentials are handed out again until half of their time is over, and no state is known with others`()
        async throws
    {
        await makeTable()
        let first = await send(.get, Self.path)
        clock.advance(seconds: 1800)
        #expect(await send(.get, Self.path, known: first.etag).status == 304)
        #expect(cloudflare.requests.count == 1)
        clock.advance(seconds: 1)
        let second = await send(.get, Self.path, known: first.etag)
        #expect(second.status == 200)
        #expect(cloudflare.requests.count == 2)
        #expect(second.json["config"]?["s3.access-key-id"] == "AK2")
        // Who comes with the state as it is without credentials gets them.
        let plain = await send(.get, Self.path, delegation: "")
        #expect(plain.json["storage-credentials"] == nil)
        #expect(await send(.get, Self.path, known: plain.etag).status == 200)
        #expect(await send(.get, Self.path, known: second.etag, delegation: "").status == 200)
        #expect(await send(.get, Self.path, role: .reader, known: second.etag).status == 200)
    }

    @Test func `they are had alone too, and when there are none a load says so, but no change that took place`()
        async throws
    {
        await makeTable()
        let alone = await send(.get, "\(Self.path)/credentials", delegation: "")
        #expect(alone.json["storage-credentials"]?.array?.count == 1)
        cloudflare.fail()
        clock.advance(seconds: 3600)
        for path in [Self.path, "\(Self.path)/credentials"] {
            let refused = await send(.get, path)
            #expect(refused.status == 503)
            #expect(refused.json["error"]?["message"]?.string?.contains("secret") == false)
        }
        let body = #"{"name":"u","schema":{"type":"struct","fields":[]}}"#
        #expect(await send(.post, "/v1/namespaces/db/tables", body).status == 200)
        let commit = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"a":"b"}}]}"#
        #expect(await send(.post, Self.path, commit).status == 200)
    }
}
