import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// What a table takes in the store, by what it is good for.
struct TableStorage: Hashable, Sendable {
    /// Data and delete files of the current snapshot.
    var live: Int64 = 0
    /// Files that only older snapshots need.
    var superseded: Int64 = 0
    /// Files in the table's folders that no snapshot needs: of commits under way or never made.
    var orphan: Int64 = 0
    /// Metadata files, manifest lists, manifests.
    var metadata: Int64 = 0

    var total: Int64 { live &+ superseded &+ orphan &+ metadata }

    static func + (left: TableStorage, right: TableStorage) -> TableStorage {
        TableStorage(
            live: left.live &+ right.live, superseded: left.superseded &+ right.superseded,
            orphan: left.orphan &+ right.orphan, metadata: left.metadata &+ right.metadata)
    }
}

extension CatalogService {
    /// Measures a table. Keeps 8 bytes for each file. Cost: a listing of the table's location, and every manifest of every snapshot once.
    ///
    /// - Throws: `.serviceUnavailable`; `.internalError` when manifests cannot be read: validate the table.
    func storage(of metadata: TableMetadata) async throws(CatalogError) -> TableStorage {
        var storage = TableStorage()
        var live: Set<Int> = []
        var needed: Set<Int> = []
        var read: Set<String> = []
        do throws(TableError) {
            let current = metadata.currentSnapshot
            for snapshot in (current.map { [$0] } ?? []) + metadata.snapshots.reversed() {
                for manifest in try await loader.manifests(of: snapshot) where read.insert(manifest.path).inserted {
                    for entry in try await loader.entries(of: manifest, in: metadata) where entry.isLive {
                        guard let key = key(of: entry.file.path) else { continue }
                        if snapshot.snapshotID == current?.snapshotID { live.insert(key) } else { needed.insert(key) }
                    }
                }
            }
        } catch {
            throw CatalogError(
                error.isRetryable ? .serviceUnavailable : .internalError, "measuring a table: \(error.message)")
        }
        for folder in folders(of: metadata) {
            var after: String?
            repeat {
                let page: ObjectPage
                do {
                    page = try await warehouse.store.list(
                        folder.bucket, prefix: "\(folder.key)/", delimiter: nil, startAfter: after, limit: 1000)
                } catch {
                    throw CatalogError(.serviceUnavailable, "listing \(folder): \(error.message)")
                }
                for info in page.objects {
                    let key = ObjectLocation(bucket: folder.bucket, key: info.key).hashValue
                    if live.contains(key) {
                        storage.live &+= info.size
                    } else if needed.contains(key) {
                        storage.superseded &+= info.size
                    } else if [".json", ".gz", ".avro", ".text", "/current"].contains(
                        where: info.key.rawValue.hasSuffix)
                    {
                        storage.metadata &+= info.size
                    } else {
                        storage.orphan &+= info.size
                    }
                }
                after = page.next
            } while after != nil
        }
        return storage
    }

    private func key(of uri: String) -> Int? {
        do throws(ObjectStoreError) { return try warehouse.store.location(of: uri).hashValue } catch { return nil }
    }

    /// The table's location, and folders of its own outside of it.
    private func folders(of metadata: TableMetadata) -> [ObjectLocation] {
        let names = [metadata.location] + TableFolders.properties.compactMap { metadata.properties[$0] }
        var found: [ObjectLocation] = []
        for place in names.compactMap({ place($0) }) {
            let isCovered = found.contains { "\(place)/".hasPrefix("\($0)/") }
            if !isCovered { found.append(place) }
        }
        return found
    }
}
