import Configuration
import HTTP
import IcebergCatalog
import ObjectStore
import ServiceHost

/// Where a worker finds the event table and commits to it: the variables that every worker but the catalog reads alike.
package struct TableCatalogConfiguration: ConfigurationSection, Sendable {
    /// Which catalog is asked.
    package enum Choice: Hashable, Sendable {
        /// Any Iceberg REST catalog.
        case endpoint(EndpointURL)
        /// The catalog worker over its binding; where there is none, `direct`.
        case binding
        /// None: commits go straight to the bucket.
        case direct
    }

    package let choice: Choice
    /// A bearer token, or `id:secret` for tokens of an OAuth 2 server.
    package let token: Secret?
    /// nil: below the catalog's own URL.
    package let tokenURL: EndpointURL?
    package let tokenScope: String
    package let warehouse: String?
    /// nil only where the configuration is refused.
    package let table: TableIdentifier?
    /// Below the source bucket; nil only where the configuration is refused.
    package let tableLocation: ObjectKey?

    package init(from reader: inout ConfigurationReader) {
        table = Self.table(from: &reader)
        tableLocation = Self.location(from: &reader)
        choice = Self.choice(from: &reader)
        token = reader.secret(
            "R2_CATALOG_AUTH_TOKEN",
            "bearer token for the catalog at R2_CATALOG_ENDPOINT; <client id>:<secret> for OAuth 2 client credentials")
        tokenURL = reader.url(
            "R2_CATALOG_OAUTH_URI",
            "where tokens are got with client credentials; unset: /v1/oauth/tokens of the catalog")
        tokenScope = reader.string("R2_CATALOG_OAUTH_SCOPE", default: "catalog", "scope of these tokens")
        warehouse = reader.optionalString("R2_CATALOG_WAREHOUSE", "warehouse to ask the catalog for")
    }

    private static func table(from reader: inout ConfigurationReader) -> TableIdentifier? {
        let namespace = reader.string("ICEBERG_NAMESPACE", default: "analytics", "namespace of the event table")
        let name = reader.string("ICEBERG_TABLE", default: "events", "name of the event table")
        do throws(CatalogError) {
            return try TableIdentifier(NamespaceName(dotted: namespace), name)
        } catch {
            reader.refuse("ICEBERG_TABLE", error.message)
            return nil
        }
    }

    private static func location(from reader: inout ConfigurationReader) -> ObjectKey? {
        let location = reader.string(
            "ICEBERG_TABLE_LOCATION", default: "analytics/events", "where the event table lies below SOURCE_BUCKET")
        do throws(ObjectStoreError) {
            return try ObjectKey(location)
        } catch {
            reader.refuse("ICEBERG_TABLE_LOCATION", error.message)
            return nil
        }
    }

    private static func choice(from reader: inout ConfigurationReader) -> Choice {
        let endpoint = reader.optionalString(
            "R2_CATALOG_ENDPOINT",
            "http(s) URL of an Iceberg REST catalog; unset: the ANALYTICS_CATALOG binding, if any; else, and with any other "
                + "value (direct), commits go straight to the bucket")
        guard let endpoint else { return .binding }
        guard endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") else { return .direct }
        return reader.url("R2_CATALOG_ENDPOINT", "the same, as a URL").map { .endpoint($0) } ?? .direct
    }

    /// The catalog that was chosen. Asks nothing of it yet.
    ///
    /// - Parameter others: where tables besides the event table lie without a catalog service.
    package func open(
        store: any ObjectStore, sourceBucket: BucketName, worker: Worker, others: [TableIdentifier: ObjectKey] = [:]
    ) throws(HTTPClientError) -> any TableCatalog {
        if case .endpoint(let url) = choice {
            let plain = try transport(to: url, worker)
            let traced = CatalogTransport { (request) async throws(HTTPClientError) in
                var request = request
                CallTrace.carry(into: &request)
                return try await plain.send(request)
            }
            return RESTCatalog(transport: traced, warehouse: warehouse)
        }
        if choice == .binding, let binding = try worker.binding(BindingName.catalog) {
            let transport = CatalogTransport { (request) async throws(HTTPClientError) in
                try await binding.send(request)
            }
            return RESTCatalog(transport: transport, warehouse: warehouse)
        }
        var locations = others
        if let table { locations[table] = tableLocation }
        return DirectCatalog(store: store, bucket: sourceBucket, locations: locations)
    }

    /// The catalog that was chosen, and the store its tables are written to: `store`, but for tables for which a catalog
    /// at `R2_CATALOG_ENDPOINT` gives credentials of its own.
    package func openForWriting(
        store: any ObjectStore, sourceBucket: BucketName, retries: RetryPolicy, worker: Worker,
        others: [TableIdentifier: ObjectKey] = [:]
    ) throws(HTTPClientError) -> (catalog: any TableCatalog, store: any ObjectStore) {
        guard case .endpoint(let url) = choice else {
            return (try open(store: store, sourceBucket: sourceBucket, worker: worker, others: others), store)
        }
        let catalog = RESTCatalog(
            transport: try transport(to: url, worker), warehouse: warehouse, asksForCredentials: true)
        let vended = VendedStore(
            store, catalog: catalog, http: try worker.httpClient(), retries: retries, requests: worker.storeRequests)
        return (CredentialedCatalog(catalog, vended), vended)
    }

    private func transport(to url: EndpointURL, _ worker: Worker) throws(HTTPClientError) -> CatalogTransport {
        let client = try worker.httpClient()
        guard let credential = token?.revealed, let colon = credential.firstIndex(of: ":") else {
            return CatalogTransport(client: client, baseURL: url.description, token: token?.revealed)
        }
        let tokens = OAuthTokenSource(
            client: client,
            tokenURL: tokenURL?.description ?? CatalogTransport.root(of: url.description) + "/v1/oauth/tokens",
            clientID: String(credential[..<colon]), clientSecret: String(credential[credential.index(after: colon)...]),
            scope: tokenScope)
        return CatalogTransport(client: client, baseURL: url.description, tokens: tokens)
    }
}
