import Bytes
import Checksums
import Clocks
import Configuration
import HTTP

/// Finds out who calls, and whether they may.
package struct AccessPolicy: Sendable {
    private let environment: DeploymentEnvironment
    /// SHA-256 of each key: comparing digests takes the same time whatever the key looks like.
    private let keyDigests: [[UInt8]]
    private let signature: BindingSignature?
    private let seen = ReplayCache()
    private let clock: any WallClock

    package init(
        environment: DeploymentEnvironment, keys: [Secret], bindingSecret: Secret?, clock: any WallClock = SystemClock()
    ) {
        self.environment = environment
        keyDigests = keys.map { Digest.sha256(Array($0.revealed.utf8)) }
        signature = bindingSecret.map { BindingSignature(secret: $0.revealed) }
        self.clock = clock
    }

    /// Development without a key: everybody may call.
    package var isOpen: Bool { environment == .development && keyDigests.isEmpty }

    /// Who calls, by socket, signature or key. A key or signature that is wrong is refused, not ignored; a bearer token that is no key
    /// is left to the service's authenticator (`.anonymous`).
    package func identify(_ request: HTTPRequest) throws(ServiceError) -> Caller {
        if request.peer == .unixSocket {
            return Caller(kind: .binding, name: request.headers[BindingSignature.callerHeader] ?? "unix")
        }
        if let signature, request.headers[BindingSignature.signatureHeader] != nil {
            return try signature.verify(request, at: clock.now(), seen: seen)
        }
        if let key = request.headers["X-API-Key"] {
            if let caller = caller(withKey: key) { return caller }
            if !keyDigests.isEmpty || environment.isEnforcing { throw .notAuthorized("the API key is not known") }
        }
        if let token = Self.bearerToken(request), let caller = caller(withKey: token) { return caller }
        return .anonymous
    }

    /// Throws 401 or 403 when `caller` may not use a route.
    package func check(_ caller: Caller, for access: RouteAccess) throws(ServiceError) {
        switch access {
        case .open: return
        case .keyOutsideDevelopment where environment == .development: return
        case .key where isOpen: return
        case .binding:
            guard caller.kind == .binding else { throw .forbidden("this is for service bindings only") }
        case .key, .keyOutsideDevelopment:
            guard !caller.isAnonymous else {
                throw .notAuthorized("an API key is needed, in the header X-API-Key or as bearer token")
            }
        }
    }

    package static func bearerToken(_ request: HTTPRequest) -> String? {
        guard let header = request.headers["Authorization"], header.utf8.count > 7,
            header.prefix(7).lowercased() == "bearer "
        else { return nil }
        return String(header.dropFirst(7))
    }

    private func caller(withKey key: String) -> Caller? {
        let digest = Digest.sha256(Array(key.utf8))
        var isKnown = false
        for known in keyDigests where Digest.constantTimeEquals(known, digest) { isKnown = true }
        return isKnown ? Caller(kind: .key, name: Hexadecimal.encode(digest.prefix(4))) : nil
    }
}
