import Clocks
import IcebergSpec

/// Exchanges whole data and delete files for others: compaction (`replace`), and with other operations overwriting and
/// deleting.
///
/// Only manifests that hold a removed file are written anew; the others are kept as they are.
public struct Replace: TableOperation {
    /// Live data files of the table, as its manifests describe them.
    public var removed: [DataFile]
    public var added: [DataFile]
    /// Live delete files that go: rewritten into `addedDeletes`, or applied to the rows of `added`.
    public var removedDeletes: [DataFile]
    public var addedDeletes: [DataFile]
    public var operation: SnapshotOperation
    /// The age of the added rows: the sequence number of the snapshot that the removed files were read in. Row-level
    /// deletes committed after that snapshot then still apply to them. Nil: the rows are new with this commit.
    public var dataSequenceNumber: Int64?
    /// The age of the added deletes: the highest of those they take the place of.
    public var deleteSequenceNumber: Int64?
    /// The snapshot that the removed files were read in, with all deletes applied that it had: only deletes committed
    /// later are conflicts. Nil: a removed file must have no deletes at all.
    public var startingSnapshotID: Int64?
    public var branch: String
    public var summary: [String: String]
    public var properties: [String: String]

    public init(
        removed: [DataFile], added: [DataFile], removedDeletes: [DataFile] = [], addedDeletes: [DataFile] = [],
        operation: SnapshotOperation = .replace, dataSequenceNumber: Int64?, deleteSequenceNumber: Int64? = nil,
        startingSnapshotID: Int64? = nil, branch: String = SnapshotReference.main, summary: [String: String] = [:],
        properties: [String: String] = [:]
    ) {
        self.removed = removed
        self.added = added
        self.removedDeletes = removedDeletes
        self.addedDeletes = addedDeletes
        self.operation = operation
        self.dataSequenceNumber = dataSequenceNumber
        self.deleteSequenceNumber = deleteSequenceNumber
        self.startingSnapshotID = startingSnapshotID
        self.branch = branch
        self.summary = summary
        self.properties = properties
    }

    /// Works the change out on top of `base`, which may be newer than what the files were read in.
    ///
    /// - Throws: `.stale` when a removed file is no longer live in `base`, or has row-level deletes that the added files
    ///   would bring back; otherwise as `Append.prepare`.
    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        try check()
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        try await checkVectors(builder)
        if operation != .delete { try await checkDeletes(builder) }
        return try await builder.commit(
            FileChange(
                operation: operation, addedData: added, dataSequenceNumber: dataSequenceNumber,
                addedDeletes: addedDeletes, deleteSequenceNumber: deleteSequenceNumber,
                removal: FileRemoval(data: removed, deletes: removedDeletes), summary: summary,
                properties: properties))
    }

    private func check() throws(TableError) {
        guard !removed.isEmpty || !removedDeletes.isEmpty else { throw TableError(.invalid, "nothing is replaced") }
        guard Set(removed.map(\.path)).count == removed.count, Set(added.map(\.path)).count == added.count,
            Set(added.map(\.path)).isDisjoint(with: removed.map(\.path))
        else { throw TableError(.invalid, "a file is named twice in one replacement") }
        for file in removed + added where file.content != .data {
            throw TableError(.invalid, "\(file.path): only data files can be replaced by data files")
        }
        for file in removedDeletes + addedDeletes where file.content == .data {
            throw TableError(.invalid, "\(file.path): only delete files can be replaced by delete files")
        }
        guard addedDeletes.isEmpty || deleteSequenceNumber != nil else {
            throw TableError(.invalid, "rewritten deletes keep their age: it must be given")
        }
        try checkRows()
    }

    /// Rows can only become fewer, and only by the deletes that were applied to them.
    private func checkRows() throws(TableError) {
        guard operation == .replace else { return }
        let rows = { (files: [DataFile]) in files.reduce(0) { $0 &+ $1.recordCount } }
        let (before, after) = (rows(removed), rows(added))
        guard after == before || startingSnapshotID != nil && after < before else {
            throw TableError(
                .invalid, "a replacement must keep the rows: \(before) are removed and \(after) added")
        }
    }

    /// Two rewrites of one file's deletes must not both stay: a data file has at most one deletion vector.
    private func checkVectors(_ builder: CommitBuilder) async throws(TableError) {
        let vectors = addedDeletes.filter(\.isDeletionVector)
        guard !vectors.isEmpty else { return }
        try await RowDelta(
            addedDeletes: vectors, removedDeletes: removedDeletes, branch: branch,
            checks: ConflictChecks(startingSnapshotID: builder.parent?.snapshotID, isolation: .none)
        ).checkVectors(builder)
    }

    /// Rows that a delete file removes from a replaced file would be back in the new one, unless the delete is younger
    /// than the added rows and finds them by value.
    private func checkDeletes(_ builder: CommitBuilder) async throws(TableError) {
        guard !removed.isEmpty else { return }
        let base = builder.base
        if let startingSnapshotID {
            let since = try CommitsSince(
                startingSnapshotID, head: builder.parent, base: base, loader: builder.loader)
            let entries = removed.map {
                ManifestEntry(status: .existing, snapshotID: nil, dataSequenceNumber: 0, file: $0)
            }
            return try await since.refuseNewDeletes(of: entries, equalityDeletes: dataSequenceNumber == nil)
        }
        let deletes = try await DeleteIndex.load(
            try await builder.liveManifests(), base: base, loader: builder.loader)
        guard !deletes.isEmpty else { return }
        for entry in try await builder.liveEntries(of: removed) {
            for delete in deletes.deletes(applyingTo: entry) {
                if delete.file.content == .equalityDeletes, let age = dataSequenceNumber,
                    delete.dataSequenceNumber ?? 0 > age
                {
                    continue
                }
                throw TableError(
                    .stale,
                    "\(entry.file.path) has rows deleted by \(delete.file.path): replacing it would bring them back")
            }
        }
    }
}
