import Bytes
import Checksums
import Clocks
import HTTP
import IcebergCatalog
import ServiceHost

/// Who may use the catalog: the holders of tokens and keys that were configured, and of tokens handed out for them.
package struct CatalogAccess: Sendable {
    static let tokenLifetimeSeconds: Int64 = 3600
    /// A client that shows its credentials again may exchange a token that ended so long ago at most.
    static let exchangeGraceSeconds: Int64 = 86_400

    /// `CATALOG_TOKENS`: good as bearer tokens alone.
    private let tokens: KeyRing
    /// `CATALOG_CLIENTS`: good for client credentials alone.
    private let clients: KeyRing
    /// `ANALYTICS_API_KEY` and `CATALOG_KEYS_FILE`: good for both.
    private let keys: KeyRing
    private let signingKey: SigningKey
    let clock: any WallClock

    init(
        tokens: [AccessKey], clients: [AccessKey], keys: KeyRing, signingKey: SigningKey,
        clock: any WallClock = SystemClock()
    ) {
        self.tokens = KeyRing(fixed: tokens)
        self.clients = KeyRing(fixed: clients)
        self.keys = keys
        self.signingKey = signingKey
        self.clock = clock
    }

    /// Whether nothing is configured by which callers could be told apart, as is usual in development.
    package var isOpen: Bool { tokens.isEmpty && clients.isEmpty && keys.isEmpty }

    /// Who sends a request with a bearer token.
    ///
    /// - Throws: `.notAuthorized`; `.authenticationTimeout` for a token that has ended.
    func caller(of request: HTTPRequest) async throws(CatalogError) -> Caller {
        guard let token = AccessPolicy.bearerToken(request) else {
            throw CatalogError(.notAuthorized, "a bearer token is needed: \"Authorization: Bearer …\"")
        }
        return try await holder(of: token, endedSince: 0).principal.caller
    }

    /// Whoever a bearer token was given to.
    ///
    /// - Parameter seconds: how long ago a token that was handed out may have ended.
    func holder(
        of token: String, endedSince seconds: Int64
    ) async throws(CatalogError) -> (key: AccessKey, principal: Principal) {
        let now = clock.now()
        for ring in [tokens, keys] {
            if case .key(let key) = ring.find(token, at: now) { return (key, Self.principal(key, .none)) }
        }
        guard let open = try await AccessToken.open(token, with: signingKey) else {
            throw CatalogError(.notAuthorized, "the bearer token is not known here")
        }
        guard now.milliseconds < (open.end + seconds) * 1000 else {
            throw CatalogError(.authenticationTimeout, "the bearer token has ended; ask for another")
        }
        for ring in [tokens, clients, keys] {
            for key in ring.keys(named: open.name, at: now) where try await mark(of: key) == open.mark {
                return (key, Self.principal(key, open.narrowing))
            }
        }
        throw CatalogError(.notAuthorized, "the key that the bearer token was handed out for is no longer in force")
    }

    /// The key that client credentials are.
    ///
    /// - Parameter id: the key's name; keys that were given no name of their own go without.
    func client(_ id: String?, secret: String) -> AccessKey? {
        for ring in [clients, keys] {
            guard case .key(let key) = ring.find(secret, at: clock.now()) else { continue }
            if key.name == id || (id == nil || id?.isEmpty == true) { return key }
        }
        return nil
    }

    /// A token for the holder of `key`.
    func token(for key: AccessKey, _ narrowing: Narrowing) async throws(CatalogError) -> String {
        let end = clock.now().milliseconds / 1000 + Self.tokenLifetimeSeconds
        let token = AccessToken(name: key.name, mark: try await mark(of: key), end: end, narrowing: narrowing)
        return try await token.sealed(with: signingKey)
    }

    static func principal(_ key: AccessKey, _ narrowing: Narrowing) -> Principal {
        let isAdmin = key.scopes.routes.contains(.admin)
        return Principal(name: key.name, roles: isAdmin ? [Role.admin.rawValue] : key.roles, narrowing: narrowing)
    }

    private func mark(of key: AccessKey) async throws(CatalogError) -> String {
        Base64.encode(try await signingKey.signature(of: key.digest, for: "access key"), alphabet: .urlSafe)
    }
}
