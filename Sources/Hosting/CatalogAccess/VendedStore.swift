import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// The object store of tables whose catalog gives out credentials: for locations it gave some for an S3 with these, for
/// all others the store that is configured.
///
/// Every load of a table brings new credentials; those about to expire are asked for anew before they are used.
package final class VendedStore: ObjectStore {
    private struct Grant: Sendable {
        let table: TableIdentifier
        let configuration: S3Configuration
        let store: any ObjectStore
        let expires: Timestamp?
    }

    private let own: any ObjectStore
    private let catalog: RESTCatalog
    private let http: any HTTPClient
    private let retries: RetryPolicy
    /// Counts what is asked of the stores that credentials were given for; the configured one counts by itself.
    private let requests: StoreRequests
    private let clock: any WallClock
    /// By prefix.
    private let grants = Mutex<[String: Grant]>([:])

    /// Credentials with less left than this are not used any more.
    private static let marginMilliseconds: Int64 = 120_000

    package init(
        _ own: any ObjectStore, catalog: RESTCatalog, http: any HTTPClient, retries: RetryPolicy,
        requests: StoreRequests = StoreRequests(), clock: any WallClock = SystemClock()
    ) {
        self.own = own
        self.catalog = catalog
        self.http = http
        self.retries = retries
        self.requests = requests
        self.clock = clock
    }

    /// Takes the credentials that came with a table; none, or none that are whole, leave it to the configured store.
    func accept(_ loaded: LoadedTable, of table: TableIdentifier) throws(ObjectStoreError) {
        var credentials = loaded.credentials.map { credential in
            StorageCredential(prefix: credential.prefix, config: loaded.config.merging(credential.config) { $1 })
        }
        if credentials.isEmpty {
            // A table beside it, whose name only begins the same, is another.
            let location = loaded.metadata.location
            let prefix = location.hasSuffix("/") ? location : location + "/"
            credentials = [StorageCredential(prefix: prefix, config: loaded.config)]
        }
        try accept(credentials, of: table)
    }

    private func accept(_ credentials: [StorageCredential], of table: TableIdentifier) throws(ObjectStoreError) {
        for credential in credentials {
            guard let configuration = Self.configuration(credential.config) else { continue }
            let prefix = Self.normalized(credential.prefix)
            let expires = credential.config["s3.session-token-expires-at-ms"].flatMap { Int64($0) }
            let known = grants.withLock { $0[prefix] }
            let store: any ObjectStore
            if let known, known.configuration == configuration {
                store = known.store
            } else {
                store = RetryingObjectStore(
                    wrapping: CountingStore(try S3ObjectStore(configuration, http: http), requests), policy: retries)
            }
            let grant = Grant(
                table: table, configuration: configuration, store: store,
                expires: expires.map { Timestamp(milliseconds: $0) })
            grants.withLock { $0[prefix] = grant }
        }
    }

    /// nil for what are no S3 credentials.
    static func configuration(_ config: [String: String]) -> S3Configuration? {
        guard let key = config["s3.access-key-id"], let secret = config["s3.secret-access-key"] else { return nil }
        let region = config["s3.region"] ?? config["client.region"] ?? "us-east-1"
        var configuration = S3Configuration(
            endpoint: config["s3.endpoint"] ?? "https://s3.\(region).amazonaws.com", region: region,
            credentials: S3Credentials(
                accessKeyID: key, secretAccessKey: secret, sessionToken: config["s3.session-token"]))
        while configuration.endpoint.hasSuffix("/") { configuration.endpoint.removeLast() }
        // A bucket in the path works with every server; in the host's name only where names are set up for it.
        configuration.addressing = config["s3.path-style-access"] == "false" ? .virtual : .path
        return configuration
    }

    /// `s3a` and `s3n` are other names of `s3`.
    private static func normalized(_ uri: String) -> String {
        for scheme in ["s3a://", "s3n://"] where uri.hasPrefix(scheme) { return "s3://" + uri.dropFirst(scheme.count) }
        return uri
    }

    // MARK: - Which store

    private func grant(for uri: String) -> (prefix: String, grant: Grant)? {
        let uri = Self.normalized(uri)
        return grants.withLock { grants in
            grants.filter { uri.hasPrefix($0.key) }.max { $0.key.utf8.count < $1.key.utf8.count }
                .map { ($0.key, $0.value) }
        }
    }

    private func store(for uri: String) async throws(ObjectStoreError) -> any ObjectStore {
        guard let (_, grant) = grant(for: uri) else { return own }
        guard let expires = grant.expires,
            expires.milliseconds - clock.now().milliseconds < Self.marginMilliseconds
        else { return grant.store }
        do throws(CatalogError) {
            try await refresh(grant.table)
        } catch {
            // They may last for this request.
            guard expires > clock.now() else {
                throw ObjectStoreError(
                    .unavailable, "the credentials for \(uri) have expired, and the catalog gives no others: \(error)")
            }
        }
        return self.grant(for: uri)?.grant.store ?? own
    }

    private func refresh(_ table: TableIdentifier) async throws(CatalogError) {
        var credentials: [StorageCredential] = []
        do throws(CatalogError) {
            credentials = try await catalog.loadCredentials(table)
        } catch {
            // Catalogs without that endpoint give them with the table alone.
            guard !error.isRetryable else { throw error }
        }
        do throws(ObjectStoreError) {
            if credentials.isEmpty {
                try accept(try await loadTable(table), of: table)
            } else {
                try accept(credentials, of: table)
            }
        } catch {
            throw CatalogError(.internalError, error.message)
        }
    }

    private func loadTable(_ table: TableIdentifier) async throws(ObjectStoreError) -> LoadedTable {
        do throws(CatalogError) {
            return try await catalog.loadTable(table)
        } catch {
            throw ObjectStoreError(.unavailable, error.description)
        }
    }

    private func store(for location: ObjectLocation) async throws(ObjectStoreError) -> any ObjectStore {
        try await store(for: "s3://\(location.bucket)/\(location.key)")
    }

    // MARK: - ObjectStore

    package func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await store(for: location).get(location, range: range)
    }

    package func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await store(for: location).head(location)
    }

    package func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        try await store(for: location).put(location, bytes, condition: condition, contentType: contentType)
    }

    package func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await store(for: "s3://\(bucket)/\(prefix)").list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    package func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        var byPrefix: [String: [ObjectKey]] = [:]
        for key in keys { byPrefix[grant(for: "s3://\(bucket)/\(key)")?.prefix ?? "", default: []].append(key) }
        for keys in byPrefix.values {
            guard let first = keys.first else { continue }
            try await store(for: ObjectLocation(bucket: bucket, key: first)).delete(bucket, keys)
        }
    }

    package func uri(of location: ObjectLocation) -> String {
        let uri = "s3://\(location.bucket)/\(location.key)"
        return grant(for: uri) == nil ? own.uri(of: location) : uri
    }

    package func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        try (grant(for: uri)?.grant.store ?? own).location(of: uri)
    }
}
