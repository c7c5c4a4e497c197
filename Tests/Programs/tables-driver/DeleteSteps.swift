import Bitmaps
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import PuffinFormat

extension Request {
    /// `delete`: the rows whose "column", a top-level one, has one of "values", by "kind": `positions`, `vectors` or
    /// `equality`.
    func delete() async throws -> LoadedTable {
        let base = try await loadTable()
        let name = try body.member("column").string()
        guard let field = base.currentSchema.fields.first(where: { $0.name == name }) else {
            throw DriverError("the table has no column \(name)")
        }
        let values = try body.member("values").elements().map { json in
            try RowValue(json: json.value, type: field.type, at: name)
        }
        var places = FilePlaces(base)
        let change =
            switch try body.member("kind").string() {
            case "equality": try await equalityDeletes(base, field, values, &places)
            case "positions": try await positionDeletes(base, field, values, &places)
            case "vectors": try await vectors(base, field, values, &places)
            case let kind: throw DriverError("no deletes are of kind \(kind)")
            }
        return try await commit(change, on: base)
    }

    private func equalityDeletes(
        _ base: TableMetadata, _ field: NestedField, _ values: [RowValue], _ places: inout FilePlaces
    ) async throws -> RowDelta {
        // Those of an unpartitioned spec apply to every data file.
        let spec = base.partitionSpecs.first { $0.isUnpartitioned }
        guard let spec else { throw DriverError("equality deletes of this driver need an unpartitioned spec") }
        var deletes = try EqualityDeleteFile(
            of: base.currentSchema, equalityIDs: [field.id], spec: spec, partition: spec.fields.map { _ in nil })
        for value in values { try deletes.delete([value]) }
        let files = try await put([try deletes.encode(places: &places)])
        return RowDelta(addedDeletes: files, checks: ConflictChecks(startingSnapshotID: base.currentSnapshotID))
    }

    private func positionDeletes(
        _ base: TableMetadata, _ field: NestedField, _ values: [RowValue], _ places: inout FilePlaces
    ) async throws -> RowDelta {
        var deletes: [String: PositionDeleteFile] = [:]
        for (file, positions) in try await positions(base, field, values) {
            let data = file.file
            guard let spec = base.partitionSpec(id: data.specID) else { continue }
            let key = "\(data.specID) \(spec.path(of: data.partition))"
            for position in positions {
                deletes[key, default: PositionDeleteFile(spec: spec, partition: data.partition)]
                    .delete(Int64(position), in: data.path)
            }
        }
        var files: [WrittenFile] = []
        for (_, file) in deletes.sorted(by: { $0.key < $1.key }) { files.append(try file.encode(places: &places)) }
        return RowDelta(
            addedDeletes: try await put(files), checks: ConflictChecks(startingSnapshotID: base.currentSnapshotID))
    }

    private func vectors(
        _ base: TableMetadata, _ field: NestedField, _ values: [RowValue], _ places: inout FilePlaces
    ) async throws -> RowDelta {
        var vectors = DeletionVectorFile()
        var removed: [DataFile] = []
        for (file, positions) in try await positions(base, field, values) where !positions.isEmpty {
            var all = Bitmap64(positions)
            for old in file.deletes where old.isDeletionVector {
                all.formUnion(try await readVector(old))
                removed.append(old)
            }
            try vectors.append(all, of: file.file)
        }
        let files = try vectors.encode(places: &places)
        // All entries are of one file.
        if let file = files.first { _ = try await put([file]) }
        return RowDelta(
            addedDeletes: files.map(\.file), removedDeletes: removed,
            checks: ConflictChecks(startingSnapshotID: base.currentSnapshotID))
    }

    private func readVector(_ file: DataFile) async throws -> Bitmap64 {
        guard let start = file.contentOffset, let count = file.contentSizeBytes else {
            throw DriverError("\(file.path) is no deletion vector")
        }
        let bytes = try await store.get(try store.location(of: file.path), range: start..<(start + count)).bytes
        return try DeletionVector.decode(bytes, cardinality: file.recordCount)
    }

    /// The live rows that have a wanted value, by the file they are in.
    private func positions(
        _ base: TableMetadata, _ field: NestedField, _ values: [RowValue]
    ) async throws -> [(file: ScanPlan.File, positions: [UInt64])] {
        let wanted = Set(values)
        let names = [field.name, MetadataColumn.file.name, MetadataColumn.position.name]
        let scan = TableScan(base, loader: ManifestLoader(store: store), columns: names)
        let plan = try await scan.plan()
        var found: [String: [UInt64]] = [:]
        for try await batch in scan.batches(of: plan) {
            for row in 0..<batch.rowCount {
                guard wanted.contains(batch.columns[0].datum(at: row).map { .primitive($0) } ?? .null),
                    let file = batch.columns[1].datum(at: row)?.string,
                    let position = batch.columns[2].datum(at: row)?.integer
                else { continue }
                found[file, default: []].append(UInt64(position))
            }
        }
        return plan.files.map { ($0, found[$0.file.path] ?? []) }
    }
}
