import IcebergSpec
import JSONFormat
import ObjectStore

/// A metadata file on the object store, of whatever kind: how it is read and written, and what its errors say.
enum MetadataObject {
    /// Reads `location`, a URI of this store; compressed files too.
    ///
    /// - Parameters:
    ///   - kind: what the file should be, for people: "table metadata".
    ///   - bytesMax: of the file and of its JSON; no more is read.
    /// - Returns: what the file says, and its JSON, uncompressed.
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is of another kind, too large or lies
    ///   elsewhere.
    static func read<Document>(
        _ location: String, from store: any ObjectStore, kind: String, bytesMax: Int = Limits.metadataBytesMax,
        _ decode: ([UInt8]) throws(IcebergError) -> Document
    ) async throws(CatalogError) -> (document: Document, json: [UInt8]) {
        do {
            let object = try await store.get(try store.location(of: location), range: 0..<Int64(bytesMax) + 1)
            let text = try TableMetadataFile.text(object.bytes, bytesMax: bytesMax)
            return (try decode(text), text)
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
    /// - Throws: `.badRequest` for what would be too large to be read again; `.commitStateUnknown` when the store does not tell whether it was written.
    static func write(
        _ json: [UInt8], to location: String, in store: any ObjectStore, bytesMax: Int = Limits.metadataBytesMax
    ) async throws(CatalogError) -> Bool {
        guard json.count <= bytesMax else {
            throw CatalogError(
                .badRequest, "metadata of \(json.count) bytes is above the \(bytesMax) that a file may have")
        }
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
