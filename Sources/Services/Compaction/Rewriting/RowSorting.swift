import ParquetFormat

enum RowSorting {
    private struct Key {
        let value: Int64
        let row: UInt32
    }

    /// `rows` (or all of them, when nil) in the order of an int64 column without nulls, equal ones as they were; nil when they
    /// are in that order already and none is left out.
    static func order(of group: RowGroup, by leaf: Int, rows: [UInt32]?) -> [UInt32]? {
        guard let values = group.columns[leaf].values.int64s else { return rows }
        if let rows {
            var keys = rows.map { Key(value: values[Int($0)], row: $0) }
            keys.sort { ($0.value, $0.row) < ($1.value, $1.row) }
            return keys.map(\.row)
        }
        var isSorted = true
        for index in values.indices.dropFirst() where values[index - 1] > values[index] {
            isSorted = false
            break
        }
        guard !isSorted else { return nil }
        var keys = values.enumerated().map { Key(value: $0.element, row: UInt32($0.offset)) }
        keys.sort { ($0.value, $0.row) < ($1.value, $1.row) }
        return keys.map(\.row)
    }
}
