import Clocks
import Concurrency
import IcebergSpec

/// Finds the files of a table that may hold rows a predicate accepts (specification: "Scan Planning").
///
/// Manifests are skipped by the partition summaries of their list, entries by their partition, then by the bounds of
/// their columns. Nothing that may match is left out; what remains may still hold no matching row.
public struct ScanPlanner: Sendable {
    public let loader: ManifestLoader

    public init(loader: ManifestLoader) { self.loader = loader }

    /// Plans a scan of one state of the table.
    ///
    /// - Parameter predicate: on columns of the schema of that state; nil accepts every row.
    /// - Throws: `.invalid` when the table has no such snapshot, or the predicate does not fit its schema.
    ///
    /// Cost: manifests that are not cached are fetched together, and decoded by all cores; linear in the entries of those
    /// that may match.
    public func plan(
        _ metadata: TableMetadata, target: ScanTarget = .current, predicate: Predicate? = nil
    ) async throws(TableError) -> ScanPlan {
        guard let snapshot = try target.snapshot(of: metadata) else {
            return ScanPlan(snapshot: nil, schema: metadata.currentSchema, files: [], counts: ScanPlan.Counts())
        }
        let schema = target.schema(of: snapshot, in: metadata)
        let pruner = try FilePruner(predicate: predicate, schema: schema, metadata: metadata)
        let manifests = try await loader.manifests(of: snapshot)
        var counts = ScanPlan.Counts()
        var wanted: [ManifestFile] = []
        for manifest in manifests where manifest.content == .data && manifest.mayHaveLiveFiles {
            counts.manifestsTotal += 1
            if pruner.mayMatch(manifest) {
                wanted.append(manifest)
            } else {
                let files = (manifest.addedFilesCount ?? 0).addingClamped(manifest.existingFilesCount ?? 0)
                counts.filesTotal.addClamped(files)
                counts.filesPrunedByPartition.addClamped(files)
            }
        }
        counts.manifestsRead = wanted.count
        let found = try await matching(wanted, in: metadata, pruner)
        for part in found { counts.add(part.counts) }
        let deletes = try await deletes(manifests, for: found, in: metadata, pruner)
        var files: [ScanPlan.File] = []
        files.reserveCapacity(found.reduce(0) { $0 + $1.entries.count })
        for part in found {
            for entry in part.entries {
                files.append(
                    ScanPlan.File(
                        entry, deletes: deletes?.deletes(applyingTo: entry).map(\.file) ?? [],
                        residual: pruner.residual(of: entry.file)))
            }
        }
        return ScanPlan(snapshot: snapshot, schema: schema, files: files, counts: counts)
    }

    /// What the entries of one manifest give.
    private struct Matching: Sendable {
        var entries: [ManifestEntry] = []
        var counts = ScanPlan.Counts()
    }

    /// Every manifest is read and looked through in a task of its own.
    private func matching(
        _ manifests: [ManifestFile], in metadata: TableMetadata, _ pruner: FilePruner
    ) async throws(TableError) -> [Matching] {
        try await mapConcurrently(manifests, limit: loader.concurrency) { (manifest) async throws(TableError) in
            var result = Matching()
            for entry in try await loader.entries(of: manifest, in: metadata) where entry.isLive {
                result.counts.filesTotal += 1
                if !pruner.mayMatchPartition(entry.file) {
                    result.counts.filesPrunedByPartition += 1
                } else if !pruner.mayMatchBounds(entry.file) {
                    result.counts.filesPrunedByBounds += 1
                } else {
                    result.entries.append(entry)
                    result.counts.records.addClamped(entry.file.recordCount)
                    result.counts.bytes.addClamped(entry.file.fileSizeBytes)
                }
            }
            return result
        }
    }

    /// The deletes of the snapshot; nil when there are none, or nothing they could apply to.
    private func deletes(
        _ manifests: [ManifestFile], for found: [Matching], in metadata: TableMetadata, _ pruner: FilePruner
    ) async throws(TableError) -> DeleteIndex? {
        guard found.contains(where: { !$0.entries.isEmpty }) else { return nil }
        let wanted = pruner.deleteManifests(among: manifests, in: metadata)
        guard !wanted.isEmpty else { return nil }
        return DeleteIndex(try await loader.entries(of: wanted, in: metadata).joined(), base: metadata)
    }

    /// Every live file of a snapshot, data and deletes, as its manifests list them.
    /// Errors as those of `ManifestLoader`.
    public func liveEntries(
        of snapshot: Snapshot, in metadata: TableMetadata
    ) async throws(TableError) -> [ManifestEntry] {
        let manifests = try await loader.manifests(of: snapshot).filter(\.mayHaveLiveFiles)
        return try await loader.entries(of: manifests, in: metadata).joined().filter(\.isLive)
    }

    /// How a filter divides the files of a branch's head: those an `Overwrite` or `DeleteFiles` by it removes, and those
    /// that hold other rows as well, which are to be rewritten.
    ///
    /// - Throws: as `plan`.
    public func divide(
        _ metadata: TableMetadata, by filter: Predicate, branch: String = SnapshotReference.main
    ) async throws(TableError) -> (whole: [ScanPlan.File], inPart: [ScanPlan.File]) {
        let hasBranch = metadata.references[branch] != nil
        let plan = try await plan(metadata, target: hasBranch ? .reference(branch) : .current, predicate: filter)
        let pruner = try FilePruner(predicate: filter, schema: plan.schema, metadata: metadata)
        var (whole, inPart): ([ScanPlan.File], [ScanPlan.File]) = ([], [])
        for file in plan.files {
            switch pruner.match(file.file) {
            case .all: whole.append(file)
            case .some: inPart.append(file)
            case .none: continue
            }
        }
        return (whole, inPart)
    }
}

extension ScanTarget {
    /// - Throws: `.invalid` when the table has no such snapshot.
    func snapshot(of metadata: TableMetadata) throws(TableError) -> Snapshot? {
        switch self {
        case .current: return metadata.currentSnapshot
        case .snapshot(let id):
            guard let snapshot = metadata.snapshot(id: id) else {
                throw TableError(.invalid, "the table has no snapshot \(id): it may have expired")
            }
            return snapshot
        case .asOf(let milliseconds):
            guard let snapshot = metadata.snapshot(asOf: Timestamp(milliseconds: milliseconds)) else {
                throw TableError(
                    .invalid, "the table has no snapshot as old as that: its history begins later, or it has expired")
            }
            return snapshot
        case .reference(let name):
            guard let snapshot = metadata.snapshot(reference: name) else {
                throw TableError(.invalid, "the table has no branch or tag \(name)")
            }
            return snapshot
        }
    }

    /// The heads of branches are read with the current schema, other states with their own.
    func schema(of snapshot: Snapshot, in metadata: TableMetadata) -> Schema {
        switch self {
        case .current: return metadata.currentSchema
        case .reference(let name) where metadata.references[name]?.kind == .branch: return metadata.currentSchema
        case .snapshot, .asOf, .reference: return metadata.schema(of: snapshot)
        }
    }
}
