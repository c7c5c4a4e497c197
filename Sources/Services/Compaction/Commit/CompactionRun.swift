import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Telemetry

/// What a compaction did.
package struct CompactionResult: Sendable {
    package var filesRewritten = 0
    package var filesCreated = 0
    package var bytesBefore: Int64 = 0
    package var bytesAfter: Int64 = 0
    package var records: Int64 = 0
    package var duplicatesRemoved: Int64 = 0
    package var partitions = 0
    package var snapshotIDs: [Int64] = []
    /// Groups given up because another commit changed their files meanwhile, and groups that could not be rewritten.
    package var groupsAbandoned = 0
    package var skipped: [String] = []
}

/// Compacts one table: plan, rewrite, commit.
struct CompactionRun: Sendable {
    let table: TableIdentifier
    let planner: CompactionPlanner
    let memoryBytes: Int
    let removesDuplicates: Bool
    let loader: ManifestLoader
    let committer: TableCommitter
    let clock: any WallClock
    let random: any RandomSource

    /// - Throws: `.refused` for tables whose rows carry more than files say (version 3 row ids) or that cannot be written.
    func plan(_ base: LoadedTable, force: Bool) async throws(CompactionError) -> CompactionPlan {
        let files = try await scan(base.metadata)
        return planner.plan(files, force: force)
    }

    private func scan(_ metadata: TableMetadata) async throws(CompactionError) -> [ScanPlan.File] {
        do {
            return try await ScanPlanner(loader: loader).plan(metadata).files
        } catch {
            throw CompactionError(error)
        }
    }

    /// Rewrites the planned groups in batches; each batch is one commit, so that what is done stays done.
    func execute(
        _ plan: CompactionPlan, on base: LoadedTable, progress: @escaping @Sendable (CompactionProgress) -> Void
    ) async throws(CompactionError) -> CompactionResult {
        let metadata = base.metadata
        guard metadata.formatVersion == 2 else {
            throw CompactionError(
                .refused,
                "\(table) is of format version \(metadata.formatVersion): only version 2 is compacted, since row ids of "
                    + "version 3 would be lost and version 1 has no sequence numbers")
        }
        var result = CompactionResult()
        var base = base
        for batch in CompactionPlanner.batches(plan.groups) {
            let rewriter = GroupRewriter(
                store: loader.store, metadata: metadata,
                settings: try RewriteSettings(
                    metadata, memoryBytes: memoryBytes, targetFileBytes: planner.targetFileBytes),
                removesDuplicates: removesDuplicates, random: random, clock: clock)
            var rewritten: [RewrittenGroup] = []
            for group in batch {
                if Task.isCancelled { throw CompactionError(.cancelled, "stopped; what was committed stays") }
                do throws(CompactionError) {
                    rewritten.append(try await rewriter.rewrite(group, progress: progress))
                } catch {
                    guard error.code == .refused || error.code == .damaged else { throw error }
                    // One file that cannot be carried over must not keep the other partitions from being compacted.
                    result.skipped.append(error.message)
                    result.groupsAbandoned += 1
                }
            }
            base = try await commit(rewritten, planned: metadata, base: base, into: &result)
        }
        return result
    }

    /// Commits groups that keep their rows as `replace`, and those that lost duplicates as `overwrite`.
    private func commit(
        _ groups: [RewrittenGroup], planned: TableMetadata, base: LoadedTable, into result: inout CompactionResult
    ) async throws(CompactionError) -> LoadedTable {
        var base = base
        for changesRows in [false, true] {
            var remaining = groups.filter { ($0.duplicatesRemoved > 0) == changesRows }
            while !remaining.isEmpty {
                do throws(CompactionError) {
                    let committed = try await commit(
                        remaining, operation: changesRows ? .overwrite : .replace, planned: planned, base: base)
                    result.add(remaining, snapshotID: committed.snapshotID)
                    base = committed.table
                    break
                } catch {
                    guard error.code == .conflict else { throw error }
                    let (live, newest) = try await stillValid(remaining)
                    let dead = remaining.filter { group in !live.contains { $0.locations == group.locations } }
                    await committer.remove(dead.flatMap(\.locations))
                    result.groupsAbandoned += dead.count
                    // Others won too often although nothing we touch has changed: this is not the time.
                    guard !dead.isEmpty else { throw error }
                    remaining = live
                    base = newest
                }
            }
        }
        return base
    }

    private func commit(
        _ groups: [RewrittenGroup], operation: SnapshotOperation, planned: TableMetadata, base: LoadedTable
    ) async throws(CompactionError) -> TableCommitter.Committed {
        let change = Replace(
            removed: groups.flatMap { $0.group.files.map(\.file) }, added: groups.flatMap(\.outputs),
            operation: operation, dataSequenceNumber: planned.currentSnapshot?.sequenceNumber,
            summary: ["analytics.compaction.groups": String(groups.count)])
        let (loader, random, clock) = (loader, random, clock)
        return try await committer.commit(table, base: base) { (metadata) throws(CompactionError) in
            do throws(TableError) {
                return TableCommitter.Change(
                    try await change.prepare(base: metadata, loader: loader, random: random, now: clock.now()))
            } catch {
                throw CompactionError(error)
            }
        }
    }

    /// The groups whose files are all still live, without deletes that a new file would undo.
    private func stillValid(
        _ groups: [RewrittenGroup]
    ) async throws(CompactionError) -> ([RewrittenGroup], LoadedTable) {
        let newest: LoadedTable
        do throws(CatalogError) {
            newest = try await committer.catalog.loadTable(table)
        } catch {
            throw CompactionError(error)
        }
        // The plan left out files with deletes: an equality delete found now is younger, and applies to new files too.
        let usable = Set(
            try await scan(newest.metadata).filter { $0.deletes.allSatisfy { $0.content == .equalityDeletes } }
                .map(\.file.path))
        return (groups.filter { $0.group.files.allSatisfy { usable.contains($0.file.path) } }, newest)
    }
}

extension CompactionResult {
    fileprivate mutating func add(_ groups: [RewrittenGroup], snapshotID: Int64?) {
        for group in groups {
            filesRewritten += group.group.files.count
            filesCreated += group.outputs.count
            bytesBefore += group.group.inputBytes
            bytesAfter += group.outputs.reduce(0) { $0 + $1.fileSizeBytes }
            records += group.outputs.reduce(0) { $0 + $1.recordCount }
            duplicatesRemoved += group.duplicatesRemoved
        }
        partitions += Set(groups.map(\.group.partition)).count
        if let snapshotID { snapshotIDs.append(snapshotID) }
    }
}
