import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

extension Request {
    /// `read`: every row as a line of JSON into the file "output" below the root's bucket, of the table or, with
    /// "metadata", of a metadata file by its URI; "columns" (those like `_row_id` as well), "snapshot", "filter".
    func read() async throws -> JSONObject {
        let metadata = try await metadataToRead()
        var scan = TableScan(metadata, loader: ManifestLoader(store: store))
        scan.columns = try body.optional("columns")?.elements().map { try $0.string() }
        scan.predicate = try body.optional("filter").map { try Predicate(json: $0.value) }
        if let id = try body.optional("snapshot")?.integer() { scan.target = .snapshot(id) }
        var lines: [UInt8] = []
        var count = 0
        for try await batch in scan.batches() {
            batch.appendJSONLines(to: &lines)
            count += batch.rowCount
        }
        let output = try store.location(of: "file://\(store.root)/\(Self.bucket)/\(try body.member("output").string())")
        _ = try await store.put(output, lines, condition: .always, contentType: nil)
        return JSONObject([JSONObject.Member(key: "rows", value: JSONValue(count))])
    }

    private func metadataToRead() async throws -> TableMetadata {
        guard let uri = try body.optional("metadata")?.string() else { return try await loadTable() }
        return try TableMetadataFile.decode(try await store.get(try store.location(of: uri), range: nil).bytes)
    }

    /// `rewrite`: all rows into new files as the table's properties, spec and sort order say now; deletes are applied, and
    /// in version 3 rows keep their lineage.
    func rewrite() async throws -> LoadedTable {
        let base = try await loadTable()
        var options = try TableWriterOptions(properties: base.properties)
        options.keepsLineage = base.formatVersion >= 3
        var writer = try TableWriter(base, options: options)
        var scan = TableScan(base, loader: ManifestLoader(store: store))
        scan.columns = writer.schema.fields.map(\.name)
        let plan = try await scan.plan()
        for try await batch in scan.batches(of: plan) { try writer.append(batch) }
        let added = try await put(try writer.finish())
        let deletes = plan.files.flatMap(\.deletes)
        return try await commit(
            Replace(
                removed: plan.files.map(\.file), added: added, removedDeletes: Array(Set(deletes)),
                dataSequenceNumber: base.lastSequenceNumber, startingSnapshotID: base.currentSnapshotID),
            on: base)
    }
}
