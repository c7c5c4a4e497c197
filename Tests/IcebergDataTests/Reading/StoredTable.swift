import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat

@testable import IcebergData

/// Parquet files of one schema in memory.
struct StoredTable {
    let store = MemoryObjectStore()

    /// Writes rows to a file; small pages and row groups, so that every boundary is crossed.
    func write(
        _ name: String, _ fields: [NestedField], _ rows: [[RowValue]], rowsPerGroup: Int = 40
    ) async throws -> DataFile {
        let schema = try Schema(fields: fields)
        var shredder = try RowShredder(schema)
        var options = ParquetWriterOptions()
        options.pageRows = 7
        options.rowGroupRows = rowsPerGroup
        options.codec = .uncompressed
        var writer = try ParquetWriter(schema: shredder.parquetSchema, options: options)
        for row in rows { try shredder.append(row) }
        try writer.append(try shredder.take())
        return try await put(name, try writer.finish().bytes, recordCount: rows.count)
    }

    func put(_ name: String, _ bytes: [UInt8], recordCount: Int) async throws -> DataFile {
        let uri = "s3://lake/\(name)"
        _ = try await store.put(try store.location(of: uri), bytes, condition: .always, contentType: nil)
        return DataFile(path: uri, recordCount: Int64(recordCount), fileSizeBytes: Int64(bytes.count))
    }

    /// All rows of a file as a schema has them.
    func read(
        _ file: DataFile, as fields: [NestedField], names: NameMapping? = nil,
        unidentified: UnidentifiedColumns = .absent
    ) async throws(DataError) -> [[RowValue]] {
        let parquet = try await StoredParquetFile(file.path, size: file.fileSizeBytes, store: store)
        let reader = try BatchReader(parquet, fields: fields, names: names, unidentified: unidentified)
        var rows: [[RowValue]] = []
        for rowGroup in parquet.metadata.rowGroups.indices {
            let batch = try await reader.batch(rowGroup: rowGroup)
            rows += (0..<batch.rowCount).map { batch.row($0) }
        }
        return rows
    }
}
