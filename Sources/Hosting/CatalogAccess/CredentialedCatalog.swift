import IcebergCatalog
import IcebergSpec
import ObjectStore

/// A catalog whose tables bring credentials for a store.
struct CredentialedCatalog: TableCatalog {
    private let catalog: RESTCatalog
    private let store: VendedStore

    init(_ catalog: RESTCatalog, _ store: VendedStore) {
        self.catalog = catalog
        self.store = store
    }

    private func accepted(_ loaded: LoadedTable, _ table: TableIdentifier) throws(CatalogError) -> LoadedTable {
        do throws(ObjectStoreError) {
            try store.accept(loaded, of: table)
        } catch {
            throw CatalogError(
                .internalError, "the catalog's credentials for \(table) cannot be used: \(error.message)")
        }
        return loaded
    }

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        try accepted(try await catalog.loadTable(table), table)
    }

    func createTable(_ table: TableIdentifier, _ creation: TableCreation) async throws(CatalogError) -> LoadedTable {
        try accepted(try await catalog.createTable(table, creation), table)
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        await catalog.commit(table, requirements: requirements, updates: updates)
    }

    func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        try await catalog.listNamespaces(under: parent)
    }
    func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        try await catalog.namespaceExists(name)
    }
    func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        try await catalog.createNamespace(name, properties: properties)
    }
    func dropNamespace(_ name: NamespaceName) async throws(CatalogError) { try await catalog.dropNamespace(name) }
    func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await catalog.listTables(in: namespace)
    }
    func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await catalog.tableExists(table)
    }
    func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        try await catalog.dropTable(table, purge: purge)
    }
    func renameTable(_ source: TableIdentifier, to destination: TableIdentifier) async throws(CatalogError) {
        try await catalog.renameTable(source, to: destination)
    }
}
