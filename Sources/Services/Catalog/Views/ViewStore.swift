import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// View metadata files, kept in memory by location: they never change.
final class ViewStore: Sendable {
    private let store: any ObjectStore
    private let cache = Mutex(BoundedCache<String, StoredView>(costMax: CatalogLimits.cachedViewBytesMax))

    init(store: any ObjectStore) { self.store = store }

    func read(_ location: String) async throws(CatalogError) -> StoredView {
        if let known = cache.withLock({ $0.value(location) }) { return known }
        let file = try await StoredView.read(location, from: store)
        remember(file)
        return file
    }

    /// Writes the file that follows `previous`, under the view's location. It counts for nobody until a register names
    /// it: a crash in between leaves an orphan, never half a change.
    func write(_ metadata: ViewMetadata, after previous: String?) async throws(CatalogError) -> StoredView {
        let number = previous.map { MetadataStore.number(of: $0) + 1 } ?? 0
        let folder = metadata.properties["write.metadata.path"] ?? "\(metadata.location)/metadata"
        let location = "\(folder)/\(Timestamp.pad(number, 5))-\(UUID.random()).metadata.json"
        guard let file = try await StoredView.write(metadata, to: location, in: store) else {
            throw CatalogError(.internalError, "two metadata files were given the same random name \(location)")
        }
        remember(file)
        return file
    }

    /// Removes a file whose change certainly lost. Best effort.
    func discard(_ file: StoredView) async {
        cache.withLock { $0.remove(file.location) }
        do throws(ObjectStoreError) {
            let place = try store.location(of: file.location)
            try await store.delete(place.bucket, [place.key])
        } catch {
            return
        }
    }

    private func remember(_ file: StoredView) {
        // The parsed form takes about as much again.
        cache.withLock { $0.set(file.location, file, cost: file.json.count * 2) }
    }
}
