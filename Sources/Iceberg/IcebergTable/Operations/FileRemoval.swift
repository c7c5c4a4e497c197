import IcebergSpec

/// Which live files a commit takes out of the table.
struct FileRemoval {
    /// Data files as the manifests describe them: only manifests that can hold their partitions are read.
    var data: [DataFile] = []
    /// Data files of which only the path is known: every data manifest is read.
    var dataPaths: Set<String> = []
    /// Delete files as the manifests describe them.
    var deletes: [DataFile] = []
    /// Data files all of whose rows it accepts.
    var filter: Predicate?
    /// Data files of these partitions.
    var partitions: Set<PartitionKey> = []
    /// Whether a file that is not live is an error; else it is as good as removed.
    var mustExist = true

    var isEmpty: Bool {
        data.isEmpty && dataPaths.isEmpty && deletes.isEmpty && filter == nil && partitions.isEmpty
    }
}

/// The manifests of the parent after a removal.
struct FilteredManifests {
    /// As they were.
    var kept: [ManifestFile] = []
    /// Written anew, the removed entries as deleted by this commit.
    var rewritten: [ManifestFile] = []
    /// The removed entries, as they were.
    var removed: [ManifestEntry] = []
}

extension CommitBuilder {
    /// Rewrites the manifests that hold removed files. Deletes that no longer apply to anything go as well: deletion
    /// vectors and position deletes of one removed file, and deletes older than every data file.
    ///
    /// - Parameter addedAge: the lowest data sequence number of the files that this commit adds.
    /// - Throws: `.stale` for a file that is not live, `.invalid` for one that the filter accepts in part.
    mutating func remove(
        _ removal: FileRemoval, from manifests: [ManifestFile], addedAge: Int64
    ) async throws(TableError) -> FilteredManifests {
        guard !removal.isEmpty else { return FilteredManifests(kept: manifests) }
        let matcher = try RemovalMatcher(removal, base: base, schema: base.currentSchema)
        var missing = matcher.dataPaths
        var result = FilteredManifests()
        var oldestData = addedAge
        for (manifest, entries) in try await loaded(manifests, .data, matcher.mayHold) {
            guard let entries else {
                if manifest.content == .data {
                    oldestData = min(oldestData, manifest.minSequenceNumber)
                    result.kept.append(manifest)
                }
                continue
            }
            var hits: Set<Int> = []
            for (index, entry) in entries.enumerated() where entry.isLive {
                guard try matcher.removes(entry) else {
                    oldestData = min(oldestData, entry.dataSequenceNumber ?? 0)
                    continue
                }
                hits.insert(index)
                missing.remove(entry.file.path)
            }
            try rewrite(manifest, entries, removing: hits, into: &result)
        }
        if removal.mustExist, let path = missing.min() {
            throw TableError(.stale, "\(path) is no longer a live file of the table: another commit removed it")
        }
        try await removeDeletes(removal, manifests, oldestData: oldestData, into: &result)
        return result
    }

    private mutating func removeDeletes(
        _ removal: FileRemoval, _ manifests: [ManifestFile], oldestData: Int64, into result: inout FilteredManifests
    ) async throws(TableError) {
        let removedData = Set(result.removed.map(\.file.path))
        var missing = Set(removal.deletes.map { DeleteFileKey($0) })
        let named = missing
        let needsAll = !removedData.isEmpty || !named.isEmpty
        for (manifest, entries) in try await loaded(manifests, .deletes, { _ in needsAll }) {
            guard let entries else {
                if manifest.content == .deletes { result.kept.append(manifest) }
                continue
            }
            var hits: Set<Int> = []
            for (index, entry) in entries.enumerated() where entry.isLive {
                let isNamed = named.contains(DeleteFileKey(entry.file))
                let isDangling = entry.file.onlyDataFile.map(removedData.contains) ?? false
                guard isNamed || isDangling || entry.dataSequenceNumber ?? .max < oldestData else { continue }
                hits.insert(index)
                missing.remove(DeleteFileKey(entry.file))
            }
            try rewrite(manifest, entries, removing: hits, into: &result)
        }
        if removal.mustExist, let key = missing.min(by: { $0.path < $1.path }) {
            throw TableError(.stale, "\(key.path) is no longer a live delete file: another commit removed it")
        }
    }

    /// The entries of live data files that are named as the manifests describe them.
    func liveEntries(of files: [DataFile]) async throws(TableError) -> [ManifestEntry] {
        let matcher = try RemovalMatcher(FileRemoval(data: files), base: base, schema: base.currentSchema)
        let manifests = try await liveManifests()
        var found: [ManifestEntry] = []
        for (_, entries) in try await loaded(manifests, .data, matcher.mayHold) {
            for entry in entries ?? [] where entry.isLive && matcher.dataPaths.contains(entry.file.path) {
                found.append(entry)
            }
        }
        return found
    }

    private mutating func rewrite(
        _ manifest: ManifestFile, _ entries: [ManifestEntry], removing hits: Set<Int>,
        into result: inout FilteredManifests
    ) throws(TableError) {
        guard !hits.isEmpty else { return result.kept.append(manifest) }
        var kept: [ManifestEntry] = []
        for (index, entry) in entries.enumerated() where entry.isLive {
            var entry = entry
            if hits.contains(index) {
                result.removed.append(entry)
                entry.status = .deleted
                entry.snapshotID = snapshotID
            } else {
                entry.status = .existing
            }
            kept.append(entry)
        }
        result.rewritten.append(
            try writeManifest(kept, specID: manifest.partitionSpecID, content: manifest.content))
    }

    /// The manifests in order, with the entries of those of `content` that `isWanted` picks.
    private func loaded(
        _ manifests: [ManifestFile], _ content: ManifestFile.Content,
        _ isWanted: (ManifestFile) throws(TableError) -> Bool
    ) async throws(TableError) -> [(ManifestFile, [ManifestEntry]?)] {
        var wanted: [ManifestFile] = []
        for manifest in manifests where manifest.content == content {
            if try isWanted(manifest) { wanted.append(manifest) }
        }
        let entries = try await loader.entries(of: wanted, in: base)
        let byPath = Dictionary(zip(wanted.map(\.path), entries)) { first, _ in first }
        return manifests.map { ($0, $0.content == content ? byPath[$0.path] : nil) }
    }
}

/// Tells which data files a removal takes.
private struct RemovalMatcher {
    let dataPaths: Set<String>
    private let pathsAreEverywhere: Bool
    private var boxes: [Int: PartitionRange] = [:]
    private let partitions: Set<PartitionKey>
    private let pruner: FilePruner?
    private let types: [Int: [IcebergType]]

    init(_ removal: FileRemoval, base: TableMetadata, schema: Schema) throws(TableError) {
        dataPaths = removal.dataPaths.union(removal.data.map(\.path))
        pathsAreEverywhere = !removal.dataPaths.isEmpty
        partitions = removal.partitions
        for file in removal.data { boxes[file.specID, default: PartitionRange()].add(file.partition) }
        for key in partitions { boxes[key.specID, default: PartitionRange()].add(key.values) }
        if let filter = removal.filter {
            pruner = try FilePruner(predicate: filter, schema: schema, metadata: base)
        } else {
            pruner = nil
        }
        var types: [Int: [IcebergType]] = [:]
        for spec in base.partitionSpecs { types[spec.specID] = base.partitionTypes(of: spec) }
        self.types = types
    }

    func mayHold(_ manifest: ManifestFile) throws(TableError) -> Bool {
        if pathsAreEverywhere || pruner?.mayMatch(manifest) ?? false { return true }
        guard let box = boxes[manifest.partitionSpecID], let types = types[manifest.partitionSpecID] else {
            return false
        }
        return try box.mayOverlap(manifest, types: types)
    }

    func removes(_ entry: ManifestEntry) throws(TableError) -> Bool {
        if dataPaths.contains(entry.file.path) { return true }
        if !partitions.isEmpty, partitions.contains(PartitionKey(entry.file)) { return true }
        guard let pruner, pruner.mayMatchPartition(entry.file) else { return false }
        switch pruner.match(entry.file) {
        case .all: return true
        case .none: return false
        case .some:
            throw TableError(
                .partial,
                "\(entry.file.path) has rows that the filter accepts and may have others: it must be "
                    + "rewritten, or its rows deleted by a delete file")
        }
    }
}
