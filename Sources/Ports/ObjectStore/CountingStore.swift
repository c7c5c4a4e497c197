/// An object store that counts what is asked of it. Each try counts, a listing or a batch of deletes once for each page.
public struct CountingStore: ObjectStore {
    private let store: any ObjectStore
    private let requests: StoreRequests

    public init(_ store: any ObjectStore, _ requests: StoreRequests) {
        self.store = store
        self.requests = requests
    }

    public func get(
        _ location: ObjectLocation, range: Range<Int64>?
    ) async throws(ObjectStoreError) -> StoredObject {
        requests.count { $0.classB += 1 }
        let object = try await store.get(location, range: range)
        requests.count { $0.bytesRead += Int64(object.bytes.count) }
        return object
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        requests.count { $0.classB += 1 }
        return try await store.head(location)
    }

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        requests.count {
            $0.classA += 1
            $0.bytesWritten += Int64(bytes.count)
        }
        return try await store.put(location, bytes, condition: condition, contentType: contentType)
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        requests.count { $0.classA += 1 }
        return try await store.list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        requests.count { $0.free += 1 }
        try await store.delete(bucket, keys)
    }

    public func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }
}
