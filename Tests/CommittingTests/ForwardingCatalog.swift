import IcebergCatalog

/// A catalog that does only its commits otherwise than the one it stands before.
protocol ForwardingCatalog: TableCatalog {
    var inner: DirectCatalog { get }
}

extension ForwardingCatalog {
    func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        try await inner.listNamespaces(under: parent)
    }
    func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        try await inner.namespaceExists(name)
    }
    func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        try await inner.createNamespace(name, properties: properties)
    }
    func dropNamespace(_ name: NamespaceName) async throws(CatalogError) { try await inner.dropNamespace(name) }
    func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await inner.listTables(in: namespace)
    }
    func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await inner.tableExists(table)
    }
    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        try await inner.loadTable(table)
    }
    func createTable(_ table: TableIdentifier, _ creation: TableCreation) async throws(CatalogError) -> LoadedTable {
        try await inner.createTable(table, creation)
    }
    func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        try await inner.dropTable(table, purge: purge)
    }
    func renameTable(_ source: TableIdentifier, to destination: TableIdentifier) async throws(CatalogError) {
        try await inner.renameTable(source, to: destination)
    }
}
