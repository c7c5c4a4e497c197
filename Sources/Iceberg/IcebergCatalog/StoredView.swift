import IcebergSpec
import JSONFormat
import ObjectStore

/// A view metadata file on the object store: its text, as read or written, and what it says.
public struct StoredView: Sendable {
    public let location: String
    public let metadata: ViewMetadata
    /// The JSON, uncompressed.
    public let json: [UInt8]

    /// Reads `location`, a URI of this store; compressed files too.
    ///
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is no view metadata or lies elsewhere.
    public static func read(_ location: String, from store: any ObjectStore) async throws(CatalogError) -> StoredView {
        let (metadata, json) = try await MetadataObject.read(location, from: store, kind: "view metadata") {
            text throws(IcebergError) in try ViewMetadata(json: TableMetadataFile.decodeJSON(text))
        }
        return StoredView(location: location, metadata: metadata, json: json)
    }

    /// Writes `metadata` to `location`, where nothing may be yet. Durable once this returns; it counts only when a
    /// register names it.
    ///
    /// - Returns: nil when there is another file of that name.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether it was written.
    public static func write(
        _ metadata: ViewMetadata, to location: String, in store: any ObjectStore
    ) async throws(CatalogError) -> StoredView? {
        let json = metadata.json.serialized()
        guard try await MetadataObject.write(json, to: location, in: store) else { return nil }
        return StoredView(location: location, metadata: metadata, json: json)
    }
}
