import Clocks
import IcebergSpec
import ParquetFormat

/// The values of a flat Parquet column, written by `ParquetSchema.make`, as Iceberg's: nil where a row has none.
///
/// For partitioning and sorting, whose transforms take one value at a time.
struct ColumnDatums {
    private let rows: RowGroup
    /// Leaf and type of a column by its field id.
    private var leaves: [Int: (index: Int, type: IcebergType)] = [:]

    init(_ rows: RowGroup, _ parquetSchema: ParquetSchema, _ schema: Schema) {
        self.rows = rows
        for leaf in parquetSchema.leaves where leaf.maxRepetitionLevel == 0 {
            guard let id = leaf.fieldID.map(Int.init), let type = schema.field(id: id)?.type else { continue }
            leaves[id] = (leaf.index, type)
        }
    }

    /// The results of a transform, one a row. A column that is not in the file, being of type unknown, is null.
    ///
    /// - Throws: `.unsupported` for a transform that this library cannot compute.
    func transformed(_ transform: Transform, of id: Int) throws(DataError) -> [Datum?] {
        if case .unknown(let name) = transform {
            throw DataError(.unsupported, at: "transform \(name)", "it is not known, so no rows can be written by it")
        }
        guard transform != .void, let (index, type) = leaves[id] else {
            return [Datum?](repeating: nil, count: rows.rowCount)
        }
        let column = rows.columns[index]
        var results: [Datum?] = []
        results.reserveCapacity(rows.rowCount)
        var next = 0
        for row in 0..<rows.rowCount {
            guard column.definitionLevels.isEmpty || column.definitionLevels[row] == column.maxDefinitionLevel else {
                results.append(nil)
                continue
            }
            results.append(transform.apply(column.values.datum(at: next, type)))
            next += 1
        }
        return results
    }
}

extension ColumnValues {
    /// Nil when the column is of a physical type that `type` is not written as.
    func datum(at index: Int, _ type: IcebergType) -> Datum? {
        switch (self, type) {
        case (.boolean(let values), .boolean): .boolean(values[index])
        case (.int32(let values), .int): .int(values[index])
        case (.int32(let values), .date): .date(values[index])
        case (.int64(let values), .long): .long(values[index])
        case (.int64(let values), .time): .time(values[index])
        case (.int64(let values), .timestamp): .timestamp(values[index])
        case (.int64(let values), .timestamptz): .timestamptz(values[index])
        case (.int64(let values), .timestampNanos): .timestampNanos(values[index])
        case (.int64(let values), .timestamptzNanos): .timestamptzNanos(values[index])
        case (.float(let values), .float): .float(values[index])
        case (.double(let values), .double): .double(values[index])
        case (.byteArray(let column), .string): .string(column.string(at: index))
        case (.byteArray(let column), .binary): .binary(Array(column[index]))
        case (.fixedLengthByteArray(let column), .fixed): .fixed(Array(column[index]))
        case (.fixedLengthByteArray(let column), .uuid): UUID(bytes: column[index]).map { .uuid($0) }
        case (.int32(let values), .decimal(_, let scale)):
            .decimal(unscaled: Int128(values[index]), scale: scale)
        case (.int64(let values), .decimal(_, let scale)):
            .decimal(unscaled: Int128(values[index]), scale: scale)
        case (.fixedLengthByteArray(let column), .decimal(_, let scale)):
            Datum.bigEndian(column[index]).map { .decimal(unscaled: $0, scale: scale) }
        default: nil
        }
    }
}
