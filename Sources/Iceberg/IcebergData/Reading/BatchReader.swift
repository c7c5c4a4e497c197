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

    /// The leaf a flat column is stored in, and how; nil for others and for those the file does not have.
    func leaf(of id: Int) -> (leaf: SchemaLeaf, conversion: LeafConversion)? {
        for reader in readers where reader.field.id == id {
            if case .leaf(let leaf, _, let conversion) = reader.source { return (leaf, conversion) }
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

    /// One row group.
    func batch(rowGroup: Int) async throws(DataError) -> ColumnBatch {
        try batch(rowGroup: rowGroup, from: try await file.columns(rowGroup: rowGroup, leaves: leaves))
    }

    /// The same from columns that were read, which may be more than are needed.
    func batch(rowGroup: Int, from columns: [Int: LeafColumn]) throws(DataError) -> ColumnBatch {
        let rows = try rowCount(rowGroup: rowGroup)
        let assembly = VectorAssembly(columns: columns)
        do throws(DataError) {
            var vectors: [ColumnVector] = []
            for reader in readers { vectors.append(try assembly.vector(reader, slots: rows)) }
            return ColumnBatch(unchecked: vectors, rowCount: rows)
        } catch {
            throw error.within("\(file.uri), row group \(rowGroup)")
        }
    }
}
