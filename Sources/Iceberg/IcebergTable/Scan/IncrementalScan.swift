import Concurrency
import IcebergSpec

/// A data file that came into a table or went between two snapshots, with all of its rows.
public struct ChangedFile: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case inserted, deleted }

    public let kind: Kind
    /// The place of the commit among those looked at, from 0; changes of one commit have the same.
    public let ordinal: Int
    /// The commit.
    public let snapshotID: Int64
    public let file: ScanPlan.File

    public init(kind: Kind, ordinal: Int, snapshotID: Int64, file: ScanPlan.File) {
        self.kind = kind
        self.ordinal = ordinal
        self.snapshotID = snapshotID
        self.file = file
    }
}

extension ScanPlanner {
    /// Plans a scan of the files that commits of the kind `append` added after one snapshot, up to another.
    ///
    /// - Parameters:
    ///   - start: its files are not part of the scan; nil: from the beginning of the history.
    ///   - end: nil: the current snapshot.
    /// - Throws: `.invalid` when `start` is no ancestor of `end`, or what lies between has expired.
    public func planAppends(
        _ metadata: TableMetadata, after start: Int64?, through end: Int64? = nil, predicate: Predicate? = nil
    ) async throws(TableError) -> ScanPlan {
        let (snapshots, last) = try Self.between(start, end, in: metadata)
        guard let last else {
            return ScanPlan(snapshot: nil, schema: metadata.currentSchema, files: [], counts: ScanPlan.Counts())
        }
        let pruner = try FilePruner(predicate: predicate, schema: metadata.currentSchema, metadata: metadata)
        var counts = ScanPlan.Counts()
        var files: [ScanPlan.File] = []
        for snapshot in snapshots where snapshot.operation == SnapshotOperation.append.rawValue {
            let added = try await entries(of: snapshot, in: metadata) { $0.addedFilesCount != 0 && pruner.mayMatch($0) }
            for entry in added where entry.status == .added && entry.snapshotID == snapshot.snapshotID {
                counts.filesTotal += 1
                if !pruner.mayMatchPartition(entry.file) {
                    counts.filesPrunedByPartition += 1
                } else if !pruner.mayMatchBounds(entry.file) {
                    counts.filesPrunedByBounds += 1
                } else {
                    counts.records.addClamped(entry.file.recordCount)
                    counts.bytes.addClamped(entry.file.fileSizeBytes)
                    files.append(ScanPlan.File(entry, deletes: [], residual: pruner.residual(of: entry.file)))
                }
            }
        }
        return ScanPlan(snapshot: last, schema: metadata.currentSchema, files: files, counts: counts)
    }

    /// Lists the data files that commits brought in and took out after one snapshot, up to another, the oldest commit
    /// first. Rewrites (`replace`) change no rows and are left out.
    ///
    /// - Throws: `.invalid` as `planAppends`; `.unsupported` when a commit added delete files: which rows it removed is
    ///   not told by files.
    public func planChanges(
        _ metadata: TableMetadata, after start: Int64?, through end: Int64? = nil, predicate: Predicate? = nil
    ) async throws(TableError) -> [ChangedFile] {
        let (snapshots, _) = try Self.between(start, end, in: metadata)
        let pruner = try FilePruner(predicate: predicate, schema: metadata.currentSchema, metadata: metadata)
        var changes: [ChangedFile] = []
        let changing = snapshots.filter { $0.operation != SnapshotOperation.replace.rawValue }
        for (ordinal, snapshot) in changing.enumerated() {
            let entries = try await entries(of: snapshot, in: metadata) { manifest in
                manifest.addedFilesCount != 0 || manifest.deletedFilesCount != 0
            }
            for entry in entries where entry.status != .existing && entry.snapshotID == snapshot.snapshotID {
                guard entry.file.content == .data else {
                    throw TableError(
                        .unsupported,
                        "the snapshot \(snapshot.snapshotID) changed deletes of rows in "
                            + "\(entry.file.path): its changes are not whole files")
                }
                guard pruner.mayMatchPartition(entry.file), pruner.mayMatchBounds(entry.file) else { continue }
                changes.append(
                    ChangedFile(
                        kind: entry.status == .added ? .inserted : .deleted, ordinal: ordinal,
                        snapshotID: snapshot.snapshotID,
                        file: ScanPlan.File(entry, deletes: [], residual: pruner.residual(of: entry.file))))
            }
        }
        return changes
    }

    /// The entries of the manifests that a commit wrote itself.
    private func entries(
        of snapshot: Snapshot, in metadata: TableMetadata, _ isWanted: (ManifestFile) -> Bool
    ) async throws(TableError) -> [ManifestEntry] {
        let own = try await loader.manifests(of: snapshot).filter {
            $0.addedSnapshotID == snapshot.snapshotID && isWanted($0)
        }
        return try await loader.entries(of: own, in: metadata).flatMap(\.self)
    }

    /// The snapshots after `start` up to `end`, the oldest first.
    static func between(
        _ start: Int64?, _ end: Int64?, in metadata: TableMetadata
    ) throws(TableError) -> (snapshots: [Snapshot], last: Snapshot?) {
        if let end { try TableChange.requireSnapshot(end, metadata) }
        let ancestors = metadata.ancestors(of: end ?? metadata.currentSnapshotID)
        guard let last = ancestors.first else {
            guard start == nil else { throw TableError(.invalid, "the table has no snapshot \(start ?? 0)") }
            return ([], nil)
        }
        guard let start else { return (ancestors.reversed(), last) }
        if let index = ancestors.firstIndex(where: { $0.snapshotID == start }) {
            return (ancestors[..<index].reversed(), last)
        }
        // The start itself may have expired: what follows on it has not.
        guard ancestors.last?.parentSnapshotID == start else {
            throw TableError(
                .invalid, "the snapshot \(start) is no ancestor of \(last.snapshotID), or what lies between has expired"
            )
        }
        return (ancestors.reversed(), last)
    }
}
