import Concurrency
import IcebergCatalog
import ObjectStore

/// Finds the folders of a bucket that hold metadata files, without listing what lies in tables.
struct MetadataFolders: Sendable {
    let store: any ObjectStore
    /// Folders that may be visited, levels that they may lie deep.
    let foldersMax: Int
    let depthMax: Int

    struct Found: Sendable {
        /// Folders named `metadata` with something in them.
        var folders: [ObjectLocation] = []
        /// False when there were too many folders to visit.
        var isComplete = true
    }

    /// Cost: a listing for each folder above and of the tables.
    func find(in bucket: BucketName) async throws(CatalogError) -> Found {
        var found = Found()
        var level = [""]
        var visited = 0
        for _ in 0..<depthMax where !level.isEmpty {
            visited += level.count
            guard visited <= foldersMax else {
                found.isComplete = false
                return found
            }
            let parts = try await mapConcurrently(level, limit: CatalogLimits.operationConcurrency) {
                (prefix) async throws(CatalogError) in try await folders(in: bucket, prefix)
            }
            var next: [String] = []
            for (prefix, inner) in zip(level, parts) {
                // A table lies in its folder as a whole.
                guard inner.contains(prefix + "metadata/"), !prefix.isEmpty else {
                    next += inner
                    continue
                }
                do throws(ObjectStoreError) {
                    found.folders.append(ObjectLocation(bucket: bucket, key: try ObjectKey(prefix + "metadata")))
                } catch {
                    continue
                }
            }
            level = next
        }
        found.isComplete = found.isComplete && level.isEmpty
        return found
    }

    private func folders(in bucket: BucketName, _ prefix: String) async throws(CatalogError) -> [String] {
        var folders: [String] = []
        var after: String?
        do {
            repeat {
                let page = try await store.list(bucket, prefix: prefix, delimiter: "/", startAfter: after, limit: 1000)
                folders += page.commonPrefixes
                after = page.next
            } while after != nil
        } catch {
            if error.code == .notFound { return [] }
            throw CatalogError(.serviceUnavailable, "listing \(bucket)/\(prefix): \(error.message)")
        }
        return folders
    }
}
