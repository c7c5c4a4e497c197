extension ColumnPredicate {
    /// The rows that fulfil the predicate, exactly. `columns` are the leaves it tests, by index, all of `rowCount` rows.
    ///
    /// - Throws: `.invalidArgument` when the predicate does not fit the schema or a column is missing.
    public func rows(
        of columns: [Int: LeafColumn], rowCount: Int, schema: ParquetSchema
    ) throws(ParquetError) -> RowRanges {
        let compiled = try CompiledPredicate(self, schema)
        for leaf in compiled.leaves where !Self.isColumn(columns[leaf], of: schema.leaves[leaf], rowCount: rowCount) {
            throw ParquetError(
                .invalidArgument, at: "predicate, leaf \(leaf)", "no column of \(rowCount) rows of its type")
        }
        return RowRanges(mask: compiled.mask(columns, rowCount: rowCount))
    }

    private static func isColumn(_ column: LeafColumn?, of leaf: SchemaLeaf, rowCount: Int) -> Bool {
        column?.rowCount == rowCount && column?.values.physicalType == leaf.physicalType
    }
}

extension CompiledPredicate {
    /// One entry a row, 1 where the row fulfils the predicate. Every tested leaf must be among the columns.
    func mask(_ columns: [Int: LeafColumn], rowCount: Int) -> [UInt8] {
        switch self {
        case .test(let test):
            guard let column = columns[test.leaf.index] else { preconditionFailure("a tested leaf was not read") }
            return test.mask(column)
        case .and(let parts): return combined(parts, columns, rowCount, empty: 1) { $0 & $1 }
        case .or(let parts): return combined(parts, columns, rowCount, empty: 0) { $0 | $1 }
        }
    }

    private func combined(
        _ parts: [CompiledPredicate], _ columns: [Int: LeafColumn], _ rowCount: Int, empty: UInt8,
        _ combine: (UInt8, UInt8) -> UInt8
    ) -> [UInt8] {
        guard let first = parts.first else { return [UInt8](repeating: empty, count: rowCount) }
        var mask = first.mask(columns, rowCount: rowCount)
        for part in parts.dropFirst() {
            let other = part.mask(columns, rowCount: rowCount)
            for row in mask.indices { mask[row] = combine(mask[row], other[row]) }
        }
        return mask
    }
}

extension CompiledTest {
    fileprivate func mask(_ column: LeafColumn) -> [UInt8] {
        let levels = column.definitionLevels
        switch condition {
        case .isNull:
            if levels.isEmpty { return [UInt8](repeating: 0, count: column.values.count) }
            return levels.map { $0 == column.maxDefinitionLevel ? 0 : 1 }
        case .isNotNull:
            if levels.isEmpty { return [UInt8](repeating: 1, count: column.values.count) }
            return levels.map { $0 == column.maxDefinitionLevel ? 1 : 0 }
        case .numbers(let set): return spread(numbers(column.values, set), over: column)
        case .byteStrings(let set): return spread(byteStrings(column.values, set), over: column)
        }
    }

    /// From one entry a value to one entry a row; nulls fulfil nothing.
    private func spread(_ values: [UInt8], over column: LeafColumn) -> [UInt8] {
        guard !column.definitionLevels.isEmpty else { return values }
        var next = 0
        return column.definitionLevels.map { level in
            guard level == column.maxDefinitionLevel else { return 0 }
            next += 1
            return values[next - 1]
        }
    }

    private func numbers(_ values: ColumnValues, _ set: NumberSet) -> [UInt8] {
        let isUnsigned = ValueOrder(leaf) == .unsigned
        switch values {
        case .boolean(let values): return Self.mask(values, set) { $0 ? 1 : 0 }
        case .int32(let values):
            return isUnsigned
                ? Self.mask(values, set) { Int64(UInt32(bitPattern: $0)) } : Self.mask(values, set) { Int64($0) }
        case .int64(let values):
            return isUnsigned
                ? Self.mask(values, set) { NumberKey.of(unsigned: UInt64(bitPattern: $0)) }
                : Self.mask(values, set) { $0 }
        case .float(let values): return Self.mask(values, set) { NumberKey.of(Double($0)) }
        case .double(let values): return Self.mask(values, set) { NumberKey.of($0) }
        case .int96, .byteArray, .fixedLengthByteArray: preconditionFailure("numbers in \(values.physicalType)")
        }
    }

    @inline(__always)
    private static func mask<T>(_ values: [T], _ set: NumberSet, _ key: (T) -> Int64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: values.count) { target, count in
            count = values.count
            values.withUnsafeBufferPointer { values in
                if set.points != nil {
                    for index in 0..<values.count { target[index] = set.contains(key(values[index])) ? 1 : 0 }
                    return
                }
                let (low, high) = (set.low, set.high)
                let (inside, outside): (UInt8, UInt8) = set.isNegated ? (0, 1) : (1, 0)
                for index in 0..<values.count {
                    let key = key(values[index])
                    target[index] = (key >= low) && (key <= high) ? inside : outside
                }
            }
        }
    }

    private func byteStrings(_ values: ColumnValues, _ set: ByteStringSet) -> [UInt8] {
        switch values {
        case .byteArray(let column):
            return [UInt8](unsafeUninitializedCapacity: column.count) { target, count in
                count = column.count
                column.bytes.withUnsafeBytes { bytes in
                    for index in 0..<column.count {
                        let range = Int(column.offsets[index])..<Int(column.offsets[index + 1])
                        target[index] = set.contains(UnsafeRawBufferPointer(rebasing: bytes[range])) ? 1 : 0
                    }
                }
            }
        case .fixedLengthByteArray(let column):
            return [UInt8](unsafeUninitializedCapacity: column.count) { target, count in
                count = column.count
                column.bytes.withUnsafeBytes { bytes in
                    for index in 0..<column.count {
                        let range = (index * column.width)..<((index + 1) * column.width)
                        target[index] = set.contains(UnsafeRawBufferPointer(rebasing: bytes[range])) ? 1 : 0
                    }
                }
            }
        default: preconditionFailure("byte strings in \(values.physicalType)")
        }
    }
}
