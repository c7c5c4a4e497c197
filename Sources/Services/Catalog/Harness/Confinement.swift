import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

/// Who may not write everywhere, but in some namespace, must not reach beyond it by naming a place: tables it makes or moves lie
/// in the folder of their namespace.
extension CatalogHarness {
    /// - Throws: `.forbidden` for a location elsewhere.
    func confine(_ location: String?, of identifier: TableIdentifier, _ call: CatalogCall) async throws(CatalogError) {
        guard let location, try await !call.rights.allows(Need(.write, on: .warehouse)) else { return }
        let place = try service.warehouse.resolve(location).place
        let folder = try service.warehouse.folder(of: identifier.namespace)
        guard place.bucket == folder.bucket, place.key.rawValue.hasPrefix(folder.key.rawValue + "/") else {
            throw CatalogError(
                .forbidden,
                "\(call.rights.principal.name) may only have \(identifier) lie in the folder of its namespace, \(folder)"
            )
        }
    }

    func confine(_ change: CatalogService.TableChange, _ call: CatalogCall) async throws(CatalogError) {
        for case .setLocation(let location) in change.updates {
            try await confine(location, of: change.identifier, call)
        }
    }

    func confine(_ change: CatalogService.ViewChange, _ call: CatalogCall) async throws(CatalogError) {
        for case .setLocation(let location) in change.updates {
            try await confine(location, of: change.identifier, call)
        }
    }
}

extension Warehouse {
    /// Where tables of a namespace lie that nobody gave a location.
    func folder(of namespace: NamespaceName) throws(CatalogError) -> ObjectLocation {
        try resolve("\(root)/\(try RegisterChain.segment(of: namespace))").place
    }
}
