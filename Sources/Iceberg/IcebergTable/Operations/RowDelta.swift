import Clocks
import IcebergSpec

/// Adds and removes rows without rewriting the files they are in: data files, position and equality delete files, and
/// deletion vectors in one commit (specification: "Row-level Deletes").
///
/// In format version 3 rows of a data file are deleted by its one deletion vector: a new vector holds everything the old
/// one and all position delete files of the file held, and the old one is among `removedDeletes`.
public struct RowDelta: TableOperation {
    public var addedData: [DataFile]
    public var addedDeletes: [DataFile]
    /// Live delete files, as the manifests describe them, that the added ones take the place of.
    public var removedDeletes: [DataFile]
    /// Live data files that go with all of their rows.
    public var removedData: [DataFile]
    public var branch: String
    public var checks: ConflictChecks
    /// Whether a data file that the added deletes point to may have been removed by a `delete`: its rows are gone either
    /// way. Never by an overwrite or a rewrite, which may have kept them elsewhere.
    public var allowsDeletedDataFiles: Bool
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]
    /// Table properties to set in the same commit.
    public var properties: [String: String]

    public init(
        addedData: [DataFile] = [], addedDeletes: [DataFile] = [], removedDeletes: [DataFile] = [],
        removedData: [DataFile] = [], branch: String = SnapshotReference.main, checks: ConflictChecks,
        allowsDeletedDataFiles: Bool = false, summary: [String: String] = [:], properties: [String: String] = [:]
    ) {
        self.addedData = addedData
        self.addedDeletes = addedDeletes
        self.removedDeletes = removedDeletes
        self.removedData = removedData
        self.branch = branch
        self.checks = checks
        self.allowsDeletedDataFiles = allowsDeletedDataFiles
        self.summary = summary
        self.properties = properties
    }

    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        try await validate(builder)
        try await checkVectors(builder)
        return try await builder.commit(
            FileChange(
                operation: operation, addedData: addedData, addedDeletes: addedDeletes,
                removal: FileRemoval(data: removedData, deletes: removedDeletes), summary: summary,
                properties: properties))
    }

    private var operation: SnapshotOperation {
        let removes = !addedDeletes.isEmpty || !removedData.isEmpty
        if !removes && removedDeletes.isEmpty { return .append }
        return addedData.isEmpty && removes ? .delete : .overwrite
    }

    private func validate(_ builder: CommitBuilder) async throws(TableError) {
        guard checks != .none else { return }
        let base = builder.base
        let since = try CommitsSince(
            checks.startingSnapshotID, head: builder.parent, base: base, loader: builder.loader)
        let own = Set(addedData.map(\.path))
        try await since.requireLive(
            addedDeletes.filter { $0.onlyDataFile.map { !own.contains($0) } ?? true },
            byDeletes: !allowsDeletedDataFiles)
        try await since.refuseNewVectors(
            for: Set(addedDeletes.filter(\.isDeletionVector).compactMap(\.referencedDataFile)))
        try await since.refuseNewDeletes(
            of: removedData.map { ManifestEntry(status: .existing, snapshotID: nil, dataSequenceNumber: 0, file: $0) },
            equalityDeletes: true)
        guard checks.isolation != .none else { return }
        let pruner = try FilePruner(predicate: checks.filter, schema: base.currentSchema, metadata: base)
        if checks.isolation == .serializable { try await since.refuseNewData(pruner) }
        try await since.refuseNewDeletes(pruner)
    }

    /// At most one deletion vector a data file: an old one must be among those removed.
    func checkVectors(_ builder: CommitBuilder) async throws(TableError) {
        let paths = Set(addedDeletes.filter(\.isDeletionVector).compactMap(\.referencedDataFile))
        guard !paths.isEmpty else { return }
        let removed = Set(removedDeletes.map { DeleteFileKey($0) })
        let manifests = try await builder.liveManifests().filter { $0.content == .deletes }
        for entry in try await builder.loader.entries(of: manifests, in: builder.base).joined()
        where entry.isLive && entry.file.isDeletionVector && !removed.contains(DeleteFileKey(entry.file)) {
            guard let path = entry.file.referencedDataFile, paths.contains(path) else { continue }
            throw TableError(
                .stale,
                "\(path) has a deletion vector in \(entry.file.path): the new one must hold its rows, too, and "
                    + "remove it")
        }
    }
}
