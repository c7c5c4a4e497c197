import IcebergSpec
import ParquetFormat

/// Sorts rows by a sort order (specification: "Sorting").
struct RowOrdering: Sendable {
    let order: SortOrder
    let schema: Schema
    let parquetSchema: ParquetSchema

    /// The rows in order; equal ones as they were.
    ///
    /// - Throws: `.unsupported` for a transform that is not known.
    func sort(_ rows: RowGroup) throws(DataError) -> RowGroup {
        let datums = ColumnDatums(rows, parquetSchema, schema)
        var keys: [(values: [Datum?], field: SortField)] = []
        for field in order.fields {
            keys.append((try datums.transformed(field.transform, of: field.sourceID), field))
        }
        var indices = (0..<UInt32(rows.rowCount)).map { $0 }
        indices.sort { left, right in
            for (values, field) in keys {
                switch Self.compare(values[Int(left)], values[Int(right)], field) {
                case .less: return true
                case .greater: return false
                case .equal: continue
                }
            }
            return left < right
        }
        let isSorted = indices.indices.allSatisfy { indices[$0] == UInt32($0) }
        return isSorted ? rows : rows.gather(rows: indices)
    }

    private static func compare(_ left: Datum?, _ right: Datum?, _ field: SortField) -> Datum.Order {
        switch (left, right) {
        case (nil, nil): return .equal
        case (nil, _): return field.nullOrder == .first ? .less : .greater
        case (_, nil): return field.nullOrder == .first ? .greater : .less
        case (let left?, let right?):
            let order = left.order(to: right) ?? .equal
            switch (order, field.direction) {
            case (.less, .descending): return .greater
            case (.greater, .descending): return .less
            default: return order
            }
        }
    }

    /// What the footer may say of files in this order: the leading fields that sort a column by itself in the way that
    /// Parquet orders it. Floating-point columns are left out, since the formats place NaN and -0 differently.
    var sortingColumns: [SortingColumn] {
        var columns: [SortingColumn] = []
        for field in order.fields {
            guard field.transform == .identity, let id = Int32(exactly: field.sourceID),
                let leaf = parquetSchema.leaf(fieldID: id), leaf.maxRepetitionLevel == 0,
                leaf.physicalType != .float, leaf.physicalType != .double
            else { break }
            columns.append(
                SortingColumn(
                    leafIndex: leaf.index, isDescending: field.direction == .descending,
                    nullsFirst: field.nullOrder == .first))
        }
        return columns
    }
}
