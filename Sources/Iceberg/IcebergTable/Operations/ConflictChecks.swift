import IcebergSpec

/// What must not have been committed to a branch since a change was planned (specification: "Commit Conflict Resolution
/// and Retry").
public struct ConflictChecks: Hashable, Sendable {
    public enum Isolation: Hashable, Sendable {
        /// The change depends on the files it names alone: deletes point to data files that are still there.
        case none
        /// No new deletes and no removed files among the rows that were read: the change was worked out on one snapshot.
        case snapshot
        /// Nor new rows: the change is as if nothing else had run meanwhile.
        case serializable
    }

    /// The snapshot the change was planned on: what was committed after it is checked. Nil: everything in the branch's
    /// history, as for a change that was planned on an empty table.
    public var startingSnapshotID: Int64?
    public var isolation: Isolation
    /// The rows that were read: only files that may hold such conflict.
    public var filter: Predicate

    public init(startingSnapshotID: Int64?, isolation: Isolation = .serializable, filter: Predicate = .alwaysTrue) {
        self.startingSnapshotID = startingSnapshotID
        self.isolation = isolation
        self.filter = filter
    }

    /// Nothing is checked but that removed files are live: for a table that nobody else writes.
    public static let none = ConflictChecks(startingSnapshotID: nil, isolation: .none)
}

/// The commits of a branch since a snapshot, and what they changed.
struct CommitsSince {
    let base: TableMetadata
    let loader: ManifestLoader
    /// The newest first.
    let snapshots: [Snapshot]
    /// 0 where everything is new.
    let startingSequenceNumber: Int64

    /// - Throws: `.stale` when `start` is no ancestor of `head`: it may have expired, or the branch was set elsewhere.
    init(
        _ start: Int64?, head: Snapshot?, base: TableMetadata, loader: ManifestLoader
    ) throws(TableError) {
        self.base = base
        self.loader = loader
        var snapshots: [Snapshot] = []
        var current = head
        while let snapshot = current, snapshot.snapshotID != start {
            snapshots.append(snapshot)
            guard snapshots.count <= base.snapshots.count else {
                throw TableError(.malformed, "the snapshots of the table are each other's parents")
            }
            current = snapshot.parentSnapshotID.flatMap { base.snapshot(id: $0) }
        }
        if let start, current == nil {
            throw TableError(
                .stale, "the change was planned on snapshot \(start), which is not in the history of the branch")
        }
        if start == nil, let parent = snapshots.last?.parentSnapshotID {
            throw TableError(
                .stale, "the change was planned on no snapshot, and the history before \(parent) has expired")
        }
        self.snapshots = snapshots
        startingSequenceNumber = current?.sequenceNumber ?? 0
    }

    /// The entries that commits of one of `operations` wrote for their own changes, of one content.
    private func changes(
        _ content: ManifestFile.Content, by operations: Set<SnapshotOperation>, status: ManifestEntry.Status,
        _ isWanted: (ManifestFile) -> Bool
    ) async throws(TableError) -> [ManifestEntry] {
        var wanted: [ManifestFile] = []
        var ids: Set<Int64> = []
        for snapshot in snapshots {
            guard let operation = snapshot.operation.flatMap({ SnapshotOperation(rawValue: $0) }),
                operations.contains(operation)
            else { continue }
            ids.insert(snapshot.snapshotID)
            for manifest in try await loader.manifests(of: snapshot)
            where manifest.content == content && manifest.addedSnapshotID == snapshot.snapshotID && isWanted(manifest) {
                wanted.append(manifest)
            }
        }
        guard !wanted.isEmpty else { return [] }
        return try await loader.entries(of: wanted, in: base).joined().filter { entry in
            entry.status == status && entry.snapshotID.map(ids.contains) ?? false
        }
    }

    /// Data files that were added, by commits that add rows.
    func addedData(_ pruner: FilePruner) async throws(TableError) -> [ManifestEntry] {
        try await changes(.data, by: [.append, .overwrite], status: .added) {
            $0.addedFilesCount != 0 && pruner.mayMatch($0)
        }.filter { pruner.mayMatchPartition($0.file) && pruner.mayMatchBounds($0.file) }
    }

    /// Data files that were removed.
    ///
    /// - Parameter byDeletes: whether those removed with all of their rows count.
    func removedData(byDeletes: Bool) async throws(TableError) -> [ManifestEntry] {
        let operations: Set<SnapshotOperation> = byDeletes ? [.overwrite, .replace, .delete] : [.overwrite, .replace]
        return try await changes(.data, by: operations, status: .deleted) { $0.deletedFilesCount != 0 }
    }

    /// Delete files that were added for rows.
    func addedDeletes() async throws(TableError) -> [ManifestEntry] {
        guard base.formatVersion >= 2 else { return [] }
        return try await changes(.deletes, by: [.overwrite, .delete], status: .added) { $0.addedFilesCount != 0 }
    }

    /// Deletion vectors that were added, rewritten ones included.
    func addedVectors() async throws(TableError) -> [ManifestEntry] {
        guard base.formatVersion >= 3 else { return [] }
        return try await changes(.deletes, by: [.overwrite, .delete, .replace], status: .added) {
            $0.addedFilesCount != 0
        }.filter(\.file.isDeletionVector)
    }
}

extension CommitsSince {
    private func conflict(_ what: String) -> TableError { TableError(.stale, what) }

    /// No new rows that the filter may accept.
    func refuseNewData(_ pruner: FilePruner) async throws(TableError) {
        if let entry = try await addedData(pruner).first {
            throw conflict("\(entry.file.path) was added meanwhile and may hold rows that the change depends on")
        }
    }

    /// No new deletes of rows that the filter may accept.
    func refuseNewDeletes(_ pruner: FilePruner) async throws(TableError) {
        if let entry = try await addedDeletes().first(where: { pruner.mayDelete($0.file) }) {
            throw conflict("\(entry.file.path) was added meanwhile and may delete rows that the change depends on")
        }
    }

    /// No data file removed that may hold rows the filter accepts.
    func refuseRemovedData(_ pruner: FilePruner) async throws(TableError) {
        let removed = try await removedData(byDeletes: true)
        if let entry = removed.first(where: { pruner.mayMatchPartition($0.file) && pruner.mayMatchBounds($0.file) }) {
            throw conflict("\(entry.file.path) was removed meanwhile and may have held rows the change depends on")
        }
    }

    /// The data files that new position deletes name, or may name by their bounds and partition, are still there.
    func requireLive(_ deletes: [DataFile], byDeletes: Bool) async throws(TableError) {
        let positions = deletes.filter { $0.content == .positionDeletes }
        guard !positions.isEmpty else { return }
        let index = DeleteIndex(
            positions.map { ManifestEntry(status: .added, snapshotID: nil, dataSequenceNumber: .max, file: $0) },
            base: base)
        let removed = try await removedData(byDeletes: byDeletes)
        if let entry = removed.first(where: { !index.deletes(applyingTo: $0).isEmpty }) {
            throw conflict("\(entry.file.path), which the change deletes rows of, was removed meanwhile")
        }
    }

    /// No deletes for rows of these data files.
    ///
    /// - Parameter equalityDeletes: false where equality deletes committed meanwhile will still apply to the rows.
    func refuseNewDeletes(of entries: [ManifestEntry], equalityDeletes: Bool) async throws(TableError) {
        guard !entries.isEmpty else { return }
        let added = try await addedDeletes().filter { equalityDeletes || $0.file.content != .equalityDeletes }
        let index = DeleteIndex(added, base: base)
        for entry in entries {
            if let delete = index.deletes(applyingTo: entry).first {
                throw conflict("\(entry.file.path) has rows deleted meanwhile by \(delete.file.path)")
            }
        }
    }

    /// No other deletion vector for the same data files.
    func refuseNewVectors(for paths: Set<String>) async throws(TableError) {
        guard !paths.isEmpty else { return }
        if let entry = try await addedVectors().first(where: { paths.contains($0.file.referencedDataFile ?? "") }) {
            throw conflict("\(entry.file.referencedDataFile ?? "") was given another deletion vector meanwhile")
        }
    }
}
