import IcebergSpec
import IcebergTable
import ParquetFormat

/// Rows to be deleted by value: every row that is equal in all of some columns (specification: "Equality Delete Files").
public struct EqualityDeleteFile: Sendable {
    public let spec: PartitionSpec
    public let partition: [Datum?]
    /// The columns that are compared, as top-level fields of the table's schema.
    public let schema: Schema
    private var shredder: RowShredder

    /// - Parameters:
    ///   - equalityIDs: columns of the table's schema; not floating-point, not nested.
    ///   - spec: the deletes apply to data files of this spec and partition; of all when it is unpartitioned.
    /// - Throws: `.invalid` for columns that cannot be compared.
    public init(
        of table: Schema, equalityIDs: [Int], spec: PartitionSpec, partition: [Datum?]
    ) throws(DataError) {
        guard !equalityIDs.isEmpty else { throw DataError(.invalid, at: "equality deletes", "no columns") }
        var fields: [NestedField] = []
        for id in equalityIDs {
            guard let field = table.fields.first(where: { $0.id == id }) else {
                throw DataError(.invalid, at: "equality deletes", "there is no top-level column with id \(id)")
            }
            guard field.type.isPrimitive, field.type != .float, field.type != .double else {
                throw DataError(
                    .invalid, at: "equality deletes, column \(field.name)",
                    "values of type \(field.type) do not compare"
                )
            }
            fields.append(field)
        }
        do {
            schema = try Schema(fields: fields)
        } catch {
            throw DataError(error)
        }
        self.spec = spec
        self.partition = partition
        shredder = try RowShredder(schema)
    }

    public var rowCount: Int { shredder.rowCount }

    /// Deletes the rows that have these values: one for each field of `schema`, in its order. A null equals null.
    ///
    /// - Throws: `.invalid` for a row that does not fit; it is not taken then.
    public mutating func delete(_ row: [RowValue]) throws(DataError) { try shredder.append(row) }

    /// The file. The deletes are spent after it.
    ///
    /// - Throws: `.invalid` when there is none.
    public mutating func encode(
        places: inout FilePlaces, options: ParquetWriterOptions = ParquetWriterOptions()
    ) throws(DataError) -> WrittenFile {
        guard shredder.rowCount > 0 else { throw DataError(.invalid, at: "equality deletes", "there is none") }
        let result = try ParquetFile.of(try shredder.take(), shredder.parquetSchema, options)
        var file = DataFile.make(
            from: result.summary, path: places.next(spec, partition, suffix: "-equality-deletes.parquet"),
            schema: schema, spec: spec, partition: partition)
        file.content = .equalityDeletes
        file.equalityIDs = schema.fields.map(\.id)
        return WrittenFile(bytes: result.bytes, file: file)
    }
}
