extension LeafColumn {
    /// The rows of a range. Cost: a copy of what is kept; for flat columns with nulls and for nested columns also one
    /// pass over the levels before it.
    public func slice(rows range: Range<Int>) -> LeafColumn {
        var result = LeafColumn(like: self)
        let levels = levelRange(rows: range)
        let before = definitionLevels.isEmpty ? levels.lowerBound : presentCount(in: 0..<levels.lowerBound)
        let count = definitionLevels.isEmpty ? levels.count : presentCount(in: levels)
        result.appendLevels(of: self, levels: levels)
        result.values.append(values, values: before..<(before + count))
        return result
    }

    /// The given rows, which must exist. Cost: one pass over the levels, and a copy of what is kept.
    public func select(_ rows: RowRanges) -> LeafColumn {
        if rows.ranges.count <= 1 { return slice(rows: rows.ranges.first ?? 0..<0) }
        if definitionLevels.isEmpty && rows.rowCount > rows.ranges.count * 8 {
            var result = LeafColumn(like: self)
            for range in rows.ranges { result.values.append(values, values: range) }
            return result
        }
        return gather(rows: rows.ranges.flatMap { $0.lazy.map(UInt32.init) })
    }

    /// The given rows in the given order: `rows[i]` becomes row `i`. Rows may repeat or be left out, and must exist.
    /// Cost: one pass over the column and one over `rows`, with a copy of each value.
    public func gather(rows: [UInt32]) -> LeafColumn {
        var result = LeafColumn(like: self)
        if definitionLevels.isEmpty {
            result.values = values.gather(rows)
        } else if maxRepetitionLevel == 0 {
            gatherFlat(rows, into: &result)
        } else {
            gatherNested(rows, into: &result)
        }
        return result
    }

    private func gatherFlat(_ rows: [UInt32], into result: inout LeafColumn) {
        // positions[i]: how many values precede row i.
        var positions: [UInt32] = []
        positions.reserveCapacity(definitionLevels.count)
        var present: UInt32 = 0
        for level in definitionLevels {
            positions.append(present)
            present += level == maxDefinitionLevel ? 1 : 0
        }
        var levels: [UInt8] = []
        var picked: [UInt32] = []
        levels.reserveCapacity(rows.count)
        picked.reserveCapacity(rows.count)
        for row in rows {
            let level = definitionLevels[Int(row)]
            levels.append(level)
            if level == maxDefinitionLevel { picked.append(positions[Int(row)]) }
        }
        result.definitionLevels = levels
        result.values = values.gather(picked)
    }

    private func gatherNested(_ rows: [UInt32], into result: inout LeafColumn) {
        // Where the levels and the values of each row begin, with an entry past the last row.
        var starts: [(level: UInt32, value: UInt32)] = []
        var present: UInt32 = 0
        for (index, level) in definitionLevels.enumerated() {
            if repetitionLevels[index] == 0 { starts.append((UInt32(index), present)) }
            present += level == maxDefinitionLevel ? 1 : 0
        }
        starts.append((UInt32(definitionLevels.count), present))
        var picked: [UInt32] = []
        for row in rows {
            let (from, to) = (starts[Int(row)], starts[Int(row) + 1])
            result.definitionLevels.append(contentsOf: definitionLevels[Int(from.level)..<Int(to.level)])
            result.repetitionLevels.append(contentsOf: repetitionLevels[Int(from.level)..<Int(to.level)])
            picked.append(contentsOf: from.value..<to.value)
        }
        result.values = values.gather(picked)
    }

    /// The level entries of some rows.
    private func levelRange(rows range: Range<Int>) -> Range<Int> {
        guard maxRepetitionLevel > 0 else { return range }
        var row = -1
        var from = repetitionLevels.count
        for (index, level) in repetitionLevels.enumerated() where level == 0 {
            row += 1
            if row == range.lowerBound { from = index }
            if row == range.upperBound { return from..<index }
        }
        return from..<repetitionLevels.count
    }

    private func presentCount(in levels: Range<Int>) -> Int {
        definitionLevels[levels].reduce(0) { $0 + ($1 == maxDefinitionLevel ? 1 : 0) }
    }
}

extension ColumnValues {
    /// The values at the given positions, in that order.
    func gather(_ positions: [UInt32]) -> ColumnValues {
        switch self {
        case .boolean(let values): .boolean(positions.map { values[Int($0)] })
        case .int32(let values): .int32(positions.map { values[Int($0)] })
        case .int64(let values): .int64(positions.map { values[Int($0)] })
        case .int96(let values): .int96(positions.map { values[Int($0)] })
        case .float(let values): .float(positions.map { values[Int($0)] })
        case .double(let values): .double(positions.map { values[Int($0)] })
        case .byteArray(let column): .byteArray(column.gather(positions))
        case .fixedLengthByteArray(let column): .fixedLengthByteArray(column.gather(positions))
        }
    }
}

extension ByteArrayColumn {
    func gather(_ positions: [UInt32]) -> ByteArrayColumn {
        var newOffsets: [UInt32] = []
        newOffsets.reserveCapacity(positions.count + 1)
        newOffsets.append(0)
        var total: UInt32 = 0
        for position in positions {
            total += offsets[Int(position) + 1] - offsets[Int(position)]
            newOffsets.append(total)
        }
        let newBytes = [UInt8](unsafeUninitializedCapacity: Int(total)) { target, count in
            guard let base = target.baseAddress else { return }
            bytes.withUnsafeBufferPointer { source in
                guard let from = source.baseAddress else { return }
                for (index, position) in positions.enumerated() {
                    let start = Int(offsets[Int(position)])
                    let length = Int(offsets[Int(position) + 1]) - start
                    (base + Int(newOffsets[index])).update(from: from + start, count: length)
                }
            }
            count = Int(total)
        }
        return ByteArrayColumn(uncheckedOffsets: newOffsets, bytes: newBytes)
    }
}

extension FixedLengthByteArrayColumn {
    func gather(_ positions: [UInt32]) -> FixedLengthByteArrayColumn {
        var result = FixedLengthByteArrayColumn(width: width)
        for position in positions { result.append(self, values: Int(position)..<(Int(position) + 1)) }
        return result
    }
}
