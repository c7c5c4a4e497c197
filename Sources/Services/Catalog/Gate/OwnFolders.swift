import IcebergCatalog
import IcebergSpec
import ObjectStore

extension CommitGate {
    /// Refuses properties that send files outside the location of their own table or view: only the location is claimed,
    /// so that maintenance of the one would take what lies there, and is another's, for its own.
    ///
    /// - Parameter base: where it lay before and with which properties; what is still so is left as it is.
    /// - Throws: `.badRequest`.
    func requireOwnFolders(
        _ properties: [String: String], in location: String,
        since base: (location: String, properties: [String: String])? = nil
    ) throws(CatalogError) {
        let hasMoved = base?.location != location
        for name in TableFolders.properties {
            guard let path = properties[name], hasMoved || base?.properties[name] != path else { continue }
            let home = try warehouse.resolve(location).place
            let place = try warehouse.resolve(path).place
            guard place == home || TableFolders.holds(home, place) else {
                throw CatalogError(
                    .badRequest, "\(name) = \(path) lies outside the location; allowed is what lies below \(location)")
            }
        }
    }

    func requireOwnFolders(of table: TableMetadata, since base: TableMetadata? = nil) throws(CatalogError) {
        try requireOwnFolders(
            table.properties, in: table.location, since: base.map { ($0.location, $0.properties) })
    }

    func requireOwnFolders(of view: ViewMetadata, since base: ViewMetadata? = nil) throws(CatalogError) {
        try requireOwnFolders(view.properties, in: view.location, since: base.map { ($0.location, $0.properties) })
    }
}
