import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import Synchronization
import Testing

/// A server of tokens and a catalog that takes only the newest of them.
private final class TokenServer: HTTPClient, WallClock {
    private struct State {
        var now: Int64 = 1_000_000
        var issued = 0
        var requests: [HTTPRequest] = []
        var isRevoked = false
        var isAway = false
    }

    private let state = Mutex(State())
    let expiresIn: Int?

    init(expiresIn: Int?) { self.expiresIn = expiresIn }

    func now() -> Timestamp { state.withLock { Timestamp(milliseconds: $0.now) } }
    func pass(seconds: Int64) { state.withLock { $0.now += seconds * 1000 } }
    func revoke() { state.withLock { $0.isRevoked = true } }
    func goAway() { state.withLock { $0.isAway = true } }
    var issued: Int { state.withLock { $0.issued } }
    var requests: [HTTPRequest] { state.withLock { $0.requests } }

    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse {
        let answer = state.withLock { state -> HTTPResponse? in
            state.requests.append(request)
            if request.path == "http://host/token" {
                guard !state.isAway else { return nil }
                let form = String(decoding: request.body, as: UTF8.self)
                guard form == "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Ac&scope=PRINCIPAL"
                else {
                    let body: JSONValue = ["error": "invalid_client"]
                    return HTTPResponse(status: 400, body: body.serialized())
                }
                state.issued += 1
                state.isRevoked = false
                var body = JSONObject()
                body["access_token"] = .string("token-\(state.issued)")
                if let expiresIn { body["expires_in"] = JSONValue(expiresIn) }
                return HTTPResponse(status: 200, body: JSONValue.object(body).serialized())
            }
            if request.path == "http://host/base/v1/config" {
                let body: JSONValue = ["defaults": ["prefix": "no"], "overrides": ["prefix": "ware/house"]]
                return HTTPResponse(status: 200, body: body.serialized())
            }
            guard request.headers["Authorization"] == "Bearer token-\(state.issued)", !state.isRevoked else {
                return HTTPResponse(status: 401, body: CatalogError(.notAuthorized, "no").json.serialized())
            }
            return HTTPResponse(status: 200, body: Array(#"{"namespaces":[]}"#.utf8))
        }
        guard let answer else { throw HTTPClientError(stage: .maybeSent, message: "connection reset") }
        return answer
    }

    func catalog(secret: String = "a&b:c") -> RESTCatalog {
        let tokens = OAuthTokenSource(
            client: self, tokenURL: "http://host/token", clientID: "id", clientSecret: secret, scope: "PRINCIPAL",
            clock: self)
        return RESTCatalog(
            transport: CatalogTransport(client: self, baseURL: "http://host/base/v1/", tokens: tokens),
            warehouse: "s3://a/b c", asksForCredentials: true)
    }
}

struct OAuthTokenSourceTests {
    @Test func `a token serves until shortly before it expires`() async throws {
        let server = TokenServer(expiresIn: 3600)
        let catalog = server.catalog()
        for _ in 1...3 { _ = try await catalog.listNamespaces(under: nil) }
        #expect(server.issued == 1)
        server.pass(seconds: 3500)
        _ = try await catalog.listNamespaces(under: nil)
        #expect(server.issued == 1)
        server.pass(seconds: 41)
        _ = try await catalog.listNamespaces(under: nil)
        #expect(server.issued == 2)
        let asked = server.requests.map { String($0.target) }
        #expect(asked.contains("http://host/base/v1/config?warehouse=s3%3A%2F%2Fa%2Fb%20c"))
        #expect(asked.contains { $0.hasPrefix("http://host/base/v1/ware/house/namespaces?") })
        #expect(server.requests.last?.headers["X-Iceberg-Access-Delegation"] == "vended-credentials")
    }

    @Test(arguments: [nil, 0, -5, 1] as [Int?])
    func `a token that is refused is replaced once, and the request sent again`(expiresIn: Int?) async throws {
        let server = TokenServer(expiresIn: expiresIn)
        let catalog = server.catalog()
        _ = try await catalog.listNamespaces(under: nil)
        server.revoke()
        _ = try await catalog.listNamespaces(under: nil)
        #expect(server.issued >= 2)
    }

    @Test func `without a token nothing was sent, and a commit is certainly not made`() async throws {
        let server = TokenServer(expiresIn: 1000)
        let catalog = server.catalog()
        _ = try await catalog.listNamespaces(under: nil)
        server.pass(seconds: 1000)
        server.goAway()
        let outcome = await catalog.commit(
            try TableIdentifier(dotted: "a.b"), requirements: [], updates: [.setProperties(["a": "b"])])
        guard case .rejected(let error) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(error.code == .serviceUnavailable && error.message.contains("connection reset"))
    }

    @Test func `a wrong secret is said, and not shown`() async throws {
        let server = TokenServer(expiresIn: 1000)
        let error = await #expect(throws: CatalogError.self) {
            try await server.catalog(secret: "hunter2").listNamespaces(under: nil)
        }
        #expect(error?.message.contains("invalid_client") == true)
        #expect(error?.message.contains("hunter2") == false)
    }
}
