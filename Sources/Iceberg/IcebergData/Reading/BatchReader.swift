import IcebergSpec
import ParquetFormat

/// Reads columns of one Parquet file as a table's schema has them.
struct BatchReader: Sendable {
    let file: StoredParquetFile
    private let readers: [FieldReader]

    /// - Parameter partitionValues: values of identity partition fields, by source id, for columns the file lacks.
    init(
        _ file: StoredParquetFile, fields: [NestedField], names: NameMapping?, partitionValues: [Int: Datum?] = [:],
        unidentified: UnidentifiedColumns = .absent
    ) throws(DataError) {
        self.file = file
        do throws(DataError) {
            let resolver = SchemaResolver(
                file.metadata.schema, names: names, partitionValues: partitionValues, unidentified: unidentified)
            readers = try resolver.readers(for: fields)
        } catch {
            throw error.within(file.uri)
        }
    }

    var leaves: Set<Int> { readers.reduce(into: Set<Int>()) { $0.formUnion($1.leaves) } }

    /// Where the values of a field come from, also within structs; nil for a field that is not read.
    func source(of id: Int) -> FieldReader.Source? { Self.source(of: id, readers) }

    private static func source(of id: Int, _ readers: [FieldReader]) -> FieldReader.Source? {
        for reader in readers {
            if reader.field.id == id { return reader.source }
            if case .structure(_, _, let fields) = reader.source, let found = source(of: id, fields) { return found }
        }
        return nil
    }

    func rowCount(rowGroup: Int) throws(DataError) -> Int {
        let count = file.metadata.rowGroups[rowGroup].rowCount
        guard count >= 0, count <= DataLimits.rowGroupRowsMax else {
            throw DataError(
                .tooLarge, at: "\(file.uri), row group \(rowGroup)",
                "\(count) rows, \(DataLimits.rowGroupRowsMax) allowed in one row group")
        }
        return Int(count)
    }

    /// One row group, whole.
    func batch(rowGroup: Int) async throws(DataError) -> ColumnBatch {
        _ = try rowCount(rowGroup: rowGroup)
        let leaves = leaves.sorted()
        let selected = try await file.read(rowGroup: rowGroup, leaves: leaves)
        return try batch(rowGroup: rowGroup, from: selected, leaves: leaves)
    }

    /// The rows that were read. `leaves` are those of its columns, which may be more than are needed.
    func batch(rowGroup: Int, from selected: SelectedRows, leaves: [Int]) throws(DataError) -> ColumnBatch {
        let columns = Dictionary(zip(leaves, selected.columns)) { first, _ in first }
        let assembly = VectorAssembly(columns: columns)
        do throws(DataError) {
            var vectors: [ColumnVector] = []
            for reader in readers { vectors.append(try assembly.vector(reader, slots: selected.rowCount)) }
            return ColumnBatch(unchecked: vectors, rowCount: selected.rowCount)
        } catch {
            throw error.within("\(file.uri), row group \(rowGroup)")
        }
    }
}
