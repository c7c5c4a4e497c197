import ObjectStore
import Synchronization

/// An object store that counts what is asked of it, by the classes that R2 and S3 bill.
///
/// Repeats below it are not seen; a listing or a batch of deletes counts once for each page.
package final class CountingStore: ObjectStore {
    package struct Counts: Hashable, Sendable {
        /// Writes and listings.
        package var classA: Int64 = 0
        /// Reads.
        package var classB: Int64 = 0
        /// Deletes, which cost nothing.
        package var free: Int64 = 0
        package var bytesRead: Int64 = 0
        package var bytesWritten: Int64 = 0
    }

    private let store: any ObjectStore
    private let counted = Mutex(Counts())

    package init(_ store: any ObjectStore) { self.store = store }

    package var counts: Counts { counted.withLock { $0 } }

    package func get(
        _ location: ObjectLocation, range: Range<Int64>?
    ) async throws(ObjectStoreError) -> StoredObject {
        counted.withLock { $0.classB += 1 }
        let object = try await store.get(location, range: range)
        counted.withLock { $0.bytesRead += Int64(object.bytes.count) }
        return object
    }

    package func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        counted.withLock { $0.classB += 1 }
        return try await store.head(location)
    }

    package func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        counted.withLock {
            $0.classA += 1
            $0.bytesWritten += Int64(bytes.count)
        }
        return try await store.put(location, bytes, condition: condition, contentType: contentType)
    }

    package func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        counted.withLock { $0.classA += 1 }
        return try await store.list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    package func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        counted.withLock { $0.free += 1 }
        try await store.delete(bucket, keys)
    }

    package func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    package func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }
}
