import IcebergSpec
import JSONFormat
import ObjectStore

/// A metadata file on the object store, of whatever kind: how it is read and written, and what its errors say.
enum MetadataObject {
    /// Reads `location`, a URI of this store; compressed files too.
    ///
    /// - Parameter kind: what the file should be, for people: "table metadata".
    /// - Returns: what the file says, and its JSON, uncompressed.
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is of another kind or lies elsewhere.
    static func read<Document>(
        _ location: String, from store: any ObjectStore, kind: String,
        _ decode: (JSONValue) throws(IcebergError) -> Document
    ) async throws(CatalogError) -> (document: Document, json: [UInt8]) {
        do {
            let object = try await store.get(try store.location(of: location), range: nil)
            let json = try TableMetadataFile.decodeJSON(object.bytes)
            let text = TableMetadataFile.isCompressed(name: location) ? json.serialized() : object.bytes
            return (try decode(json), text)
        } catch let error as ObjectStoreError {
            switch error.code {
            case .notFound: throw CatalogError(.notFound, "there is no metadata file \(location)")
            case .invalidName: throw CatalogError(.badRequest, error.message)
            default: throw CatalogError(.serviceUnavailable, "reading \(location): \(error.message)")
            }
        } catch {
            throw CatalogError(.badRequest, "\(location) is no \(kind): \(error)")
        }
    }

    /// Writes `json` to `location`, where nothing may be yet. Durable once this returns true.
    ///
    /// - Returns: false when there is another file of that name.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether it was written.
    static func write(
        _ json: [UInt8], to location: String, in store: any ObjectStore
    ) async throws(CatalogError) -> Bool {
        do {
            return switch try await store.putIfAbsentProved(try store.location(of: location), json) {
            case .stored, .alreadySame: true
            case .differs: false
            }
        } catch {
            guard error.code != .invalidName else { throw CatalogError(.badRequest, error.message) }
            throw CatalogError(
                error.effect == .unknown ? .commitStateUnknown : .serviceUnavailable,
                "writing \(location): \(error.message)")
        }
    }
}
