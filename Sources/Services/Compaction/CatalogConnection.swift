import Configuration
import HTTP
import IcebergCatalog
import ObjectStore
import ServiceHost

extension CompactionConfiguration {
    /// The catalog that tables are found in and commits go to: the URL of `R2_CATALOG_ENDPOINT`, else the catalog worker over its
    /// binding, else the bucket itself.
    package func openCatalog(store: any ObjectStore, worker: Worker) throws -> any TableCatalog {
        if let endpoint = catalogEndpoint, endpoint.hasPrefix("http://") || endpoint.hasPrefix("https://") {
            let transport = CatalogTransport(
                client: try worker.httpClient(), baseURL: endpoint, token: catalogToken?.revealed)
            return RESTCatalog(transport: transport, warehouse: warehouse)
        }
        if catalogEndpoint == nil, let binding = try worker.binding(BindingName.catalog) {
            let transport = CatalogTransport { (request) async throws(HTTPClientError) in
                try await binding.send(request)
            }
            return RESTCatalog(transport: transport, warehouse: warehouse)
        }
        let table = try TableIdentifier(NamespaceName(dotted: namespace), tableName)
        return DirectCatalog(
            store: store, bucket: objectStore.sourceBucket, locations: [table: try ObjectKey(tableLocation)])
    }
}
