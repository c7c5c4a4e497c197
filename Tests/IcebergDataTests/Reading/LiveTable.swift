import Bitmaps
import Clocks
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

@testable import IcebergData

/// A table in memory, written, committed and read by the library alone.
final class LiveTable {
    let store = MemoryObjectStore()
    let loader: ManifestLoader
    let random: WritingRandom
    private(set) var metadata: TableMetadata
    private var places: FilePlaces
    private var tick: Int64 = 1_700_000_000_000

    init(
        _ schema: Schema, spec: [UnboundPartitionSpec.Field] = [], formatVersion: Int = 2, seed: UInt64 = 1
    ) throws {
        loader = ManifestLoader(store: store)
        random = WritingRandom(seed)
        metadata = try writingTable(schema, spec: spec, formatVersion: formatVersion)
        places = FilePlaces(metadata, random: random)
    }

    private func now() -> Timestamp {
        tick += 1000
        return Timestamp(milliseconds: tick)
    }

    func apply(_ updates: [TableUpdate]) throws { metadata = try metadata.applying(updates, at: now()) }

    private func put(_ uri: String, _ bytes: [UInt8]) async throws {
        _ = try await store.put(try store.location(of: uri), bytes, condition: .always, contentType: nil)
    }

    func commit(_ operation: some TableOperation) async throws {
        let prepared = try await operation.prepare(base: metadata, loader: loader, random: random, now: now())
        for object in prepared.objects {
            _ = try await store.put(object.location, object.bytes, condition: .always, contentType: nil)
        }
        try apply(prepared.updates)
    }

    /// How data files are laid out, beside the sizes of their parts.
    var layout = ParquetWriterOptions(codec: .uncompressed)

    /// Data files of a few row groups of a few pages.
    func write(_ rows: [[RowValue]]) async throws -> [DataFile] {
        var options = TableWriterOptions(parquet: layout)
        options.parquet.pageRows = 5
        options.parquet.rowGroupRows = 17
        var writer = try TableWriter(metadata, options: options, random: random)
        for row in rows { try writer.append(row) }
        let files = try writer.finish()
        for file in files { try await put(file.file.path, file.bytes) }
        return files.map(\.file)
    }

    func insert(_ rows: [[RowValue]]) async throws { try await commit(Append(files: try await write(rows))) }

    /// Deletes rows by file and position: with position delete files in version 2, deletion vectors in version 3.
    func delete(_ positions: [(file: String, position: Int64)]) async throws {
        let plan = try await TableScan(metadata, loader: loader).plan()
        var added: [DataFile] = []
        var removed: [DataFile] = []
        for task in plan.files {
            let mine = positions.filter { $0.file == task.file.path }.map(\.position)
            guard !mine.isEmpty else { continue }
            let spec = metadata.partitionSpec(id: task.file.specID) ?? .unpartitioned
            if metadata.formatVersion >= 3 {
                var bitmap = Bitmap64(mine.map(UInt64.init))
                for old in task.deletes where old.content == .positionDeletes {
                    bitmap.formUnion(try await PositionDeletes.deletionVector(old, store: store))
                    removed.append(old)
                }
                var vectors = DeletionVectorFile()
                try vectors.append(bitmap, of: task.file)
                for file in try vectors.encode(places: &places) {
                    try await put(file.file.path, file.bytes)
                    added.append(file.file)
                }
            } else {
                var deletes = PositionDeleteFile(spec: spec, partition: task.file.partition)
                for position in mine { deletes.delete(position, in: task.file.path) }
                let file = try deletes.encode(places: &places)
                try await put(file.file.path, file.bytes)
                added.append(file.file)
            }
        }
        let checks = ConflictChecks(startingSnapshotID: metadata.currentSnapshotID)
        try await commit(RowDelta(addedDeletes: added, removedDeletes: removed, checks: checks))
    }

    /// Deletes rows by value in all partitions, and inserts others in the same commit, which stay.
    func delete(equal ids: [Int], _ values: [[RowValue]], inserting rows: [[RowValue]] = []) async throws {
        var deletes = try EqualityDeleteFile(
            of: metadata.currentSchema, equalityIDs: ids, spec: metadata.defaultSpec, partition: [])
        for row in values { try deletes.delete(row) }
        let file = try deletes.encode(places: &places)
        try await put(file.file.path, file.bytes)
        let data = rows.isEmpty ? [] : try await write(rows)
        try await commit(RowDelta(addedData: data, addedDeletes: [file.file], checks: .none))
    }

    func scan(
        columns: [String]? = nil, predicate: Predicate? = nil, target: ScanTarget = .current, limit: Int? = nil
    ) -> TableScan {
        TableScan(metadata, loader: loader, columns: columns, predicate: predicate, target: target, limit: limit)
    }

    /// The rows a scan gives, in its order.
    func rows(of scan: TableScan) async throws(DataError) -> [[RowValue]] {
        var rows: [[RowValue]] = []
        for try await batch in scan.batches() { rows += (0..<batch.rowCount).map { batch.row($0) } }
        return rows
    }
}
