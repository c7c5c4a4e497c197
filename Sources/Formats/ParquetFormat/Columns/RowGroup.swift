/// Some rows in columns: one `LeafColumn` per leaf of a schema, in its order.
public struct RowGroup: Hashable, Sendable {
    public var columns: [LeafColumn]
    public private(set) var rowCount: Int

    /// No rows.
    public init(_ schema: ParquetSchema) {
        columns = schema.leaves.map(LeafColumn.init)
        rowCount = 0
    }

    /// - Throws: `.invalidArgument` when a column has another number of rows.
    public init(columns: [LeafColumn], rowCount: Int) throws(ParquetError) {
        for (index, column) in columns.enumerated() where column.rowCount != rowCount {
            throw ParquetError(
                .invalidArgument, at: "row group, column \(index)", "\(column.rowCount) rows instead of \(rowCount)")
        }
        self.columns = columns
        self.rowCount = rowCount
    }

    /// Bytes held in memory.
    public var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// Appends all rows of another group of the same schema.
    public mutating func append(_ other: RowGroup) {
        precondition(other.columns.count == columns.count, "row groups of different schemas")
        for index in columns.indices { columns[index].append(other.columns[index]) }
        rowCount += other.rowCount
    }

    /// A copy of some rows. Cost: linear in them; in nested columns a pass over all levels before.
    public func slice(rows range: Range<Int>) -> RowGroup {
        var result = self
        result.columns = columns.map { $0.slice(rows: range) }
        result.rowCount = range.count
        return result
    }

    /// The given rows in the given order, see `LeafColumn.gather`.
    public func gather(rows: [UInt32]) -> RowGroup {
        var result = self
        result.columns = columns.map { $0.gather(rows: rows) }
        result.rowCount = rows.count
        return result
    }
}
