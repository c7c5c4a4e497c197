import IcebergSpec

/// A catalog that stands before another and does only some things otherwise: everything else goes on to `inner`.
public protocol ForwardingCatalog: TableCatalog {
    var inner: any TableCatalog { get }
}

extension ForwardingCatalog {
    public func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        try await inner.listNamespaces(under: parent)
    }
    public func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        try await inner.namespaceExists(name)
    }
    public func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        try await inner.createNamespace(name, properties: properties)
    }
    public func dropNamespace(_ name: NamespaceName) async throws(CatalogError) { try await inner.dropNamespace(name) }
    public func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await inner.listTables(in: namespace)
    }
    public func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await inner.tableExists(table)
    }
    public func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        try await inner.loadTable(table)
    }
    public func createTable(_ table: TableIdentifier, _ creation: TableCreation) async throws(CatalogError)
        -> LoadedTable
    {
        try await inner.createTable(table, creation)
    }
    public func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        try await inner.dropTable(table, purge: purge)
    }
    public func renameTable(_ source: TableIdentifier, to destination: TableIdentifier) async throws(CatalogError) {
        try await inner.renameTable(source, to: destination)
    }
    public func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        await inner.commit(table, requirements: requirements, updates: updates)
    }
}
