import Bytes
import Checksums
import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ServiceHost

/// Who may use the catalog: bearer tokens that were configured, and tokens handed out for client credentials.
///
/// Tokens handed out are signed with the client's secret and carry their end, so that every replica knows them without
/// having to remember any.
package struct CatalogAccess: Sendable {
    static let tokenLifetimeSeconds: Int64 = 3600

    private let tokens: [[UInt8]]
    /// Secrets by client id.
    private let clients: [String: String]
    private let clock: any WallClock

    package init(tokens: [String], clients: [String: String], clock: any WallClock = SystemClock()) {
        self.tokens = tokens.map { Array($0.utf8) }
        self.clients = clients
        self.clock = clock
    }

    /// Whether anyone may do anything: nothing is configured, as is usual in development.
    package var isOpen: Bool { tokens.isEmpty && clients.isEmpty }

    /// Who sends a request with a bearer token.
    ///
    /// - Throws: `.notAuthorized`; `.authenticationTimeout` for a token that has ended.
    func caller(of request: HTTPRequest) throws(CatalogError) -> Caller {
        guard let token = AccessPolicy.bearerToken(request) else {
            throw CatalogError(.notAuthorized, "a bearer token is needed: \"Authorization: Bearer …\"")
        }
        let bytes = Array(token.utf8)
        // Every comparison is made, each in constant time.
        let isConfigured = tokens.reduce(false) { Digest.constantTimeEquals($1, bytes) || $0 }
        if isConfigured { return Caller(kind: .principal, name: "token", roles: [Role.admin.rawValue]) }
        guard let (client, end) = signedClient(of: token) else {
            throw CatalogError(.notAuthorized, "the bearer token is not known here")
        }
        guard clock.now().milliseconds < end * 1000 else {
            throw CatalogError(.authenticationTimeout, "the bearer token has ended; ask for another")
        }
        return Caller(kind: .principal, name: client, roles: [Role.admin.rawValue])
    }

    // MARK: - OAuth client credentials

    /// Answers `POST /v1/oauth/tokens`. Errors have the shape OAuth gives them, not that of the catalog.
    func issueToken(_ request: HTTPRequest) -> HTTPResponse {
        let form = Self.form(request.body)
        guard form["grant_type"] == "client_credentials" else {
            return Self.refusal(400, "unsupported_grant_type", "only client_credentials is supported")
        }
        let (id, secret) = Self.credentials(request, form)
        guard !isOpen else { return issue("development") }
        guard let id, let secret, let known = clients[id],
            Digest.constantTimeEquals(Array(known.utf8), Array(secret.utf8))
        else { return Self.refusal(401, "invalid_client", "the client id or secret is not known here") }
        let end = clock.now().milliseconds / 1000 + Self.tokenLifetimeSeconds
        let payload = "\(Base64.encode(Array(id.utf8), alphabet: .urlSafe)).\(end)"
        return issue("\(payload).\(Self.signature(of: payload, secret: known))")
    }

    private func issue(_ token: String) -> HTTPResponse {
        var response = CatalogReply.json([
            "access_token": .string(token), "token_type": "bearer", "expires_in": .integer(Self.tokenLifetimeSeconds),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        ])
        response.headers["Cache-Control"] = "no-store"
        return response
    }

    /// Whose a token of ours is, and when it ends, in seconds since 1970; nil for any other token.
    private func signedClient(of token: String) -> (id: String, end: Int64)? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let idBytes = Base64.decode(parts[0]),
            let id = String(validating: idBytes, as: UTF8.self), let secret = clients[id], let end = Int64(parts[1])
        else { return nil }
        let expected = Self.signature(of: "\(parts[0]).\(parts[1])", secret: secret)
        return Digest.constantTimeEquals(Array(expected.utf8), Array(parts[2].utf8)) ? (id, end) : nil
    }

    private static func signature(of payload: String, secret: String) -> String {
        let digest = Digest.hmacSHA256(key: Array(secret.utf8), Array("catalog-token:\(payload)".utf8))
        return Base64.encode(digest, alphabet: .urlSafe)
    }

    /// From the form, as Iceberg's clients send them, or from HTTP Basic authentication.
    private static func credentials(_ request: HTTPRequest, _ form: [String: String]) -> (String?, String?) {
        if let id = form["client_id"] { return (id, form["client_secret"]) }
        guard let header = request.headers["Authorization"], header.lowercased().hasPrefix("basic "),
            let bytes = Base64.decode(header.dropFirst("basic ".count)),
            let text = String(validating: bytes, as: UTF8.self)
        else { return (nil, nil) }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : (nil, nil)
    }

    private static func form(_ body: [UInt8]) -> [String: String] {
        let text = String(decoding: body.prefix(65_536), as: UTF8.self)
        let fields = HTTPRequest(method: .post, target: "/?\(text)").query
        return Dictionary(fields.map { ($0.name, $0.value) }) { first, _ in first }
    }

    private static func refusal(_ status: Int, _ code: String, _ description: String) -> HTTPResponse {
        CatalogReply.json(["error": .string(code), "error_description": .string(description)], status: status)
    }
}
