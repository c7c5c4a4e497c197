import Clocks
import Compression
import Failpoints
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// Table metadata files, kept in memory by location: they never change, but may be deleted once nothing names them.
final class MetadataStore: Sendable {
    private let store: any ObjectStore
    private let reads = SharedReads<String, StoredMetadata>()
    private let cache = Mutex(BoundedCache<String, StoredMetadata>(costMax: CatalogLimits.cachedMetadataBytesMax))

    init(store: any ObjectStore) { self.store = store }

    /// A file that has been read or written before; nil when it would have to be read.
    func known(_ location: String) -> StoredMetadata? { cache.withLock { $0.value(location) } }

    func read(_ location: String) async throws(CatalogError) -> StoredMetadata {
        if let known = known(location) { return known }
        return try await reads.value(location) { () async throws(CatalogError) in try await readPresent(location) }
    }

    /// As `read`, but of a file that may have been deleted meanwhile: the store is asked.
    func readPresent(_ location: String) async throws(CatalogError) -> StoredMetadata {
        let file = try await StoredMetadata.read(location, from: store)
        remember(file)
        return file
    }

    /// Writes the file that follows `previous`, under the table's location. It counts for nobody until a register
    /// names it: a crash in between leaves an orphan, never half a commit.
    func write(_ metadata: TableMetadata, after previous: String?) async throws(CatalogError) -> StoredMetadata {
        let number = previous.map { Self.number(of: $0) + 1 } ?? 0
        let folder = metadata.properties["write.metadata.path"] ?? "\(metadata.location)/metadata"
        let written = metadata.written()
        let ending = Self.isCompressed(written) ? "gz.metadata.json" : "metadata.json"
        let location = "\(folder)/\(Timestamp.pad(number, 5))-\(UUID.random()).\(ending)"
        let base = previous.flatMap { known($0) }
        Failpoint.catalogBeforeMetadataPut.pass()
        guard let file = try await StoredMetadata.write(written, to: location, in: store, after: base) else {
            throw CatalogError(.internalError, "two metadata files were given the same random name \(location)")
        }
        Failpoint.catalogAfterMetadataPut.pass()
        remember(file)
        return file
    }

    /// As the table asks for (`write.metadata.compression-codec`); where it does not say, a large file is compressed.
    private static func isCompressed(_ written: WrittenMetadata) -> Bool {
        switch written.metadata.properties["write.metadata.compression-codec"]?.lowercased() {
        case "gzip": true
        case nil: written.text.count >= CatalogLimits.compressedMetadataBytesMin
        default: false
        }
    }

    /// Makes the folder of a staged table's metadata where folders are real: engines that write by path (DuckDB) expect
    /// it. An S3 has none. The file says what was staged, and counts for nobody.
    func prepareFolder(of metadata: TableMetadata) async throws(CatalogError) {
        guard metadata.location.hasPrefix("file:") else { return }
        let location = "\(metadata.location)/metadata/\(UUID.random()).staged.json"
        _ = try await StoredMetadata.write(metadata, to: location, in: store)
    }

    /// Removes a file whose commit certainly lost. Left behind when the store is away: the orphan collector finds it.
    func discard(_ file: StoredMetadata) async {
        do throws(ObjectStoreError) {
            await remove([try store.location(of: file.location): file.location])
        } catch {
            return
        }
    }

    /// Deletes files that nothing names any more, given as place and location. Best effort.
    func remove(_ files: [ObjectLocation: String]) async {
        cache.withLock { cache in
            for location in files.values { cache.remove(location) }
        }
        Failpoint.catalogBeforeRemoval.pass()
        for (bucket, places) in Dictionary(grouping: files.keys, by: \.bucket) {
            do throws(ObjectStoreError) { try await store.delete(bucket, places.map(\.key)) } catch { continue }
        }
        Failpoint.catalogAfterRemoval.pass()
    }

    private func remember(_ file: StoredMetadata) {
        // Snapshots that are parts of the text take little besides it; the rest has been taken apart.
        let parsed = file.json.count - file.metadata.keptTextBytes
        let cost = file.json.count + (file.packed?.bytes.count ?? 0) + parsed * CatalogLimits.parsedMetadataFactor
        cache.withLock { $0.set(file.location, file, cost: cost) }
    }

    /// The number that begins a metadata file's name (`00012-….metadata.json`, `v12.metadata.json`); 0 when there is
    /// none.
    static func number(of location: String) -> Int {
        let name = location.split(separator: "/").last ?? ""
        let digits = name.drop { $0 == "v" }.prefix { $0.isASCII && $0.isNumber }.prefix(9)
        return Int(digits) ?? 0
    }
}
