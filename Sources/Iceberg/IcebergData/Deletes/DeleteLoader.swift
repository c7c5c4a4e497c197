import Bitmaps
import IcebergSpec
import ObjectStore
import Synchronization

/// Reads delete files, and keeps what they say for the data files of a scan: one delete file may apply to many.
final class DeleteLoader: Sendable {
    private enum Content: Sendable {
        case positions(PositionDeletes)
        case equality(EqualityDeletes)

        var byteCount: Int {
            switch self {
            case .positions(let deletes): deletes.byteCount
            case .equality(let deletes): deletes.byteCount
            }
        }
    }

    private struct Cache {
        var contents: [String: Content] = [:]
        /// Oldest first.
        var order: [String] = []
        var bytes = 0
    }

    private let metadata: TableMetadata
    private let schema: Schema
    private let names: NameMapping?
    private let store: any ObjectStore
    private let cache = Mutex(Cache())

    init(metadata: TableMetadata, schema: Schema, names: NameMapping?, store: any ObjectStore) {
        self.metadata = metadata
        self.schema = schema
        self.names = names
        self.store = store
    }

    /// The deleted positions of a data file, by the given delete files and deletion vectors.
    func positions(of path: String, _ deletes: [DataFile]) async throws(DataError) -> Bitmap64 {
        let key = PositionDeletes.key(of: path, in: store)
        var result = Bitmap64()
        for delete in deletes where delete.content == .positionDeletes {
            if delete.format == .puffin {
                result.formUnion(try await PositionDeletes.deletionVector(delete, store: store))
                continue
            }
            if case .positions(let known) = cached(delete.path) {
                if let positions = known.positions[key] { result.formUnion(positions) }
                continue
            }
            let read = try await PositionDeletes(delete, store: store)
            keep(.positions(read), delete.path)
            if let positions = read.positions[key] { result.formUnion(positions) }
        }
        return result
    }

    func equalityDeletes(_ deletes: [DataFile]) async throws(DataError) -> [EqualityDeletes] {
        var result: [EqualityDeletes] = []
        for delete in deletes where delete.content == .equalityDeletes {
            if case .equality(let known) = cached(delete.path) {
                result.append(known)
                continue
            }
            let fields = try EqualityDeletes.fields(for: delete.equalityIDs, in: metadata, schema)
            let read = try await EqualityDeletes(delete, fields: fields, names: names, store: store)
            keep(.equality(read), delete.path)
            result.append(read)
        }
        return result
    }

    private func cached(_ path: String) -> Content? { cache.withLock { $0.contents[path] } }

    private func keep(_ content: Content, _ path: String) {
        cache.withLock { cache in
            guard content.byteCount <= DataLimits.deleteCacheBytes, cache.contents[path] == nil else { return }
            cache.contents[path] = content
            cache.order.append(path)
            cache.bytes += content.byteCount
            while cache.bytes > DataLimits.deleteCacheBytes, let oldest = cache.order.first {
                cache.order.removeFirst()
                cache.bytes -= cache.contents.removeValue(forKey: oldest)?.byteCount ?? 0
            }
        }
    }
}
