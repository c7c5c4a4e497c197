/// Cuts a column chunk into pages: whole rows, at most `pageRows` of them, near `pageBytes`.
struct PageSplitter {
    struct Part {
        var levels: Range<Int>
        var values: Range<Int>
        var rows: Range<Int>
    }

    private let column: LeafColumn
    private let view: ValueView
    private let rowsMax: Int
    private let bytesMax: Int
    /// Values a page holds at most when they are indices; nil when their PLAIN size counts.
    private let indicesMax: Int?
    private var level = 0
    private var value = 0
    private var row = 0
    private(set) var pageCount = 0

    init(
        _ column: LeafColumn, _ view: ValueView, dictionary: DictionaryBuilder.Result?, _ options: ParquetWriterOptions
    ) {
        self.column = column
        self.view = view
        rowsMax = max(1, options.pageRows)
        bytesMax = max(1, options.pageBytes)
        indicesMax = dictionary.map {
            max(1, options.pageBytes * 8 / HybridEncoder.bitWidth(maximum: $0.entries.count))
        }
    }

    mutating func next() -> Part? {
        let count = column.levelCount
        guard level < count else { return nil }
        let valuesEnd = indicesMax.map { min(view.count, value + $0) } ?? view.plainEnd(from: value, bytes: bytesMax)
        var part: Part
        if column.definitionLevels.isEmpty {
            let end = min(valuesEnd, level + rowsMax)
            part = Part(levels: level..<end, values: level..<end, rows: row..<(row + end - level))
            row = part.rows.upperBound
        } else if column.maxRepetitionLevel == 0, let whole = wholePage(valuesEnd: valuesEnd) {
            part = whole
        } else {
            part = scan(valuesEnd: valuesEnd)
        }
        level = part.levels.upperBound
        value = part.values.upperBound
        pageCount += 1
        return part
    }

    /// As many rows as a page may have, where their values fit too: every level is a row.
    private mutating func wholePage(valuesEnd: Int) -> Part? {
        let (start, maximum) = (level, column.maxDefinitionLevel)
        let end = min(start + rowsMax, column.definitionLevels.count)
        let present = column.definitionLevels.withUnsafeBufferPointer { levels in
            var count = 0
            for index in start..<end { count &+= levels[index] == maximum ? 1 : 0 }
            return count
        }
        guard value + present <= valuesEnd else { return nil }
        let part = Part(levels: level..<end, values: value..<(value + present), rows: row..<(row + end - level))
        row = part.rows.upperBound
        return part
    }

    /// Walks the levels to the last row start before a limit.
    private mutating func scan(valuesEnd: Int) -> Part {
        let maximum = column.maxDefinitionLevel
        let isNested = column.maxRepetitionLevel > 0
        let count = column.definitionLevels.count
        let (firstRow, firstLevel, firstValue) = (row, level, value)
        column.definitionLevels.withUnsafeBufferPointer { definition in
            column.repetitionLevels.withUnsafeBufferPointer { repetition in
                var (at, present, rows) = (firstLevel, firstValue, 0)
                while at < count {
                    if !isNested || repetition[at] == 0 {
                        if rows > 0 { (level, value, row) = (at, present, firstRow + rows) }
                        if rows == rowsMax || (rows > 0 && present >= valuesEnd && view.count > valuesEnd) { return }
                        rows += 1
                    }
                    present += definition[at] == maximum ? 1 : 0
                    // The row that passes the limit goes to the next page, unless it is the only one.
                    if present > valuesEnd && level > firstLevel { return }
                    at += 1
                }
                (level, value, row) = (count, present, firstRow + rows)
            }
        }
        return Part(levels: firstLevel..<level, values: firstValue..<value, rows: firstRow..<row)
    }
}
