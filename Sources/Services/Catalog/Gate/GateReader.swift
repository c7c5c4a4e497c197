import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization

/// Reads manifest lists and manifests as their writers left them: with what is wrong in their schemas, which is lost once
/// they are decoded. Remembers by path what it has looked at: the files never change.
final class GateReader: Sendable {
    /// In the summary of a snapshot whose manifest list this catalog wrote: the one its client wrote.
    static let ownListKeys = [Rebase.originalListKey, ManifestRepair.originalListKey]

    /// A manifest as its writer left it.
    struct ReadManifest: Sendable {
        let faults: [String]
        let entries: [ManifestEntry]
        let byteCount: Int
    }

    private struct ManifestKey: Hashable {
        let path: String
        let specID: Int
    }

    /// A manifest, and as what it was read: what entries inherit depends on it.
    private struct KnownManifest {
        let file: ManifestFile
        let read: ReadManifest
    }

    let loader: ManifestLoader
    private let lists = Mutex(BoundedCache<String, [String]>(costMax: CatalogLimits.gateListsMax))
    private let manifests = Mutex(
        BoundedCache<ManifestKey, KnownManifest>(costMax: CatalogLimits.gateCacheBytesMax))

    init(loader: ManifestLoader) { self.loader = loader }

    /// The manifests a snapshot lists, and what is wrong in the list's schema.
    ///
    /// - Parameter path: where the list is: the snapshot may say it relatively.
    func list(
        of snapshot: Snapshot, at path: String, formatVersion: Int
    ) async throws(CatalogError) -> (files: [ManifestFile], faults: [String]) {
        if Self.ownListKeys.contains(where: { snapshot.summary[$0] != nil }) {
            return (try await loaded(snapshot), [])
        }
        if let faults = lists.withLock({ $0.value(path) }), path == snapshot.manifestList {
            return (try await loaded(snapshot), faults)
        }
        let bytes = try await read(path, "the manifest list")
        do throws(IcebergError) {
            let faults = try ManifestSchemaCheck.faults(ofList: bytes, formatVersion: formatVersion, path: path)
            let files = try ManifestList.decode(bytes, path: path)
            loader.cache.insert(list: files, path: path)
            lists.withLock { $0.set(path, faults) }
            return (files, faults)
        } catch {
            throw CatalogError(.badRequest, "\(error)")
        }
    }

    /// The manifests of a snapshot that was committed before; nil where its list cannot be read: that is not this commit's
    /// doing.
    func committed(_ snapshot: Snapshot) async throws(CatalogError) -> [ManifestFile]? {
        do throws(TableError) {
            return try await loader.manifests(of: snapshot)
        } catch {
            guard error.code == .store else { return nil }
            throw CatalogError(.serviceUnavailable, "the commit was not made: \(error.message)")
        }
    }

    /// A manifest's entries, with what they inherit, and what is wrong in its schema.
    func manifest(_ file: ManifestFile, in metadata: TableMetadata) async throws(CatalogError) -> ReadManifest {
        let key = ManifestKey(path: file.path, specID: file.partitionSpecID)
        if let known = manifests.withLock({ $0.value(key) }), known.file.addedSnapshotID == file.addedSnapshotID,
            known.file.firstRowID == file.firstRowID
        {
            return known.read.inheriting(from: file, not: known.file)
        }
        guard let spec = metadata.partitionSpec(id: file.partitionSpecID) else {
            throw CatalogError(.badRequest, "\(file.path) is of the unknown partition spec \(file.partitionSpecID)")
        }
        let bytes = try await read(file.path, "the manifest")
        let read: ReadManifest
        do throws(IcebergError) {
            let faults = try ManifestSchemaCheck.faults(
                ofManifest: bytes, spec: spec, formatVersion: metadata.formatVersion, path: file.path)
            let manifest = try Manifest.decode(
                bytes, of: file, spec: spec, types: metadata.partitionTypes(of: spec))
            read = ReadManifest(faults: faults, entries: manifest.entries, byteCount: bytes.count)
        } catch {
            throw CatalogError(.badRequest, "\(error)")
        }
        let known = KnownManifest(file: file, read: read)
        manifests.withLock { $0.set(key, known, cost: 200 + read.entries.count * 1_000) }
        return read
    }

    /// Reads the list of a snapshot and the manifests that are its own. What cannot be read is found out at the check.
    func prefetch(_ snapshot: Snapshot, for metadata: TableMetadata, manifestsToo: Bool) async {
        guard let path = snapshot.manifestList, ManifestRepair.isAbsolute(path) else { return }
        do throws(CatalogError) {
            let (files, _) = try await list(of: snapshot, at: path, formatVersion: metadata.formatVersion)
            let own = files.filter { $0.addedSnapshotID == snapshot.snapshotID }
            guard manifestsToo, own.count <= CatalogLimits.gateManifestsMax, SnapshotFiles.mayRead(own) else { return }
            for file in own { _ = try await manifest(file, in: metadata) }
        } catch {
            return
        }
    }

    private func loaded(_ snapshot: Snapshot) async throws(CatalogError) -> [ManifestFile] {
        do throws(TableError) {
            return try await loader.manifests(of: snapshot)
        } catch {
            throw CatalogError(
                error.code == .store ? .serviceUnavailable : .badRequest, "the commit was not made: \(error.message)")
        }
    }

    private func read(_ uri: String, _ what: String) async throws(CatalogError) -> [UInt8] {
        do throws(ObjectStoreError) {
            let max = CatalogLimits.gateFileBytesMax
            let bytes = try await loader.store.get(try loader.store.location(of: uri), range: 0..<max + 1).bytes
            guard bytes.count <= max else {
                throw ObjectStoreError(.invalidName, "it has more than \(max) bytes")
            }
            return bytes
        } catch {
            switch error.code {
            case .notFound, .invalidName: throw CatalogError(.badRequest, "\(what) \(uri): \(error.message)")
            default:
                throw CatalogError(.serviceUnavailable, "the commit was not made: \(what) \(uri): \(error.message)")
            }
        }
    }
}

extension GateReader.ReadManifest {
    /// The same under another sequence number: an append that was put on top of another.
    fileprivate func inheriting(from file: ManifestFile, not old: ManifestFile) -> GateReader.ReadManifest {
        guard file.sequenceNumber != old.sequenceNumber else { return self }
        let entries = entries.map { entry in
            guard entry.status == .added else { return entry }
            var entry = entry
            if entry.dataSequenceNumber == old.sequenceNumber { entry.dataSequenceNumber = file.sequenceNumber }
            if entry.fileSequenceNumber == old.sequenceNumber { entry.fileSequenceNumber = file.sequenceNumber }
            return entry
        }
        return GateReader.ReadManifest(faults: faults, entries: entries, byteCount: byteCount)
    }
}
