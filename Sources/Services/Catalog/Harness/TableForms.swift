import Bytes
import IcebergCatalog
import IcebergSpec
import JSONFormat
import Synchronization

/// The `LoadTableResult`s of metadata files without what gives access, kept where making them takes longer than keeping them
/// costs: metadata files never change.
final class TableForms: Sendable {
    private struct Name: Hashable {
        let location: String
        let snapshots: TableDocument.Snapshots
    }

    private let openings = Mutex(BoundedCache<Name, [UInt8]>(costMax: CatalogLimits.cachedFormsBytesMax))

    /// Whether the document is put together by copying a little.
    func isReady(_ file: StoredMetadata, _ snapshots: TableDocument.Snapshots) -> Bool {
        if snapshots == .all { return file.json.count <= CatalogLimits.keptFormBytesMax }
        let known = openings.withLock { $0.value(Name(location: file.location, snapshots: snapshots)) }
        return known.map { $0.count <= CatalogLimits.keptFormBytesMax } ?? false
    }

    /// `{"metadata-location":…,"metadata":…,"properties":…,"config":…}`
    func document(
        _ file: StoredMetadata, _ snapshots: TableDocument.Snapshots, _ access: TableAccess
    ) -> [UInt8] {
        let name = Name(location: file.location, snapshots: snapshots)
        if let known = openings.withLock({ $0.value(name) }) { return Self.closed(known, access) }
        // All snapshots go into the answer as they lie on the store, without being written anew.
        let metadata = snapshots == .all ? file.json : file.metadata.withReferencedSnapshotsOnly.serialized()
        let opening = Self.opening(
            location: file.location, metadata: metadata, properties: file.metadata.properties, room: 1_024)
        if snapshots == .refs || opening.count <= CatalogLimits.keptFormBytesMax {
            openings.withLock { $0.set(name, opening, cost: opening.count) }
        }
        return Self.closed(consume opening, access)
    }

    /// - Parameter location: nil for a table that is staged.
    static func document(location: String?, metadata: TableMetadata, _ access: TableAccess) -> [UInt8] {
        closed(
            opening(
                location: location, metadata: metadata.serialized(), properties: metadata.properties, room: 1_024),
            access)
    }

    private static func opening(
        location: String?, metadata: [UInt8], properties: [String: String], room: Int
    ) -> [UInt8] {
        let place = (location.map { JSONValue.string($0) } ?? .null).serialized()
        let properties = JSONValue(properties).serialized()
        var text: [UInt8] = []
        text.reserveCapacity(metadata.count + place.count + properties.count + 60 + room)
        text.append(utf8: "{\"metadata-location\":")
        text += place
        text.append(utf8: ",\"metadata\":")
        text += metadata
        text.append(utf8: ",\"properties\":")
        text += properties
        return text
    }

    private static func closed(_ opening: consuming [UInt8], _ access: TableAccess) -> [UInt8] {
        opening.append(utf8: ",")
        opening += JSONValue.object(access.members).serialized().dropFirst()
        return opening
    }
}
