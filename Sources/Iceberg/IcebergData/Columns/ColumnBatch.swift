import IcebergSpec

/// Some rows of a table in columns, found by field id.
public struct ColumnBatch: Sendable {
    public let columns: [ColumnVector]
    public let rowCount: Int

    /// - Throws: `.invalid` when a column has another number of rows.
    public init(columns: [ColumnVector], rowCount: Int) throws(DataError) {
        for column in columns where column.count != rowCount {
            throw DataError(
                .invalid, at: "column \(column.field.name)", "\(column.count) rows in a batch of \(rowCount)")
        }
        self.init(unchecked: columns, rowCount: rowCount)
    }

    init(unchecked columns: [ColumnVector], rowCount: Int) {
        self.columns = columns
        self.rowCount = rowCount
    }

    public var fields: [NestedField] { columns.map(\.field) }

    /// Bytes held in memory.
    public var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// The top-level column of this name.
    public func column(named name: String) -> ColumnVector? { columns.first { $0.field.name == name } }

    /// The column with this id, also within structs (at any depth), where it is null when a struct around it is. Fields
    /// within lists and maps have no value per row and are not found.
    public func column(id: Int) -> ColumnVector? {
        for column in columns {
            if let found = column.descendant(id: id) { return found }
        }
        return nil
    }

    /// The given columns, in the given order, found as `column(id:)` finds them.
    ///
    /// - Throws: `.invalid` for an id that is not among the columns.
    public func selecting(ids: [Int]) throws(DataError) -> ColumnBatch {
        var selected: [ColumnVector] = []
        for id in ids {
            guard let column = column(id: id) else {
                throw DataError(.invalid, at: "field \(id)", "the batch has no such column")
            }
            selected.append(column)
        }
        return ColumnBatch(unchecked: selected, rowCount: rowCount)
    }

    /// The given rows in the given order; rows may repeat or be left out, and must exist.
    /// Cost: one copy of what is kept.
    public func gather(rows: [UInt32]) -> ColumnBatch {
        ColumnBatch(unchecked: columns.map { $0.gather(rows) }, rowCount: rows.count)
    }

    /// The first rows.
    public func prefix(_ count: Int) -> ColumnBatch {
        count >= rowCount ? self : gather(rows: (0..<UInt32(max(0, count))).map { $0 })
    }
}

extension ColumnVector {
    fileprivate func descendant(id: Int) -> ColumnVector? {
        if field.id == id { return self }
        guard case .structure(let fields) = values else { return nil }
        for child in fields {
            if let found = child.descendant(id: id) { return found.masked(by: validity) }
        }
        return nil
    }

    /// The same values, null also where `outer` says so.
    func masked(by outer: [Bool]?) -> ColumnVector {
        guard let outer else { return self }
        let merged = validity.map { zip($0, outer).map { $0 && $1 } } ?? outer
        return ColumnVector(unchecked: field, count: count, validity: merged, values: values)
    }
}
