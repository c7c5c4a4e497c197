import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

package struct ExpiryResult: Sendable {
    package var snapshotsRemoved: [Int64] = []
    /// Branches and tags that had outlived their retention.
    package var referencesRemoved: [String] = []
    /// Tags that the table's thinning has put on what stays.
    package var tagsSet: [String] = []
    package var dataFilesDeleted = 0
    package var manifestsDeleted = 0
    package var manifestListsDeleted = 0
    package var isDryRun = false
}

/// Expires snapshots: the metadata first, in one commit; then the files that only the removed snapshots needed.
struct SnapshotExpiry: Sendable {
    let table: TableIdentifier
    let retentionDays: Int
    let loader: ManifestLoader
    let committer: TableCommitter
    let clock: any WallClock

    /// - Throws: `.refused` when the table forbids the deletion of files (`gc.enabled=false`).
    func run(on base: LoadedTable, dryRun: Bool) async throws(CompactionError) -> ExpiryResult {
        guard base.metadata.properties["gc.enabled"]?.lowercased() != "false" else {
            throw CompactionError(.refused, "\(table) has gc.enabled=false: its files belong to others as well")
        }
        let now = clock.now()
        let due = try Self.due(base.metadata, retentionDays: retentionDays, at: now)
        var result = ExpiryResult(isDryRun: dryRun)
        result.snapshotsRemoved = due.snapshots.map(\.snapshotID)
        result.referencesRemoved = due.references
        result.tagsSet = due.tags.keys.sorted()
        guard !due.change.isEmpty else { return result }
        let after: TableMetadata
        if dryRun {
            do {
                after = try base.metadata.applying(due.change.updates, at: now)
            } catch {
                throw CompactionError(.refused, error.message)
            }
        } else {
            let ids = result.snapshotsRemoved
            let retentionDays = retentionDays
            let committed = try await committer.commit(table, base: base) { (metadata) throws(CompactionError) in
                // Refused when a reference has been put on one of them since: what is removed must be what was chosen.
                let due = try Self.due(metadata, retentionDays: retentionDays, at: now)
                guard Set(ids).isSubset(of: due.snapshots.map(\.snapshotID)) else {
                    throw CompactionError(.conflict, "\(table): the snapshots to expire are in use again")
                }
                return TableCommitter.Change(requirements: due.change.requirements, updates: due.change.updates) {
                    after in
                    due.snapshots.allSatisfy { after.snapshot(id: $0.snapshotID) == nil }
                        && due.references.allSatisfy { after.references[$0] == nil }
                        && due.tags.allSatisfy { after.references[$0.key] == $0.value }
                }
            }
            after = committed.table.metadata
        }
        try await deleteUnreachable(base.metadata, after: after, into: &result)
        return result
    }

    /// The table's `history.expire.…` properties win over the worker's retention.
    private static func due(
        _ metadata: TableMetadata, retentionDays: Int, at now: Timestamp
    ) throws(CompactionError) -> ExpireSnapshots.Expired {
        let isByTable = metadata.properties["history.expire.max-snapshot-age-ms"].flatMap { Int64($0) } != nil
        let oldest = Timestamp(milliseconds: now.milliseconds - Int64(retentionDays) * 86_400_000)
        do throws(TableError) {
            return try ExpireSnapshots(olderThan: isByTable ? nil : oldest).prepare(base: metadata, now: now)
        } catch {
            throw CompactionError(error)
        }
    }

    /// Deletes what the removed snapshots reach and no snapshot of `after` does. A file that is left behind by a failure is an
    /// orphan, found later; a file still needed is never touched.
    private func deleteUnreachable(
        _ before: TableMetadata, after: TableMetadata, into result: inout ExpiryResult
    ) async throws(CompactionError) {
        let gone = before.snapshots.filter { after.snapshot(id: $0.snapshotID) == nil }
        let kept = try await FileReferences.load(after.snapshots, in: after, loader: loader)
        let removed = try await FileReferences.load(gone, in: before, loader: loader, skipping: kept.manifests)
        let data = removed.files.subtracting(kept.files)
        let manifests = removed.manifests.subtracting(kept.manifests)
        let lists = removed.manifestLists.subtracting(kept.manifestLists)
        result.dataFilesDeleted = data.count
        result.manifestsDeleted = manifests.count
        result.manifestListsDeleted = lists.count
        guard !result.isDryRun else { return }
        let owned = OwnedPrefix(after)
        var locations: [ObjectLocation] = []
        for path in [data, manifests, lists].joined().sorted() where owned.contains(path) {
            // A path the store does not take is none of this store's files.
            do throws(ObjectStoreError) { locations.append(try loader.store.location(of: path)) } catch { continue }
        }
        await committer.remove(locations)
    }
}

/// Where the files of a table lie that maintenance may delete: below its own location, which the catalog gives to no other,
/// and never elsewhere, whatever properties and manifests say.
struct OwnedPrefix: Sendable {
    let prefix: String

    init(_ metadata: TableMetadata) {
        var path = metadata.location
        while path.hasSuffix("/") { path.removeLast() }
        prefix = path + "/"
    }

    func contains(_ path: String) -> Bool { path.utf8.count > prefix.utf8.count && path.hasPrefix(prefix) }
}
