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
    /// Cost: manifests that are not cached are fetched together; linear in the entries of those that may match.
    public func plan(
        _ metadata: TableMetadata, target: ScanTarget = .current, predicate: Predicate? = nil
    ) async throws(TableError) -> ScanPlan {
        guard let snapshot = try snapshot(target, of: metadata) else {
            return ScanPlan(snapshot: nil, schema: metadata.currentSchema, files: [], counts: ScanPlan.Counts())
        }
        let schema = target == .current ? metadata.currentSchema : metadata.schema(of: snapshot)
        let manifests = try await loader.manifests(of: snapshot)
        let pruner = try FilePruner(predicate: predicate, schema: schema, metadata: metadata)
        var counts = ScanPlan.Counts()
        var wanted: [ManifestFile] = []
        for manifest in manifests where manifest.content == .data && manifest.mayHaveLiveFiles {
            counts.manifestsTotal += 1
            if pruner.mayMatch(manifest) {
                wanted.append(manifest)
            } else {
                let files = (manifest.addedFilesCount ?? 0) + (manifest.existingFilesCount ?? 0)
                counts.filesTotal += files
                counts.filesPrunedByPartition += files
            }
        }
        counts.manifestsRead = wanted.count
        let loaded = try await loader.entries(of: wanted, in: metadata)
        var matching: [ManifestEntry] = []
        for entry in loaded.joined() where entry.isLive {
            counts.filesTotal += 1
            if !pruner.mayMatchPartition(entry.file) {
                counts.filesPrunedByPartition += 1
            } else if !pruner.mayMatchBounds(entry.file) {
                counts.filesPrunedByBounds += 1
            } else {
                matching.append(entry)
                counts.records += entry.file.recordCount
                counts.bytes += entry.file.fileSizeBytes
            }
        }
        let deletes = matching.isEmpty ? nil : try await DeleteIndex.load(manifests, base: metadata, loader: loader)
        let files = matching.map { entry in
            ScanPlan.File(
                file: entry.file, dataSequenceNumber: entry.dataSequenceNumber ?? 0, snapshotID: entry.snapshotID ?? 0,
                deletes: deletes?.deletes(applyingTo: entry).map(\.file) ?? [],
                residual: pruner.residual(of: entry.file))
        }
        return ScanPlan(snapshot: snapshot, schema: schema, files: files, counts: counts)
    }

    private func snapshot(_ target: ScanTarget, of metadata: TableMetadata) throws(TableError) -> Snapshot? {
        switch target {
        case .current: return metadata.currentSnapshot
        case .snapshot(let id):
            guard let snapshot = metadata.snapshot(id: id) else {
                throw TableError(.invalid, "the table has no snapshot \(id): it may have expired")
            }
            return snapshot
        case .asOf(let milliseconds):
            guard let entry = metadata.snapshotLog.last(where: { $0.timestampMilliseconds <= milliseconds }) else {
                throw TableError(.invalid, "the table has no snapshot as old as that: its history begins later")
            }
            guard let snapshot = metadata.snapshot(id: entry.snapshotID) else {
                throw TableError(.invalid, "the snapshot \(entry.snapshotID) that was current then has expired")
            }
            return snapshot
        case .reference(let name):
            guard let snapshot = metadata.snapshot(reference: name) else {
                throw TableError(.invalid, "the table has no branch or tag \(name)")
            }
            return snapshot
        }
    }

    /// Every live file of a snapshot, data and deletes, as its manifests list them.
    public func liveEntries(
        of snapshot: Snapshot, in metadata: TableMetadata
    ) async throws(TableError) -> [ManifestEntry] {
        let manifests = try await loader.manifests(of: snapshot).filter(\.mayHaveLiveFiles)
        return try await loader.entries(of: manifests, in: metadata).joined().filter(\.isLive)
    }
}
