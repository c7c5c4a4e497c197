import IcebergSpec
import JSONFormat
import ObjectStore

/// A table metadata file on the object store: its text, as read or written, and what it says.
public struct StoredMetadata: Sendable {
    public let location: String
    public let metadata: TableMetadata
    /// The JSON, uncompressed.
    public let json: [UInt8]

    /// Reads `location`, a URI of this store; compressed files too.
    ///
    /// - Parameter bytesMax: of the file and of its JSON; no more is read.
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is no table metadata, too large or lies
    ///   elsewhere.
    public static func read(
        _ location: String, from store: any ObjectStore, bytesMax: Int = Limits.metadataBytesMax
    ) async throws(CatalogError) -> StoredMetadata {
        let (metadata, json) = try await MetadataObject.read(
            location, from: store, kind: "table metadata", bytesMax: bytesMax
        ) {
            text throws(IcebergError) in try TableMetadata(text: text)
        }
        return StoredMetadata(location: location, metadata: metadata, json: json)
    }

    /// Writes `metadata` to `location`, where nothing may be yet. Durable once this returns; it counts only when a
    /// register or a version names it.
    ///
    /// - Returns: nil when there is another file of that name.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether it was written.
    public static func write(
        _ metadata: TableMetadata, to location: String, in store: any ObjectStore
    ) async throws(CatalogError) -> StoredMetadata? {
        let json = metadata.serialized()
        guard try await MetadataObject.write(json, to: location, in: store) else { return nil }
        return StoredMetadata(location: location, metadata: metadata, json: json)
    }
}

extension CatalogError {
    /// A change that the table specification does not allow, or that was made from an older state of the table.
    public init(_ error: IcebergError) {
        switch error.code {
        case .stale: self.init(.commitFailed, "\(error)")
        case .malformed, .unsupported, .invalid, .limitExceeded: self.init(.badRequest, "\(error)")
        }
    }
}
