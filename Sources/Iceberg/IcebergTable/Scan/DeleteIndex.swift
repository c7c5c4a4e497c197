import IcebergSpec

/// The row-level deletes of a snapshot, found by the data file they apply to (specification: "Scan Planning").
struct DeleteIndex {
    /// Equality deletes of unpartitioned specs: they apply everywhere.
    private var global: [ManifestEntry] = []
    private var byPartition: [PartitionKey: [ManifestEntry]] = [:]
    private var byDataFile: [String: [ManifestEntry]] = [:]
    private(set) var isEmpty = true

    init(_ entries: some Sequence<ManifestEntry>, base: TableMetadata) {
        for entry in entries where entry.isLive && entry.file.content != .data {
            isEmpty = false
            let isUnpartitioned = base.partitionSpec(id: entry.file.specID)?.isUnpartitioned ?? true
            if let path = entry.file.referencedDataFile {
                byDataFile[path, default: []].append(entry)
            } else if entry.file.content == .equalityDeletes, isUnpartitioned {
                global.append(entry)
            } else {
                byPartition[PartitionKey(entry.file), default: []]
                    .append(entry)
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
        let partition = PartitionKey(entry.file)
        let found = (byDataFile[entry.file.path] ?? []) + (byPartition[partition] ?? []) + global
        let applying = found.filter { delete in
            let number = delete.dataSequenceNumber ?? 0
            guard delete.file.content == .equalityDeletes else {
                return number >= age && Self.mayName(entry.file.path, delete.file)
            }
            return number > age
        }
        guard applying.contains(where: { $0.file.format == .puffin }) else { return applying }
        return applying.filter { $0.file.content == .equalityDeletes || $0.file.format == .puffin }
    }

    /// The id of the `file_path` column of position delete files.
    private static let filePathID = 2_147_483_546

    /// Whether the bounds of a position delete file's path column allow it to name this data file.
    private static func mayName(_ path: String, _ delete: DataFile) -> Bool {
        if let only = delete.referencedDataFile { return only == path }
        guard let lower = delete.lowerBounds[filePathID], let upper = delete.upperBounds[filePathID] else {
            return true
        }
        let bytes = Array(path.utf8)
        return !bytes.lexicographicallyPrecedes(lower) && !upper.lexicographicallyPrecedes(bytes.prefix(upper.count))
    }
}
