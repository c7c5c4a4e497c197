import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// Which snapshots may go (specification: "Snapshot Retention Policy"). Pure.
struct ExpiryPolicy: Hashable, Sendable {
    let maxAgeMilliseconds: Int64
    let minSnapshotsToKeep: Int

    /// The table's `history.expire.…` properties win over the worker's retention.
    init(retentionDays: Int, properties: [String: String]) {
        maxAgeMilliseconds =
            properties["history.expire.max-snapshot-age-ms"].flatMap { Int64($0) } ?? Int64(retentionDays) * 86_400_000
        minSnapshotsToKeep = max(1, properties["history.expire.min-snapshots-to-keep"].flatMap { Int($0) } ?? 1)
    }

    /// The ids of the snapshots to remove, oldest first. Kept are the targets of all references, and of each branch the ancestors
    /// that are young enough or among the least number to keep.
    func expired(_ metadata: TableMetadata, now: Timestamp) -> [Int64] {
        var kept: Set<Int64> = []
        let byID = Dictionary(metadata.snapshots.map { ($0.snapshotID, $0) }) { first, _ in first }
        var references = metadata.references.values.map { $0 }
        if let current = metadata.currentSnapshotID { references.append(SnapshotReference(snapshotID: current)) }
        for reference in references {
            kept.insert(reference.snapshotID)
            guard reference.kind == .branch else { continue }
            let oldest = now.milliseconds - (reference.maxSnapshotAgeMilliseconds ?? maxAgeMilliseconds)
            let least = reference.minSnapshotsToKeep ?? minSnapshotsToKeep
            var next = byID[reference.snapshotID]
            var count = 0
            var seen: Set<Int64> = []
            while let snapshot = next, seen.insert(snapshot.snapshotID).inserted,
                count < least || snapshot.timestampMilliseconds >= oldest
            {
                kept.insert(snapshot.snapshotID)
                count += 1
                next = snapshot.parentSnapshotID.flatMap { byID[$0] }
            }
        }
        let oldest = now.milliseconds - maxAgeMilliseconds
        // A snapshot on no branch may be staged work of another engine: it stays as long as young ones do.
        return metadata.snapshots
            .filter { !kept.contains($0.snapshotID) && $0.timestampMilliseconds < oldest }
            .map(\.snapshotID)
    }
}

package struct ExpiryResult: Sendable {
    package var snapshotsRemoved: [Int64] = []
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
        let policy = ExpiryPolicy(retentionDays: retentionDays, properties: base.metadata.properties)
        let now = clock.now()
        var result = ExpiryResult(isDryRun: dryRun)
        result.snapshotsRemoved = policy.expired(base.metadata, now: now)
        guard !result.snapshotsRemoved.isEmpty else { return result }
        let removedFrom: TableMetadata
        let after: TableMetadata
        if dryRun {
            removedFrom = base.metadata
            do {
                after = try base.metadata.applying([.removeSnapshots(result.snapshotsRemoved)], at: now)
            } catch {
                throw CompactionError(.refused, error.message)
            }
        } else {
            let ids = result.snapshotsRemoved
            let committed = try await committer.commit(table, base: base) { (metadata) throws(CompactionError) in
                // Refused when a reference has been put on one of them since: what is removed must be what was chosen.
                guard Set(ids).isSubset(of: policy.expired(metadata, now: now)) else {
                    throw CompactionError(.conflict, "\(table): the snapshots to expire are in use again")
                }
                var requirements = metadata.tableUUID.map { [TableRequirement.tableUUID($0)] } ?? []
                for (name, reference) in metadata.references {
                    requirements.append(
                        .referenceSnapshotID(reference: name, snapshotID: reference.snapshotID))
                }
                return TableCommitter.Change(requirements: requirements, updates: [.removeSnapshots(ids)]) { after in
                    ids.allSatisfy { after.snapshot(id: $0) == nil }
                }
            }
            removedFrom = base.metadata
            after = committed.table.metadata
        }
        try await deleteUnreachable(removedFrom, after: after, into: &result)
        return result
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
