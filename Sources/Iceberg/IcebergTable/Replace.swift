import Clocks
import IcebergSpec

/// Exchanges whole data files for others: compaction (`replace`), and with other operations overwriting and deleting.
///
/// Only manifests that hold a removed file are written anew; the others are kept as they are.
public struct Replace: Sendable {
    /// Live data files of the table, as its manifests describe them.
    public var removed: [DataFile]
    public var added: [DataFile]
    public var operation: SnapshotOperation
    /// The age of the added rows: the sequence number of the snapshot that the removed files were read in. Row-level
    /// deletes committed after that snapshot then still apply to them. Nil: the rows are new with this commit.
    public var dataSequenceNumber: Int64?
    public var summary: [String: String]
    public var properties: [String: String]

    public init(
        removed: [DataFile], added: [DataFile], operation: SnapshotOperation = .replace,
        dataSequenceNumber: Int64?, summary: [String: String] = [:], properties: [String: String] = [:]
    ) {
        self.removed = removed
        self.added = added
        self.operation = operation
        self.dataSequenceNumber = dataSequenceNumber
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
        var builder = try CommitBuilder(base: base, loader: loader, random: random, now: now)
        let manifests = try await builder.liveManifests()
        var missing = Dictionary(uniqueKeysWithValues: removed.map { ($0.path, $0) })
        var changes = SnapshotChanges()
        var kept: [ManifestFile] = []
        var rewritten: [ManifestFile] = []
        var removedEntries: [ManifestEntry] = []
        for (manifest, entries) in try await candidates(manifests, base: base, loader: loader) {
            let hits = entries?.filter { $0.isLive && missing[$0.file.path] != nil } ?? []
            guard let entries, !hits.isEmpty else {
                kept.append(manifest)
                continue
            }
            removedEntries += hits
            for hit in hits {
                missing[hit.file.path] = nil
                changes.remove(hit.file)
            }
            let paths = Set(hits.map(\.file.path))
            rewritten.append(
                try builder.writeManifest(
                    Self.rewrite(entries, removing: paths, snapshotID: builder.snapshotID),
                    specID: manifest.partitionSpecID))
        }
        if let file = missing.values.min(by: { $0.path < $1.path }) {
            throw TableError(.stale, "\(file.path) is no longer a live file of the table: another commit removed it")
        }
        try await checkDeletes(of: removedEntries, manifests: manifests, base: base, loader: loader)
        let new = added.map {
            ManifestEntry(
                status: .added, snapshotID: builder.snapshotID, dataSequenceNumber: dataSequenceNumber, file: $0)
        }
        for file in added { changes.add(file) }
        let written = try builder.writeManifests(new)
        let merged = try await builder.merge(added: written, addedEntries: new, kept: kept)
        return try builder.finish(
            operation, manifests: rewritten + merged, changes: changes, summary: summary, properties: properties)
    }

    private func check() throws(TableError) {
        guard !removed.isEmpty else { throw TableError(.invalid, "nothing is replaced") }
        guard Set(removed.map(\.path)).count == removed.count, Set(added.map(\.path)).count == added.count,
            Set(added.map(\.path)).isDisjoint(with: removed.map(\.path))
        else { throw TableError(.invalid, "a file is named twice in one replacement") }
        for file in removed + added where file.content != .data {
            throw TableError(.invalid, "\(file.path): only data files can be replaced")
        }
        let rows = { (files: [DataFile]) in files.reduce(0) { $0 + $1.recordCount } }
        guard operation != .replace || rows(removed) == rows(added) else {
            throw TableError(
                .invalid,
                "a replacement must keep the rows: \(rows(removed)) are removed and \(rows(added)) added")
        }
    }

    /// The data manifests, with the entries of those that can hold a removed file.
    private func candidates(
        _ manifests: [ManifestFile], base: TableMetadata, loader: ManifestLoader
    ) async throws(TableError) -> [(ManifestFile, [ManifestEntry]?)] {
        var tests: [Int: PartitionRange] = [:]
        for file in removed { tests[file.specID, default: PartitionRange()].add(file.partition) }
        var wanted: [ManifestFile] = []
        for manifest in manifests where manifest.content == .data {
            guard let test = tests[manifest.partitionSpecID],
                let spec = base.partitionSpec(id: manifest.partitionSpecID)
            else { continue }
            if try test.mayOverlap(manifest, types: base.partitionTypes(of: spec)) { wanted.append(manifest) }
        }
        let loaded = try await loader.entries(of: wanted, in: base)
        let byPath = Dictionary(zip(wanted.map(\.path), loaded)) { first, _ in first }
        return manifests.map { ($0, $0.content == .data ? byPath[$0.path] : nil) }
    }

    /// The live entries of a manifest, the removed ones as deleted by this commit.
    private static func rewrite(
        _ entries: [ManifestEntry], removing paths: Set<String>, snapshotID: Int64
    ) -> [ManifestEntry] {
        entries.filter(\.isLive).map { entry in
            var entry = entry
            if paths.contains(entry.file.path) {
                entry.status = .deleted
                entry.snapshotID = snapshotID
            } else {
                entry.status = .existing
            }
            return entry
        }
    }

    /// Rows that a delete file removes from a replaced file would be back in the new one, unless the delete is younger
    /// than the added rows and finds them by value.
    private func checkDeletes(
        of removed: [ManifestEntry], manifests: [ManifestFile], base: TableMetadata, loader: ManifestLoader
    ) async throws(TableError) {
        guard operation != .delete else { return }
        let deletes = try await DeleteIndex.load(manifests, base: base, loader: loader)
        guard !deletes.isEmpty else { return }
        for entry in removed {
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

/// The smallest box around some partition tuples.
struct PartitionRange {
    private var lower: [Datum?] = []
    private var upper: [Datum?] = []
    private var hasNull: [Bool] = []
    private var hasNaN: [Bool] = []

    mutating func add(_ partition: [Datum?]) {
        while lower.count < partition.count {
            lower.append(nil)
            upper.append(nil)
            hasNull.append(false)
            hasNaN.append(false)
        }
        for (index, value) in partition.enumerated() {
            guard let value else {
                hasNull[index] = true
                continue
            }
            guard !value.isNaN else {
                hasNaN[index] = true
                continue
            }
            if lower[index].map({ value.order(to: $0) == .less }) ?? true { lower[index] = value }
            if upper[index].map({ value.order(to: $0) == .greater }) ?? true { upper[index] = value }
        }
    }

    /// Whether the manifest's summaries allow it to list a file in the box.
    func mayOverlap(_ manifest: ManifestFile, types: [IcebergType]) throws(TableError) -> Bool {
        guard let summaries = manifest.partitions, summaries.count == types.count else { return true }
        for (index, summary) in summaries.enumerated() where index < lower.count {
            if hasNull[index] && summary.containsNull { continue }
            if hasNaN[index] && summary.containsNaN ?? true { continue }
            guard let low = lower[index], let high = upper[index], let from = summary.lowerBound,
                let to = summary.upperBound
            else { return false }
            do {
                let bottom = try Datum(singleValueBinary: from, type: types[index])
                let top = try Datum(singleValueBinary: to, type: types[index])
                if high.order(to: bottom) == .less || low.order(to: top) == .greater { return false }
            } catch {
                throw TableError(.malformed, "\(manifest.path): a partition summary is damaged: \(error)")
            }
        }
        return true
    }
}
