import Checksums
import Clocks
import Synchronization

/// An object store in memory, with the semantics of S3: for tests and simulation. Every bucket exists.
public final class MemoryObjectStore: ObjectStore {
    private struct Entry {
        let bytes: [UInt8]
        let etag: String
        let lastModified: Timestamp
    }

    private struct State {
        var buckets: [BucketName: [ObjectKey: Entry]] = [:]
        var writes = 0
    }

    private let state = Mutex(State())
    private let clock: any WallClock

    public init(clock: any WallClock = SystemClock()) { self.clock = clock }

    public func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        guard let entry = state.withLock({ $0.buckets[location.bucket]?[location.key] }) else {
            throw .notFound(location)
        }
        guard let range else { return StoredObject(bytes: entry.bytes, etag: entry.etag) }
        let wanted = range.clamped(to: 0..<Int64(entry.bytes.count))
        return StoredObject(
            bytes: Array(entry.bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)]), etag: entry.etag)
    }

    public func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        state.withLock { $0.buckets[location.bucket]?[location.key] }.map { Self.info(location.key, $0) }
    }

    public func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let now = clock.now()
        return state.withLock { state in
            let current = state.buckets[location.bucket]?[location.key]
            switch condition {
            case .always: break
            case .ifAbsent: if current != nil { return .conditionFailed }
            case .ifMatch(let etag): if current?.etag != etag { return .conditionFailed }
            }
            state.writes += 1
            let etag = "\(state.writes)"
            state.buckets[location.bucket, default: [:]][location.key] = Entry(
                bytes: bytes, etag: etag, lastModified: now)
            return .stored(etag: etag)
        }
    }

    public func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        let objects = state.withLock { $0.buckets[bucket] ?? [:] }
        var fold = ListingFold(prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
        for (key, entry) in objects.sorted(by: { $0.key < $1.key }) {
            fold.offer(key) { Self.info(key, entry) }
            if fold.isFull { break }
        }
        return fold.page
    }

    public func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        state.withLock { state in
            for key in keys { state.buckets[bucket]?[key] = nil }
        }
    }

    public func uri(of location: ObjectLocation) -> String { S3URI.text(of: location) }
    public func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try S3URI.location(of: uri) }

    private static func info(_ key: ObjectKey, _ entry: Entry) -> ObjectInfo {
        ObjectInfo(key: key, size: Int64(entry.bytes.count), etag: entry.etag, lastModified: entry.lastModified)
    }
}
