import Clocks
import HTTP
import IcebergCatalog
import ObjectStore
import Synchronization

/// Where credentials that clients are handed come from.
package final class CredentialVending: Sendable {
    enum Source: Sendable {
        case none
        /// The deployment's own, not narrowed to a table: for development, and for those only who may do everything.
        case own([String: String])
        /// Cloudflare's API.
        case r2(TemporaryAccessAPI)
        /// The security token service of an S3.
        case tokenService(SecurityTokenService)
    }

    /// One table's credentials, as clients take them.
    struct Credential: Hashable, Sendable {
        /// Of locations: ends in `/` where it is narrowed.
        let prefix: String
        let config: [String: String]
    }

    private let source: Source
    private let seconds: Int
    private let http: (any HTTPClient)?
    private let clock: any WallClock
    /// Credentials are handed out again while half of their time is left: a replica asks for new ones twice in that time.
    private let known = Mutex(
        BoundedCache<S3Scope, TemporaryS3Credentials>(costMax: CatalogLimits.cachedCredentialsMax))

    init(source: Source, seconds: Int, http: (any HTTPClient)?, clock: any WallClock) {
        self.source = source
        self.seconds = seconds
        self.http = http
        self.clock = clock
    }

    /// The deployment's own credentials, or none.
    package convenience init(config: [String: String]?) {
        let source: Source = config.flatMap { $0.isEmpty ? nil : .own($0) } ?? .none
        self.init(source: source, seconds: 0, http: nil, clock: SystemClock())
    }

    /// Credentials for a table's location.
    ///
    /// - Parameter isUnlimited: whether they are for somebody who may do everything.
    /// - Throws: `.serviceUnavailable` when none could be had; nothing is handed out that has nearly ended.
    func credentials(
        for place: ObjectLocation, location: String, canWrite: Bool, isUnlimited: Bool
    ) async throws(CatalogError) -> [Credential] {
        switch source {
        case .none: return []
        case .own(let config): return isUnlimited ? [Credential(prefix: location, config: config)] : []
        case .r2, .tokenService:
            let found = try await temporary(S3Scope(place, canWrite: canWrite))
            let prefix = location.hasSuffix("/") ? location : location + "/"
            var config = [
                "s3.access-key-id": found.credentials.accessKeyID,
                "s3.secret-access-key": found.credentials.secretAccessKey,
                "s3.session-token-expires-at-ms": String(found.expires.milliseconds),
            ]
            config["s3.session-token"] = found.credentials.sessionToken
            return [Credential(prefix: prefix, config: config)]
        }
    }

    private func temporary(_ scope: S3Scope) async throws(CatalogError) -> TemporaryS3Credentials {
        let now = clock.now()
        if let cached = known.withLock({ $0.value(scope) }), cached.expires >= now.adding(seconds: seconds / 2) {
            return cached
        }
        let made = try await make(scope, at: now)
        known.withLock { $0.set(scope, made) }
        return made
    }

    private func make(_ scope: S3Scope, at now: Timestamp) async throws(CatalogError) -> TemporaryS3Credentials {
        guard let http else { throw CatalogError(.internalError, "credentials need an HTTP client") }
        switch source {
        case .r2(let api): return try await api.credentials(scope, seconds: seconds, http: http, at: now)
        case .tokenService(let service):
            do {
                return try await service.assumeRole(scope, seconds: seconds, http: http, at: now)
            } catch {
                throw CatalogError(.serviceUnavailable, "temporary credentials: \(error.message)")
            }
        case .none, .own: throw CatalogError(.internalError, "there is nothing to ask for credentials")
        }
    }
}
