import IcebergSpec

/// The row-level deletes of a snapshot, found by the data file they apply to (specification: "Scan Planning").
struct DeleteIndex: Sendable {
    /// Equality deletes of unpartitioned specs: they apply everywhere.
    private var global: [ManifestEntry] = []
    private var byPartition: [PartitionKey: [ManifestEntry]] = [:]
    private var byDataFile: [String: [ManifestEntry]] = [:]
    private let base: TableMetadata
    private(set) var isEmpty = true

    init(_ entries: some Sequence<ManifestEntry>, base: TableMetadata) {
        self.base = base
        var unpartitioned: [Int: Bool] = [:]
        for spec in base.partitionSpecs { unpartitioned[spec.specID] = spec.isUnpartitioned }
        for entry in entries where entry.isLive && entry.file.content != .data {
            isEmpty = false
            if let path = entry.file.onlyDataFile {
                byDataFile[path, default: []].append(entry)
            } else if entry.file.content == .equalityDeletes, unpartitioned[entry.file.specID] ?? true {
                global.append(entry)
            } else {
                byPartition[PartitionKey(entry.file), default: []].append(entry)
            }
        }
    }

    /// Reads the delete manifests among `manifests`.
    static func load(
        _ manifests: [ManifestFile], base: TableMetadata, loader: ManifestLoader
    ) async throws(TableError) -> DeleteIndex {
        let deletes = manifests.filter { $0.content == .deletes && $0.mayHaveLiveFiles }
        return DeleteIndex(try await loader.entries(of: deletes, in: base).joined(), base: base)
    }

    /// A deletion vector replaces all position deletes of its file; position deletes apply to rows of the same commit and
    /// older, equality deletes to older rows only.
    func deletes(applyingTo entry: ManifestEntry) -> [ManifestEntry] {
        guard !isEmpty else { return [] }
        let age = entry.dataSequenceNumber ?? 0
        var applying: [ManifestEntry] = []
        func take(_ candidates: [ManifestEntry]?) {
            for delete in candidates ?? [] where applies(delete, to: entry.file, age) { applying.append(delete) }
        }
        take(byDataFile[entry.file.path])
        if !byPartition.isEmpty { take(byPartition[PartitionKey(entry.file)]) }
        take(global)
        guard applying.contains(where: \.file.isDeletionVector) else { return applying }
        return applying.filter { $0.file.content == .equalityDeletes || $0.file.isDeletionVector }
    }

    private func applies(_ delete: ManifestEntry, to file: DataFile, _ age: Int64) -> Bool {
        let number = delete.dataSequenceNumber ?? 0
        guard delete.file.content == .equalityDeletes else {
            return number >= age && Self.mayName(file.path, delete.file)
        }
        return number > age && mayEqual(delete.file, file)
    }

    /// Whether the bounds of a position delete file's path column allow it to name this data file.
    private static func mayName(_ path: String, _ delete: DataFile) -> Bool {
        if let only = delete.referencedDataFile { return only == path }
        guard let lower = delete.lowerBounds[DataFile.filePathID], let upper = delete.upperBounds[DataFile.filePathID]
        else { return true }
        let bytes = Array(path.utf8)
        return !bytes.lexicographicallyPrecedes(lower) && !upper.lexicographicallyPrecedes(bytes.prefix(upper.count))
    }

    /// Whether some row of a data file may equal one of an equality delete file in every column that it compares, by
    /// their bounds and counts.
    private func mayEqual(_ delete: DataFile, _ file: DataFile) -> Bool {
        for id in delete.equalityIDs {
            guard let type = type(of: id), type.isPrimitive else { continue }
            let (theirs, ours) = (delete.range(fieldID: id, type: type), file.range(fieldID: id, type: type))
            if theirs.mayHaveNull && ours.mayHaveNull || theirs.mayHaveNaN && ours.mayHaveNaN { continue }
            guard theirs.mayHaveValue, ours.mayHaveValue else { return false }
            if let lower = theirs.lower, let upper = ours.upper, lower.order(to: upper) == .greater { return false }
            if let upper = theirs.upper, let lower = ours.lower, upper.order(to: lower) == .less { return false }
        }
        return true
    }

    private func type(of id: Int) -> IcebergType? {
        base.currentSchema.field(id: id)?.type ?? base.schemas.lazy.compactMap { $0.field(id: id)?.type }.first
    }
}

extension DataFile {
    /// The id of the `file_path` column of position delete files.
    static let filePathID = 2_147_483_546

    /// The data file that a position delete file or deletion vector is about, where it is about one: stated, or because
    /// the lowest and highest path in it are the same.
    var onlyDataFile: String? {
        guard content == .positionDeletes else { return nil }
        if let referencedDataFile { return referencedDataFile }
        guard let lower = lowerBounds[Self.filePathID], lower == upperBounds[Self.filePathID] else { return nil }
        return String(validating: lower, as: UTF8.self)
    }
}
