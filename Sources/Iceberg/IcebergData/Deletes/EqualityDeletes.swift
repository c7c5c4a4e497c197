import IcebergSpec
import ObjectStore
import ParquetFormat

/// The rows that one equality delete file deletes: those with the same values in some columns (specification: "Equality
/// Delete Files"). Its columns need not be projected, nor be part of the table's schema any more.
struct EqualityDeletes: Sendable {
    let ids: [Int]
    private let deleted: KeySet

    var byteCount: Int { deleted.byteCount + ids.count * 8 }

    /// - Parameter fields: the columns that lead to the compared fields, as `fields(for:in:_:)` gives them.
    init(
        _ delete: DataFile, fields: [NestedField], names: NameMapping?, store: any ObjectStore
    ) async throws(DataError) {
        try delete.checkIsRead()
        guard !delete.equalityIDs.isEmpty else {
            throw DataError(.malformed, at: delete.path, "an equality delete file that compares no column")
        }
        let file = try await StoredParquetFile(delete.path, size: delete.fileSizeBytes, store: store)
        let reader = try BatchReader(file, fields: fields, names: names)
        var set = KeySet()
        for rowGroup in file.metadata.rowGroups.indices {
            let batch = try await reader.batch(rowGroup: rowGroup)
            do throws(DataError) {
                try set.insert(try Self.keys(delete.equalityIDs, batch))
            } catch {
                throw error.within(delete.path)
            }
        }
        ids = delete.equalityIDs
        deleted = set
    }

    /// Unmarks the rows of a batch that are deleted. The batch has the compared columns.
    func unmark(_ keep: inout [Bool], _ batch: ColumnBatch) throws(DataError) {
        guard deleted.count > 0 else { return }
        let keys = try Self.keys(ids, batch)
        for row in 0..<batch.rowCount where keep[row] {
            if keys.withBytes(at: row, { deleted.contains($0) }) { keep[row] = false }
        }
    }

    private static func keys(_ ids: [Int], _ batch: ColumnBatch) throws(DataError) -> ByteArrayColumn {
        var columns: [ColumnVector] = []
        for id in ids {
            guard let column = batch.column(id: id) else {
                throw DataError(
                    .unsupported, at: "field \(id)", "equality deletes by fields within lists and maps are not read")
            }
            columns.append(column)
        }
        return try RowKeys(columns, count: batch.rowCount).keys
    }

    /// The columns that lead to fields, as the scanned schema has them, or the newest one that does.
    static func fields(
        for ids: [Int], in metadata: TableMetadata, _ schema: Schema
    ) throws(DataError) -> [NestedField] {
        var fields: [NestedField] = []
        for id in ids {
            let schemas = [schema] + metadata.schemas.sorted { $0.schemaID > $1.schemaID }
            guard let path = schemas.lazy.compactMap({ $0.path(to: id) }).first else {
                throw DataError(.malformed, at: "field \(id)", "rows are deleted by it, but no schema has it")
            }
            // A row may lack it: old files do not have the column.
            fields.merge(path.optional)
        }
        return fields
    }
}

extension NestedField {
    /// The same, not required at any depth.
    fileprivate var optional: NestedField {
        var result = self
        result.required = false
        if case .structure(let fields) = type { result.type = .structure(fields.map(\.optional)) }
        return result
    }
}
