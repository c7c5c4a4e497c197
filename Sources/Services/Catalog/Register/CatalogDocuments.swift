import IcebergCatalog
import JSONFormat
import ObjectStore

/// Small JSON documents in the catalog bucket beside the registers, changed by compare-and-swap.
///
/// Every method throws `.serviceUnavailable` when the store fails, and `.internalError` for a document that is damaged.
struct CatalogDocuments: Sendable {
    let store: any ObjectStore
    let bucket: BucketName

    struct Document: Sendable {
        let key: ObjectKey
        let json: JSONValue
        let etag: String
    }

    /// nil when there is none.
    func read(_ key: String) async throws(CatalogError) -> Document? {
        try await read(try Self.key(key))
    }

    /// - Returns: false when the condition does not hold.
    func write(_ json: JSONValue, to key: String, _ condition: PutCondition) async throws(CatalogError) -> Bool {
        let place = ObjectLocation(bucket: bucket, key: try Self.key(key))
        do {
            let outcome = try await store.put(
                place, json.serialized(), condition: condition, contentType: "application/json")
            return outcome != .conditionFailed
        } catch {
            throw CatalogError(.serviceUnavailable, "writing \(place): \(error.message)")
        }
    }

    func delete(_ keys: [ObjectKey]) async throws(CatalogError) {
        do {
            try await store.delete(bucket, keys)
        } catch {
            throw CatalogError(.serviceUnavailable, "deleting documents of the catalog: \(error.message)")
        }
    }

    /// What lies below `prefix`, in the order of keys, at most `limit` of it.
    func list(_ prefix: String, limit: Int) async throws(CatalogError) -> [ObjectInfo] {
        var found: [ObjectInfo] = []
        var after: String?
        do {
            repeat {
                let page = try await store.list(
                    bucket, prefix: prefix, delimiter: nil, startAfter: after, limit: min(1000, limit - found.count))
                found += page.objects
                after = page.next
            } while after != nil && found.count < limit
        } catch {
            throw CatalogError(.serviceUnavailable, "listing \(prefix): \(error.message)")
        }
        return found
    }

    func read(_ key: ObjectKey) async throws(CatalogError) -> Document? {
        let place = ObjectLocation(bucket: bucket, key: key)
        do {
            let object = try await store.get(place, range: nil)
            return Document(key: key, json: try JSONValue.parse(object.bytes), etag: object.etag)
        } catch let error as ObjectStoreError {
            if error.code == .notFound { return nil }
            throw CatalogError(.serviceUnavailable, "reading \(place): \(error.message)")
        } catch {
            throw CatalogError(.internalError, "\(place) is damaged: \(error)")
        }
    }

    private static func key(_ text: String) throws(CatalogError) -> ObjectKey {
        do { return try ObjectKey(text) } catch { throw CatalogError(.badRequest, error.message) }
    }
}
