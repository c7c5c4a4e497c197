import Bytes
import Checksums
import Clocks
import Configuration
import HTTP

/// Finds out who calls, and whether they may.
package struct AccessPolicy: Sendable {
    private let environment: DeploymentEnvironment
    private let keys: KeyRing
    private let signature: BindingSignature?
    private let seen = ReplayCache()
    private let clock: any WallClock

    package init(
        environment: DeploymentEnvironment, keys: KeyRing, bindingSecret: Secret?, clock: any WallClock = SystemClock()
    ) {
        self.environment = environment
        self.keys = keys
        signature = bindingSecret.map { BindingSignature(secret: $0.revealed) }
        self.clock = clock
    }

    /// Development without a key: everybody may call.
    package var isOpen: Bool { environment == .development && keys.isEmpty }

    /// Who calls, by socket, signature or key. A key or signature that is wrong is refused, not ignored; a bearer token or a
    /// user name that is no key is left to the service's authenticator (`.anonymous`).
    ///
    /// - Parameter takesKeyFromURL: whether the query parameter `key` may hold the key, for beacons, which cannot set fields.
    package func identify(_ request: HTTPRequest, takesKeyFromURL: Bool = false) throws(ServiceError) -> Caller {
        if request.peer == .unixSocket {
            return Caller(kind: .binding, name: request.headers[BindingSignature.callerHeader] ?? "unix")
        }
        if let signature, request.headers[BindingSignature.signatureHeader] != nil {
            do {
                return try signature.verify(request, at: clock.now(), seen: seen)
            } catch {
                throw error.counted(as: .signature)
            }
        }
        if let key = request.headers["X-API-Key"] { return try caller(withKey: key) }
        if request.headers["Authorization"] != nil,
            let shown = Self.bearerToken(request) ?? Self.basicUser(request),
            let caller = try knownCaller(withKey: shown)
        {
            return caller
        }
        if takesKeyFromURL, request.target.utf8.contains(UInt8(ascii: "?")), let key = request.parameter("key") {
            let caller = try caller(withKey: key)
            // URLs end up in histories, referrers and the logs of proxies.
            guard caller.scopes?.routes.contains(.admin) != true else {
                throw ServiceError.forbidden("a key that may administer must not be sent in a URL")
                    .counted(as: .keyInURL)
            }
            return caller
        }
        return .anonymous
    }

    /// Throws 401 or 403 when `caller` may not use a route.
    package func check(_ caller: Caller, for access: RouteAccess) throws(ServiceError) {
        let needed: KeyScopes.Routes
        switch access {
        case .open: return
        case .keyOutsideDevelopment where environment == .development: return
        case .key where isOpen: return
        case .binding:
            guard caller.kind == .binding else {
                throw ServiceError.forbidden("this is for service bindings only").counted(as: .bindingOnly)
            }
            return
        case .key: needed = .write
        case .keyOutsideDevelopment: needed = .admin
        }
        guard !caller.isAnonymous else {
            throw ServiceError.notAuthorized("an API key is needed, in the header X-API-Key or as bearer token")
                .counted(as: .keyMissing)
        }
        if let scopes = caller.scopes, !scopes.routes.contains(needed) {
            throw ServiceError.forbidden("the key \(caller.name) lacks the scope \"\(needed.rawValue)\"")
                .counted(as: .scope)
        }
    }

    /// Throws 403 when `caller`'s key is bound to pages and this is none of them.
    package func check(_ caller: Caller, origin: String?) throws(ServiceError) {
        guard let origins = caller.scopes?.origins else { return }
        if let origin, origins.matches(origin) { return }
        let from = origin.map { "the origin \"\($0.prefix(200))\"" } ?? "a request without Origin"
        throw ServiceError.forbidden("the key \(caller.name) is not for \(from)").counted(as: .origin)
    }

    package static func bearerToken(_ request: HTTPRequest) -> String? { credentials(request, scheme: "bearer ") }

    /// The user name of Basic authentication, as senders of analytics.js give their write key.
    static func basicUser(_ request: HTTPRequest) -> String? {
        guard let encoded = credentials(request, scheme: "basic "), let decoded = Base64.decode(encoded) else {
            return nil
        }
        return String(validating: decoded.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }

    private static func credentials(_ request: HTTPRequest, scheme: String) -> String? {
        guard let header = request.headers["Authorization"], header.utf8.count > scheme.utf8.count,
            header.prefix(scheme.count).lowercased() == scheme
        else { return nil }
        return String(header.dropFirst(scheme.count))
    }

    /// The caller, where the key must be one; without any key configured, in development, it need not.
    private func caller(withKey key: String) throws(ServiceError) -> Caller {
        if let caller = try knownCaller(withKey: key) { return caller }
        guard keys.isEmpty, !environment.isEnforcing else {
            throw ServiceError.notAuthorized("the API key is not known").counted(as: .keyUnknown)
        }
        return .anonymous
    }

    private func knownCaller(withKey key: String) throws(ServiceError) -> Caller? {
        switch keys.find(key, at: clock.now()) {
        case .key(let found): return Caller(kind: .key, name: found.name, roles: found.roles, scopes: found.scopes)
        case .unknown: return nil
        case .early(let found):
            throw ServiceError.notAuthorized("the API key \(found.name) is not valid yet").counted(as: .keyEarly)
        case .expired(let found):
            throw ServiceError.notAuthorized("the API key \(found.name) has expired").counted(as: .keyExpired)
        }
    }
}

/// Why a request was not admitted, as `http_requests_refused_total` counts it.
package enum RefusalReason: String, Hashable, Sendable {
    case keyMissing = "key_missing"
    case keyUnknown = "key_unknown"
    case keyExpired = "key_expired"
    case keyEarly = "key_not_yet_valid"
    case keyInURL = "key_in_url"
    case signature
    case scope
    case origin
    case bindingOnly = "binding_only"
    case rateLimit = "rate_limit"
    case eventRateLimit = "event_rate_limit"
}
