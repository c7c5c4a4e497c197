import Concurrency
import IcebergSpec
import ObjectStore

/// Reads manifest lists and manifests of one store, through a cache.
///
/// Every method throws `.malformed`, `.missing`, `.unsupported` (encryption) or `.store`, with the file. Cost: one
/// request and decoding for each file that is not in the cache.
public struct ManifestLoader: Sendable {
    public let store: any ObjectStore
    public let cache: ManifestCache
    let concurrency: Int

    /// - Parameters:
    ///   - cache: may serve many loaders and tables: its files never change.
    ///   - concurrency: files fetched at the same time.
    public init(
        store: any ObjectStore, cache: ManifestCache = ManifestCache(),
        concurrency: Int = TableLimits.concurrentFetchesMax
    ) {
        self.store = store
        self.cache = cache
        self.concurrency = concurrency
    }

    /// The manifests of a snapshot, in the order of its list.
    public func manifests(of snapshot: Snapshot) async throws(TableError) -> [ManifestFile] {
        guard let path = snapshot.manifestList else { return try await oldManifests(of: snapshot) }
        if let files = cache.list(path) { return files }
        let files: [ManifestFile]
        do {
            files = try ManifestList.decode(try await read(path, length: nil), path: path)
        } catch let error as IcebergError {
            throw TableError(error)
        } catch let error as TableError {
            throw error
        } catch {
            throw TableError(.malformed, "\(path): \(error)")
        }
        cache.insert(list: files, path: path)
        return files
    }

    /// Version 1 tables may name their manifests in the snapshot. Nothing is known of them then: which spec they are of
    /// is read from each.
    private func oldManifests(of snapshot: Snapshot) async throws(TableError) -> [ManifestFile] {
        guard let paths = snapshot.manifests else {
            throw TableError(
                .malformed, "the snapshot \(snapshot.snapshotID) has neither a manifest list nor manifests")
        }
        let key = "snapshot \(snapshot.snapshotID): \(paths.joined(separator: " "))"
        if let files = cache.list(key) { return files }
        let files = try await mapConcurrently(paths, limit: concurrency) { (path) async throws(TableError) in
            let bytes = try await read(path, length: nil)
            do throws(IcebergError) {
                return ManifestFile(
                    path: path, length: Int64(bytes.count), partitionSpecID: try Manifest.specID(bytes, path: path),
                    sequenceNumber: 0, minSequenceNumber: 0, addedSnapshotID: snapshot.snapshotID)
            } catch {
                throw TableError(error)
            }
        }
        cache.insert(list: files, path: key)
        return files
    }

    /// The entries of a manifest, deleted ones included, with every number filled in.
    public func entries(of file: ManifestFile, in metadata: TableMetadata) async throws(TableError) -> [ManifestEntry] {
        guard let spec = metadata.partitionSpec(id: file.partitionSpecID) else {
            throw TableError(
                .malformed, "\(file.path) is of partition spec \(file.partitionSpecID), which the table does not have")
        }
        let types = metadata.partitionTypes(of: spec)
        if let entries = cache.entries(of: file, types: types) { return entries }
        guard file.keyMetadata == nil else {
            throw TableError(.unsupported, "\(file.path) is encrypted, which is not supported")
        }
        let bytes = try await read(file.path, length: file.length > 0 ? file.length : nil)
        let entries: [ManifestEntry]
        do throws(IcebergError) {
            entries = try Manifest.decode(bytes, of: file, spec: spec, types: types).entries
        } catch {
            throw TableError(error)
        }
        cache.insert(entries, of: file, types: types)
        return entries
    }

    /// The entries of many manifests, fetched together, in the order of `files`.
    public func entries(
        of files: [ManifestFile], in metadata: TableMetadata
    ) async throws(TableError) -> [[ManifestEntry]] {
        try await mapConcurrently(files, limit: concurrency) { (file) async throws(TableError) in
            try await entries(of: file, in: metadata)
        }
    }

    private func read(_ uri: String, length: Int64?) async throws(TableError) -> [UInt8] {
        guard length ?? 0 <= TableLimits.manifestBytesMax else {
            throw TableError(.malformed, "\(uri) is said to be \(length ?? 0) bytes long, which is more than allowed")
        }
        do throws(ObjectStoreError) {
            return try await store.get(try store.location(of: uri), range: nil).bytes
        } catch {
            throw TableError(error, at: uri)
        }
    }
}
