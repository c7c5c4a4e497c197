import Concurrency
import IcebergSpec
import IcebergTable
import ObjectStore

/// What the files in a table's folders say about it, besides the manifests of its current snapshot.
struct RebuildEvidence: Sendable {
    /// Objects in the table's folders that may be data files.
    private(set) var objects: [ObjectLocation: ObjectInfo] = [:]
    /// Files as a manifest of an ancestor had them, by path: the last word is `isLive`.
    private(set) var known: [String: ManifestEntry] = [:]
    /// Files of snapshots that are no ancestors: rolled back, or of other branches.
    private(set) var foreign: Set<String> = []

    private let metadata: TableMetadata
    private let store: any ObjectStore
    private var manifestObjects: [String: ObjectInfo] = [:]

    init(metadata: TableMetadata, store: any ObjectStore) {
        self.metadata = metadata
        self.store = store
    }

    /// Lists what lies below the table's location: what lies elsewhere may be another table's, whatever properties say.
    /// Cost: one request for each 1,000 objects.
    mutating func list() async throws(DataError) {
        do throws(ObjectStoreError) {
            let probe = try store.location(of: "\(metadata.location)/x")
            var after: String?
            repeat {
                let page = try await store.list(
                    probe.bucket, prefix: String(probe.key.rawValue.dropLast()), delimiter: nil, startAfter: after,
                    limit: 1000)
                for info in page.objects { add(info, in: probe.bucket) }
                after = page.next
            } while after != nil && objects.count <= RebuildLimits.filesMax
        } catch {
            throw DataError(error).within(metadata.location)
        }
        guard objects.count <= RebuildLimits.filesMax else {
            throw DataError(.tooLarge, at: metadata.location, "more than \(RebuildLimits.filesMax) files")
        }
    }

    private mutating func add(_ info: ObjectInfo, in bucket: BucketName) {
        let location = ObjectLocation(bucket: bucket, key: info.key)
        let name = info.key.rawValue.split(separator: "/").last ?? ""
        if name.hasSuffix(".avro"), !name.hasPrefix("snap-") { manifestObjects[store.uri(of: location)] = info }
        // Hidden files belong to writers under way.
        if name.hasSuffix(".parquet"), !name.hasPrefix("."), !name.hasPrefix("_") { objects[location] = info }
    }

    /// Reads the manifests of every snapshot but `current`, as far as they can be read.
    mutating func readHistory(before current: Snapshot, loader: ManifestLoader) async throws(DataError) {
        let lineage = metadata.ancestors(of: current.snapshotID).map(\.snapshotID)
        var read: Set<String> = []
        for snapshot in metadata.snapshots where snapshot.snapshotID != current.snapshotID {
            guard
                let listed = try await readable({ () async throws(TableError) in
                    try await loader.manifests(of: snapshot)
                })
            else { continue }
            for manifest in listed where read.insert(manifest.path).inserted {
                let metadata = metadata
                guard
                    let entries = try await readable({ () async throws(TableError) in
                        try await loader.entries(of: manifest, in: metadata)
                    })
                else { continue }
                for entry in entries {
                    note(
                        entry,
                        isAncestor: lineage.contains(manifest.addedSnapshotID) || lineage.contains(snapshot.snapshotID))
                }
            }
        }
    }

    /// What was removed stays removed, whatever older manifests are read later.
    mutating func note(_ entry: ManifestEntry, isAncestor: Bool) {
        let path = entry.file.path
        guard isAncestor else {
            foreign.insert(path)
            return
        }
        if let other = known[path], !other.isLive || entry.isLive { return }
        known[path] = entry
    }

    /// The live files of `current`, whose list is lost: those of the nearest ancestor that can be read, and since then what the
    /// manifests did that each commit wrote. They carry the id of the commit that the name of its list carries.
    func replayed(_ current: Snapshot, loader: ManifestLoader) async throws(DataError) -> [ManifestEntry] {
        var state: [String: ManifestEntry] = [:]
        var lost: [Snapshot] = [current]
        for ancestor in metadata.ancestors(of: current.snapshotID).dropFirst() {
            guard
                let listed = try await readable({ () async throws(TableError) in
                    try await loader.manifests(of: ancestor)
                })
            else {
                lost.append(ancestor)
                continue
            }
            for manifest in listed {
                let metadata = metadata
                let entries = try await readable { () async throws(TableError) in
                    try await loader.entries(of: manifest, in: metadata)
                }
                for entry in entries ?? [] where entry.isLive { state[Self.key(entry)] = entry }
            }
            break
        }
        for snapshot in lost.reversed() {
            for entry in try await entries(writtenBy: snapshot) {
                state[Self.key(entry)] = entry.isLive ? entry : nil
            }
        }
        return state.values.sorted { $0.file.path < $1.file.path }
    }

    private static func key(_ entry: ManifestEntry) -> String {
        entry.file.path + (entry.file.contentOffset.map { "#\($0)" } ?? "")
    }

    private func entries(writtenBy snapshot: Snapshot) async throws(DataError) -> [ManifestEntry] {
        guard let name = snapshot.manifestList?.split(separator: "/").last, name.hasSuffix(".avro"),
            name.utf8.count > 41
        else { return [] }
        let commit = name.dropLast(5).suffix(36)
        var result: [ManifestEntry] = []
        for (path, info) in manifestObjects.sorted(by: { $0.key < $1.key }) where path.contains(commit) {
            let bytes: [UInt8]
            do throws(ObjectStoreError) {
                bytes = try await store.get(try store.location(of: path), range: nil).bytes
            } catch {
                throw DataError(error).within(path)
            }
            do throws(IcebergError) {
                let specID = try Manifest.specID(bytes, path: path)
                guard let spec = metadata.partitionSpec(id: specID) else { continue }
                let file = ManifestFile(
                    path: path, length: info.size, partitionSpecID: specID, sequenceNumber: snapshot.sequenceNumber,
                    minSequenceNumber: snapshot.sequenceNumber, addedSnapshotID: snapshot.snapshotID)
                result += try Manifest.decode(bytes, of: file, spec: spec, types: metadata.partitionTypes(of: spec))
                    .entries
            } catch {
                continue
            }
        }
        // What a commit removed and listed again in one go is there.
        return result.filter { !$0.isLive } + result.filter(\.isLive)
    }

    /// Nil for what is damaged or gone; a store that is away is an error.
    private func readable<Value>(
        _ read: () async throws(TableError) -> Value
    ) async throws(DataError) -> Value? {
        do throws(TableError) {
            return try await read()
        } catch {
            guard error.code != .store else { throw DataError(.store, at: "", error.message, isRetryable: true) }
            return nil
        }
    }
}
