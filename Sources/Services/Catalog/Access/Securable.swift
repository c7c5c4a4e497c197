import IcebergCatalog

/// A thing of the catalog that something may or may not be done with.
///
/// What is allowed on the warehouse is allowed on every namespace, and what is allowed on a namespace is allowed on those below it, on
/// its tables, views and functions. Operations and schemas of events belong to the warehouse.
enum Securable: Hashable, Sendable, CustomStringConvertible {
    case warehouse
    case namespace(NamespaceName)
    case table(TableIdentifier)
    case view(TableIdentifier)

    var description: String {
        switch self {
        case .warehouse: "the warehouse"
        case .namespace(let name): "the namespace \(name)"
        case .table(let table): "the table \(table)"
        case .view(let view): "the view \(view)"
        }
    }

    /// What is said to somebody who may not know of it: the same as if it did not exist.
    var absence: CatalogError {
        switch self {
        case .warehouse: CatalogError(.forbidden, "nothing of this warehouse may be seen with these credentials")
        case .namespace(let name): CatalogService.noSuchNamespace(name)
        case .table(let table): ObjectKind.table.missing(table)
        case .view(let view): ObjectKind.view.missing(view)
        }
    }
}
