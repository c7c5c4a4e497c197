/// Finds out how far the rows of a row group are sorted as somebody says they are.
enum SortVerification {
    /// The longest beginning of `claimed` that the rows keep. Cost: one comparison per row and column, until the rows
    /// before are all different.
    static func verified(
        _ claimed: [SortingColumn], _ schema: ParquetSchema, _ columns: [LeafColumn], rowCount: Int
    ) throws(ParquetError) -> [SortingColumn] {
        // Whether a row equals the one before it in all columns so far.
        var isTied = [Bool](repeating: true, count: rowCount)
        if rowCount > 0 { isTied[0] = false }
        for (index, column) in claimed.enumerated() {
            let leaf = schema.leaves[column.leafIndex]
            guard leaf.maxRepetitionLevel == 0,
                try isSorted(columns[column.leafIndex], leaf, column, &isTied)
            else { return Array(claimed[..<index]) }
        }
        return claimed
    }

    private static func isSorted(
        _ column: LeafColumn, _ leaf: SchemaLeaf, _ sorting: SortingColumn, _ isTied: inout [Bool]
    ) throws(ParquetError) -> Bool {
        let order = ValueOrder(leaf)
        return try column.values.withView { view in
            switch (view.type, order) {
            case (_, .undefined), (.int96, _): false
            case (.boolean, _): check(column, sorting, view.words(UInt8.self, 0..<view.count), &isTied)
            case (.int32, .unsigned): check(column, sorting, view.words(UInt32.self, 0..<view.count), &isTied)
            case (.int32, _): check(column, sorting, view.words(Int32.self, 0..<view.count), &isTied)
            case (.int64, .unsigned): check(column, sorting, view.words(UInt64.self, 0..<view.count), &isTied)
            case (.int64, _): check(column, sorting, view.words(Int64.self, 0..<view.count), &isTied)
            case (.float, _): check(column, sorting, view.words(Float.self, 0..<view.count), &isTied)
            case (.double, _): check(column, sorting, view.words(Double.self, 0..<view.count), &isTied)
            case (.byteArray, _), (.fixedLengthByteArray, _):
                check(column, sorting, &isTied) { compareBytes(view, order, $0, $1) }
            }
        }
    }

    /// NaN has no place in the order: rows with one are not sorted.
    @inline(__always)
    private static func check<T: Comparable>(
        _ column: LeafColumn, _ sorting: SortingColumn, _ values: UnsafeBufferPointer<T>, _ isTied: inout [Bool]
    ) -> Bool {
        check(column, sorting, &isTied) { left, right in
            let (before, after) = (values[left], values[right])
            if before < after { return -1 }
            return before == after ? 0 : (before > after ? 1 : nil)
        }
    }

    private static func compareBytes(_ view: ValueView, _ order: ValueOrder, _ left: Int, _ right: Int) -> Int? {
        let (before, after) = (view.value(left), view.value(right))
        return switch order {
        case .signedBigEndian: compareSignedBigEndian(before.start, before.length, after.start, after.length)
        default: compareLexicographic(before.start, before.length, after.start, after.length)
        }
    }

    /// `compare` takes positions of values and gives nil for what has no order.
    @inline(__always)
    private static func check(
        _ column: LeafColumn, _ sorting: SortingColumn, _ isTied: inout [Bool], _ compare: (Int, Int) -> Int?
    ) -> Bool {
        let levels = column.definitionLevels
        var value = 0
        for row in isTied.indices {
            let isPresent = levels.isEmpty || levels[row] == column.maxDefinitionLevel
            if row > 0, isTied[row] {
                let wasPresent = levels.isEmpty || levels[row - 1] == column.maxDefinitionLevel
                switch (wasPresent, isPresent) {
                case (true, true):
                    guard let order = compare(value - 1, value), sorting.isDescending ? order >= 0 : order <= 0 else {
                        return false
                    }
                    isTied[row] = order == 0
                case (false, false): break
                case (true, false):
                    if sorting.nullsFirst { return false }
                    isTied[row] = false
                case (false, true):
                    if !sorting.nullsFirst { return false }
                    isTied[row] = false
                }
            }
            value += isPresent ? 1 : 0
        }
        return true
    }
}
