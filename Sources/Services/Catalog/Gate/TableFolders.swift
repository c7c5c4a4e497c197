import IcebergCatalog
import IcebergSpec
import ObjectStore

/// Where the files of a table may lie: below its location and below the folders that its properties name, which lie there
/// too (`CommitGate.requireOwnFolders`) unless they were there before that rule.
struct TableFolders: Sendable {
    static let metadataProperty = "write.metadata.path"
    /// Properties by which engines choose where to write.
    static let properties = [
        "write.data.path", metadataProperty, "write.object-storage.path", "write.folder-storage.path",
    ]

    private let warehouse: Warehouse
    private let metadata: [ObjectLocation]

    /// - Parameter states: before and after the commit: its files may have been written for either.
    init(of states: [TableMetadata], in warehouse: Warehouse) {
        self.warehouse = warehouse
        let folders = states.flatMap { [$0.location] + [$0.properties[Self.metadataProperty]].compactMap(\.self) }
        metadata = folders.compactMap { folder in
            do throws(CatalogError) { return try warehouse.resolve(folder).place } catch { return nil }
        }
    }

    /// Refuses a metadata file (manifest list, manifest, statistics) that is not the table's own: maintenance of the table
    /// would not find it, or that of another table would remove it.
    func checkMetadata(_ path: String, _ what: @autoclosure () -> String) throws(CatalogError) {
        let place = try warehouse.resolve(path).place
        guard metadata.contains(where: { Self.holds($0, place) }) else {
            let allowed = Set(metadata.map { warehouse.store.uri(of: $0) }).sorted().joined(separator: ", ")
            throw CatalogError(
                .badRequest, "\(what()) \(path) lies outside the table; allowed is what lies below \(allowed)")
        }
    }

    /// Where the catalog writes metadata of the table.
    func metadataFolder(of table: TableMetadata) -> String {
        table.properties[Self.metadataProperty] ?? "\(table.location)/metadata"
    }

    /// Whether `place` lies in `folder`.
    static func holds(_ folder: ObjectLocation, _ place: ObjectLocation) -> Bool {
        folder.bucket == place.bucket && place.key.rawValue.hasPrefix(folder.key.rawValue + "/")
    }
}
