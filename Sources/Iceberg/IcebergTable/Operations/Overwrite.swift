import Clocks
import IcebergSpec

/// Exchanges rows for others: the operation `overwrite`, or `delete` when nothing is added.
///
/// What goes is named by files, by a filter, by the partitions of the added files, or several of these. A filter takes
/// files whose rows it accepts all, which must follow from their partition or their bounds; a file that it may accept in
/// part is an error of code `.partial`: `ScanPlanner.divide` lists such files before.
public struct Overwrite: TableOperation {
    public var added: [DataFile]
    /// Live data files, as the manifests describe them.
    public var removed: [DataFile]
    /// Removes the files all of whose rows it accepts.
    public var filter: Predicate?
    /// Removes every file in a partition that an added file is in: dynamic partition overwrite.
    public var replacesPartitions: Bool
    public var branch: String
    public var checks: ConflictChecks
    /// Whether each added file must have only rows that `filter` accepts.
    public var checksAddedFiles: Bool
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]
    /// Table properties to set in the same commit.
    public var properties: [String: String]

    public init(
        added: [DataFile] = [], removed: [DataFile] = [], filter: Predicate? = nil, replacesPartitions: Bool = false,
        branch: String = SnapshotReference.main, checks: ConflictChecks = .none, checksAddedFiles: Bool = false,
        summary: [String: String] = [:], properties: [String: String] = [:]
    ) {
        self.added = added
        self.removed = removed
        self.filter = filter
        self.replacesPartitions = replacesPartitions
        self.branch = branch
        self.checks = checks
        self.checksAddedFiles = checksAddedFiles
        self.summary = summary
        self.properties = properties
    }

    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        try checkAdded(base)
        try await validate(builder)
        let isDelete = added.isEmpty && !replacesPartitions
        return try await builder.commit(
            FileChange(
                operation: isDelete ? .delete : .overwrite, addedData: added,
                removal: FileRemoval(data: removed, filter: filter, partitions: partitions(base)), summary: summary,
                properties: properties))
    }

    /// Of an unpartitioned table everything is in the one partition.
    private func partitions(_ base: TableMetadata) -> Set<PartitionKey> {
        replacesPartitions ? Set(added.map { PartitionKey($0) }) : []
    }

    private func checkAdded(_ base: TableMetadata) throws(TableError) {
        guard checksAddedFiles, let filter else { return }
        let pruner = try FilePruner(predicate: filter, schema: base.currentSchema, metadata: base)
        for file in added where pruner.match(file) != .all {
            throw TableError(.invalid, "\(file.path) may have rows that the overwrite's filter does not accept")
        }
    }

    private func validate(_ builder: CommitBuilder) async throws(TableError) {
        guard checks.isolation != .none else { return }
        let base = builder.base
        let since = try CommitsSince(
            checks.startingSnapshotID, head: builder.parent, base: base, loader: builder.loader)
        // A filter of its own narrows what conflicts; without one, the rows that are removed are what was read.
        let wanted = checks.filter == .alwaysTrue ? filter ?? .alwaysTrue : checks.filter
        let pruner = try FilePruner(
            predicate: wanted, schema: base.currentSchema, metadata: base,
            partitions: replacesPartitions ? partitions(base) : nil)
        if checks.isolation == .serializable { try await since.refuseNewData(pruner) }
        if filter != nil || replacesPartitions {
            try await since.refuseNewDeletes(pruner)
            try await since.refuseRemovedData(pruner)
        }
        try await since.refuseNewDeletes(
            of: removed.map { ManifestEntry(status: .existing, snapshotID: nil, dataSequenceNumber: 0, file: $0) },
            equalityDeletes: true)
    }
}

/// Removes data files: the operation `delete`.
///
/// Files are named by path, as the manifests describe them, or by a filter as in `Overwrite`. Costs more by path alone:
/// every data manifest is then read.
public struct DeleteFiles: TableOperation {
    public var files: [DataFile]
    public var paths: Set<String>
    public var filter: Predicate?
    public var branch: String
    /// Whether a file that is not live is an error; else it counts as deleted.
    public var mustExist: Bool
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]

    public init(
        files: [DataFile] = [], paths: Set<String> = [], filter: Predicate? = nil,
        branch: String = SnapshotReference.main, mustExist: Bool = true, summary: [String: String] = [:]
    ) {
        self.files = files
        self.paths = paths
        self.filter = filter
        self.branch = branch
        self.mustExist = mustExist
        self.summary = summary
    }

    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        return try await builder.commit(
            FileChange(
                operation: .delete,
                removal: FileRemoval(data: files, dataPaths: paths, filter: filter, mustExist: mustExist),
                summary: summary))
    }
}
