import IcebergCatalog
import IcebergSpec
import ObjectStore

/// A catalog whose tables bring credentials for a store.
struct CredentialedCatalog: ForwardingCatalog {
    let inner: any TableCatalog
    private let store: VendedStore

    init(_ catalog: RESTCatalog, _ store: VendedStore) {
        inner = catalog
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
        try accepted(try await inner.loadTable(table), table)
    }

    func createTable(_ table: TableIdentifier, _ creation: TableCreation) async throws(CatalogError) -> LoadedTable {
        try accepted(try await inner.createTable(table, creation), table)
    }
}
