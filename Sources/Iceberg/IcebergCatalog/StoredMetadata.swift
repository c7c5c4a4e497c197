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
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is no table metadata or lies elsewhere.
    public static func read(
        _ location: String, from store: any ObjectStore
    ) async throws(CatalogError) -> StoredMetadata {
        do {
            let object = try await store.get(try store.location(of: location), range: nil)
            let json = try TableMetadataFile.decodeJSON(object.bytes)
            let text = TableMetadataFile.isCompressed(name: location) ? json.serialized() : object.bytes
            return StoredMetadata(location: location, metadata: try TableMetadata(json: json), json: text)
        } catch let error as ObjectStoreError {
            switch error.code {
            case .notFound: throw CatalogError(.notFound, "there is no metadata file \(location)")
            case .invalidName: throw CatalogError(.badRequest, error.message)
            default: throw CatalogError(.serviceUnavailable, "reading \(location): \(error.message)")
            }
        } catch {
            throw CatalogError(.badRequest, "\(location) is no table metadata: \(error)")
        }
    }

    /// Writes `metadata` to `location`, where nothing may be yet. Durable once this returns; it counts only when a
    /// register or a version names it.
    ///
    /// - Returns: nil when there is another file of that name.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether it was written.
    public static func write(
        _ metadata: TableMetadata, to location: String, in store: any ObjectStore
    ) async throws(CatalogError) -> StoredMetadata? {
        let json = metadata.json.serialized()
        do {
            switch try await store.putIfAbsentProved(try store.location(of: location), json) {
            case .stored, .alreadySame: return StoredMetadata(location: location, metadata: metadata, json: json)
            case .differs: return nil
            }
        } catch {
            guard error.code != .invalidName else { throw CatalogError(.badRequest, error.message) }
            throw CatalogError(
                error.effect == .unknown ? .commitStateUnknown : .serviceUnavailable,
                "writing \(location): \(error.message)")
        }
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
