import IcebergSpec
import IcebergTable
import ObjectStore

/// A store that does only some things otherwise than the one it stands before.
protocol AlteredStore: ObjectStore {
    var inner: any ObjectStore { get }
}

extension AlteredStore {
    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try await inner.get(location, range: range)
    }
    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try await inner.head(location)
    }
    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        try await inner.put(location, bytes, condition: condition, contentType: contentType)
    }
    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await inner.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }
    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await inner.delete(bucket, keys)
    }
    func uri(of location: ObjectLocation) -> String { inner.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try inner.location(of: uri) }
}

/// The objects themselves. Nobody may delete one that a snapshot of the table needs at that moment.
struct JudgedBucket: AlteredStore {
    let world: SimulatedWorld

    var inner: any ObjectStore { world.bucket }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        let live = await SimulationOracle(world: world).liveObjects()
        for key in keys where live.contains(uri(of: ObjectLocation(bucket: bucket, key: key))) {
            world.findings.add("deleted while live: \(key)")
        }
        try await inner.delete(bucket, keys)
    }
}

extension SimulationOracle {
    /// Everything that a retained snapshot reaches, as far as it is still there.
    func liveObjects() async -> Set<String> {
        var live: Set<String> = []
        for metadata in world.tables.compactMap({ world.catalog.history($0).last }) {
            await add(metadata, to: &live)
        }
        return live
    }

    private func add(_ metadata: TableMetadata, to live: inout Set<String>) async {
        let reader = world.reader
        for snapshot in metadata.snapshots {
            if let list = snapshot.manifestList { live.insert(list) }
            do throws(TableError) {
                for manifest in try await reader.loader.manifests(of: snapshot)
                where live.insert(manifest.path).inserted {
                    for entry in try await reader.loader.entries(of: manifest, in: metadata) where entry.isLive {
                        live.insert(entry.file.path)
                    }
                }
            } catch {
                continue
            }
        }
    }
}
