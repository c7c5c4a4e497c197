import IcebergCatalog

/// What a name within a namespace can stand for. Tables and views share the names: each has one register.
package enum ObjectKind: String, Sendable {
    case table = "Table"
    case view = "View"

    /// What a client is told that looks for one.
    func missing(_ identifier: TableIdentifier) -> CatalogError {
        CatalogError(self == .table ? .noSuchTable : .noSuchView, "\(rawValue) does not exist: \(identifier)")
    }

    /// What a client is told that would make something of the other kind, or another of this one.
    func exists(_ identifier: TableIdentifier, wanted: ObjectKind) -> CatalogError {
        let message =
            self == wanted
            ? "\(rawValue) already exists: \(identifier)" : "\(rawValue) with same name already exists: \(identifier)"
        return CatalogError(.alreadyExists, message)
    }
}

extension RegisterState {
    /// nil for a name that is free.
    var kind: ObjectKind? {
        switch self {
        case .table: .table
        case .view: .view
        case .absent, .namespace, .schema, .function, .grants: nil
        }
    }
}
