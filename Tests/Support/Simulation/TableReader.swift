import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

/// Reads ids of events out of a table, by its manifests and files.
struct TableReader: Sendable {
    let store: any ObjectStore
    let loader: ManifestLoader

    init(_ store: any ObjectStore) {
        self.store = store
        loader = ManifestLoader(store: store)
    }

    func liveFiles(of snapshot: Snapshot, in metadata: TableMetadata) async throws -> [ManifestEntry] {
        var live: [ManifestEntry] = []
        for manifest in try await loader.manifests(of: snapshot) {
            live += try await loader.entries(of: manifest, in: metadata).filter(\.isLive)
        }
        return live
    }

    /// The column `id`.
    func ids(in path: String) async throws -> [String] {
        let reader = try ParquetReader(try await store.get(store.location(of: path), range: nil).bytes)
        guard let leaf = reader.metadata.schema.leaves.firstIndex(where: { $0.path == ["id"] }) else {
            throw TableError(.malformed, "\(path) has no column id")
        }
        var ids: [String] = []
        for group in 0..<reader.metadata.rowGroups.count {
            let column = try reader.column(rowGroup: group, leaf: leaf).values.byteArrays
            ids += (0..<(column?.count ?? 0)).compactMap { column?.string(at: $0) }
        }
        return ids
    }

    /// Writes a file of these ids that has no other column.
    func write(
        _ ids: [String], to path: String, like file: DataFile?, in metadata: TableMetadata
    ) async throws -> DataFile {
        let field = metadata.currentSchema.field(named: "id")
        let schema = try ParquetSchema(
            name: "table", fields: [.string("id", .required, fieldID: Int32(field?.id ?? 1))])
        var writer = try ParquetWriter(schema: schema, options: ParquetWriterOptions(codec: .uncompressed))
        let column = LeafColumn(schema.leaves[0], values: .byteArray(ByteArrayColumn(utf8: ids)))
        try writer.appendRowGroup([column], rowCount: ids.count)
        let written = try writer.finish()
        _ = try await store.putIfAbsentProved(try store.location(of: path), written.bytes)
        let spec = file.flatMap { metadata.partitionSpec(id: $0.specID) } ?? metadata.defaultSpec
        return DataFile.make(
            from: written.summary, path: path, schema: metadata.currentSchema, spec: spec,
            partition: file?.partition ?? [.string("other"), .int(0)])
    }
}
