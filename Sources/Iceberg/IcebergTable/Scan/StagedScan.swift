import IcebergSpec

/// A scan whose files are found piece by piece (specification: "Scan Planning").
///
/// A piece follows from the table's metadata, the predicate and positions alone, so that different processes may find
/// different pieces of one scan: positions count through manifest lists and manifests, which never change.
public struct StagedScan: Sendable {
    /// What is scanned.
    public enum Extent: Hashable, Sendable {
        case snapshot(Int64)
        /// The files that commits of the kind `append` added after one snapshot, up to another.
        case appends(after: Int64, through: Int64)
    }

    /// An entry of a manifest; manifests are counted in the order of the manifest lists of the scan.
    public struct Position: Hashable, Sendable {
        public let manifest: Int
        public let entry: Int

        public init(manifest: Int, entry: Int) {
            self.manifest = manifest
            self.entry = entry
        }

        public static let start = Position(manifest: 0, entry: 0)
    }

    /// Neighbouring manifests of the scan, from a position on.
    public struct Stretch: Hashable, Sendable {
        public let start: Position
        /// The manifest that is no part of it any more.
        public let end: Int

        public init(start: Position, end: Int) {
            self.start = start
            self.end = end
        }
    }

    public struct Piece: Sendable {
        public let files: [ScanPlan.File]
        /// Where the rest of the stretch begins; nil when there is none.
        public let next: Position?
    }

    public let schema: Schema
    private let loader: ManifestLoader
    private let metadata: TableMetadata
    private let pruner: FilePruner
    private let manifests: [ManifestFile]
    /// Indices of the manifests that may list a file of the scan, ascending.
    private let wanted: [Int]
    private let deleteManifests: [ManifestFile]
    private let isIncremental: Bool

    init(
        _ extent: Extent, _ manifests: [ManifestFile], metadata: TableMetadata, schema: Schema, pruner: FilePruner,
        loader: ManifestLoader
    ) {
        self.schema = schema
        self.loader = loader
        self.metadata = metadata
        self.pruner = pruner
        self.manifests = manifests
        if case .appends = extent { isIncremental = true } else { isIncremental = false }
        wanted = manifests.indices.filter { index in
            manifests[index].content == .data && manifests[index].mayHaveLiveFiles && pruner.mayMatch(manifests[index])
        }
        deleteManifests = isIncremental ? [] : pruner.deleteManifests(among: manifests, in: metadata)
    }

    /// All of it.
    public var whole: Stretch { Stretch(start: .start, end: manifests.count) }

    /// How many files the manifests that are read for the scan list, about: old manifest lists do not say.
    public var filesEstimate: Int64 { wanted.reduce(0) { $0.addingClamped(Self.filesEstimate(manifests[$1])) } }

    /// Divides what follows `start` into stretches of about so many files: at most twice `stretchesMax`, for which files
    /// are added to each.
    public func stretches(from start: Position, filesEach: Int, stretchesMax: Int) -> [Stretch] {
        let rest = wanted.filter { $0 >= start.manifest }
        let total = rest.reduce(Int64(0)) { $0.addingClamped(Self.filesEstimate(manifests[$1])) }
        let share = max(Int64(filesEach), total / Int64(max(1, stretchesMax)) + 1)
        var stretches: [Stretch] = []
        var files: Int64 = 0
        for index in rest {
            let more = Self.filesEstimate(manifests[index])
            if let last = stretches.last, files.addingClamped(more) <= share {
                stretches[stretches.count - 1] = Stretch(start: last.start, end: index + 1)
                files.addClamped(more)
            } else {
                let position = index == start.manifest ? start : Position(manifest: index, entry: 0)
                stretches.append(Stretch(start: position, end: index + 1))
                files = more
            }
        }
        return stretches
    }

    /// Finds the files of a stretch, at most `filesMax`.
    ///
    /// - Parameter rowsWanted: enough when so many rows are certain to be found; nil: all.
    /// - Throws: as `ManifestLoader`. A stretch of another scan gives other files, or none, but does no harm.
    public func piece(
        _ stretch: Stretch, filesMax: Int, rowsWanted: Int64? = nil
    ) async throws(TableError) -> Piece {
        var search = Search(filesMax: max(1, filesMax), rowsWanted: deleteManifests.isEmpty ? rowsWanted : nil)
        var rest = wanted.filter { $0 >= stretch.start.manifest && $0 < stretch.end }[...]
        while !rest.isEmpty, !search.isDone {
            let batch = rest.prefix(batchCount(rest, filesMax: search.filesMax - search.entries.count))
            rest = rest.dropFirst(batch.count)
            let lists = try await loader.entries(of: batch.map { manifests[$0] }, in: metadata)
            for (index, entries) in zip(batch, lists) {
                let first = index == stretch.start.manifest ? max(0, stretch.start.entry) : 0
                look(through: entries.dropFirst(first), of: index, &search)
            }
        }
        let deletes = try await deletes(for: search.entries)
        let files = search.entries.map { entry in
            ScanPlan.File(
                entry, deletes: deletes?.deletes(applyingTo: entry).map(\.file) ?? [],
                residual: pruner.residual(of: entry.file))
        }
        return Piece(files: files, next: search.next)
    }

    // MARK: - Parts

    private struct Search {
        let filesMax: Int
        let rowsWanted: Int64?
        var entries: [ManifestEntry] = []
        var rows: Int64 = 0
        var next: Position?

        var hasEnoughRows: Bool { rowsWanted.map { rows >= $0 } ?? false }
        var isDone: Bool { next != nil || hasEnoughRows }
    }

    private func look(through entries: ArraySlice<ManifestEntry>, of index: Int, _ search: inout Search) {
        guard !search.isDone else { return }
        for (offset, entry) in zip(entries.indices, entries) where isWanted(entry, manifests[index]) {
            guard search.entries.count < search.filesMax else {
                search.next = Position(manifest: index, entry: offset)
                return
            }
            search.entries.append(entry)
            guard search.rowsWanted != nil, pruner.residual(of: entry.file) == .alwaysTrue else { continue }
            search.rows.addClamped(entry.file.recordCount)
            if search.hasEnoughRows { return }
        }
    }

    private func isWanted(_ entry: ManifestEntry, _ manifest: ManifestFile) -> Bool {
        let isPart =
            isIncremental ? entry.status == .added && entry.snapshotID == manifest.addedSnapshotID : entry.isLive
        return isPart && pruner.mayMatchPartition(entry.file) && pruner.mayMatchBounds(entry.file)
    }

    /// As many manifests as are likely to hold what is still wanted.
    private func batchCount(_ rest: ArraySlice<Int>, filesMax: Int) -> Int {
        var files: Int64 = 0
        var count = 0
        for index in rest.prefix(loader.concurrency) {
            files.addClamped(Self.filesEstimate(manifests[index]))
            guard count == 0 || files <= filesMax else { break }
            count += 1
        }
        return count
    }

    private func deletes(for entries: [ManifestEntry]) async throws(TableError) -> DeleteIndex? {
        guard !entries.isEmpty, !deleteManifests.isEmpty else { return nil }
        return DeleteIndex(try await loader.entries(of: deleteManifests, in: metadata).joined(), base: metadata)
    }

    private static func filesEstimate(_ manifest: ManifestFile) -> Int64 {
        guard let added = manifest.addedFilesCount, let existing = manifest.existingFilesCount else {
            return max(1, manifest.length / Self.entryBytes)
        }
        return max(0, added).addingClamped(max(0, existing))
    }

    /// What an entry takes in a manifest, about.
    private static let entryBytes: Int64 = 200
}

extension ScanPlanner {
    /// Prepares a scan that is planned in pieces. Reads the manifest lists of its snapshots, and no manifest.
    ///
    /// - Parameters:
    ///   - schema: which the predicate's columns are of; nil: the table's current one.
    ///   - ignoringCase: whether the case of column names does not count.
    /// - Throws: `.invalid` when the table has no such snapshots, or the predicate does not fit the schema.
    public func stage(
        _ metadata: TableMetadata, _ extent: StagedScan.Extent, schema: Schema? = nil, predicate: Predicate? = nil,
        ignoringCase: Bool = false
    ) async throws(TableError) -> StagedScan {
        let schema = schema ?? metadata.currentSchema
        let pruner = try FilePruner(
            predicate: predicate, schema: schema, metadata: metadata, ignoringCase: ignoringCase)
        var manifests: [ManifestFile] = []
        switch extent {
        case .snapshot(let id):
            guard let snapshot = metadata.snapshot(id: id) else {
                throw TableError(.invalid, "the table has no snapshot \(id): it may have expired")
            }
            manifests = try await loader.manifests(of: snapshot)
        case .appends(let start, let end):
            let snapshots = try Self.between(start, end, in: metadata).snapshots
            for snapshot in snapshots where snapshot.operation == SnapshotOperation.append.rawValue {
                manifests += try await loader.manifests(of: snapshot).filter {
                    $0.addedSnapshotID == snapshot.snapshotID
                }
            }
        }
        return StagedScan(
            extent, manifests, metadata: metadata, schema: schema, pruner: pruner, loader: loader)
    }
}
