import IcebergSpec
import ParquetFormat

/// Tests the rows of a batch, column by column. Exactly what `BoundPredicate.matches` says of each row.
struct RowFilter {
    let predicate: BoundPredicate

    /// The rows that pass, in order; nil when all do.
    ///
    /// - Throws: `.invalid` when a column that is tested is not in the batch.
    func matchingRows(of batch: ColumnBatch) throws(DataError) -> [UInt32]? {
        guard predicate != .alwaysTrue else { return nil }
        let mask = try mask(predicate, batch)
        var rows: [UInt32] = []
        for (row, passes) in mask.enumerated() where passes { rows.append(UInt32(row)) }
        return rows.count == batch.rowCount ? nil : rows
    }

    private func mask(_ predicate: BoundPredicate, _ batch: ColumnBatch) throws(DataError) -> [Bool] {
        switch predicate {
        case .alwaysTrue: return [Bool](repeating: true, count: batch.rowCount)
        case .alwaysFalse: return [Bool](repeating: false, count: batch.rowCount)
        case .and(let terms):
            var result = [Bool](repeating: true, count: batch.rowCount)
            for term in terms {
                let other = try mask(term, batch)
                for row in result.indices { result[row] = result[row] && other[row] }
            }
            return result
        case .or(let terms):
            var result = [Bool](repeating: false, count: batch.rowCount)
            for term in terms {
                let other = try mask(term, batch)
                for row in result.indices { result[row] = result[row] || other[row] }
            }
            return result
        case .test(let test):
            guard let column = batch.column(id: test.fieldID) else {
                throw DataError(.invalid, at: "field \(test.fieldID)", "it is tested, but not among the columns read")
            }
            return column.mask(test)
        }
    }
}

extension ColumnVector {
    fileprivate func mask(_ test: BoundTest) -> [Bool] {
        switch test.operation {
        case _ where test.transform != .identity: break
        case .isNull: return validity.map { $0.map { !$0 } } ?? [Bool](repeating: values.isNothing, count: count)
        case .notNull: return validity ?? [Bool](repeating: !values.isNothing, count: count)
        case .compare(let comparison, let literal):
            if let mask = compare(comparison, literal) { return mask.masked(by: validity) }
        default: break
        }
        let predicate = BoundPredicate.test(test)
        return (0..<count).map { row in predicate.matches { _ in datum(at: row) } }
    }

    /// The comparison on the buffer itself, for the types it is worth it; what nulls give is left open.
    private func compare(_ comparison: Comparison, _ literal: Datum) -> [Bool]? {
        guard literal.isValue(of: field.type) else { return nil }
        switch (values, literal) {
        case (.int(let values), .int(let bound)), (.int(let values), .date(let bound)):
            return Self.compare(values, comparison, bound)
        case (.long(let values), _):
            guard let bound = literal.integer else { return nil }
            return Self.compare(values, comparison, bound)
        case (.decimal(let values), .decimal(let bound, _)): return Self.compare(values, comparison, bound)
        case (.bytes(let column), .string(let text)): return Self.compare(column, comparison, Array(text.utf8))
        case (.bytes(let column), .binary(let bytes)): return Self.compare(column, comparison, bytes)
        default: return nil
        }
    }

    private static func compare<T: Comparable & BitwiseCopyable>(
        _ values: [T], _ comparison: Comparison, _ bound: T
    ) -> [Bool] {
        switch comparison {
        case .less: values.map { $0 < bound }
        case .lessOrEqual: values.map { $0 <= bound }
        case .greater: values.map { $0 > bound }
        case .greaterOrEqual: values.map { $0 >= bound }
        case .equal: values.map { $0 == bound }
        case .notEqual: values.map { $0 != bound }
        }
    }

    private static func compare(_ column: ByteArrayColumn, _ comparison: Comparison, _ bound: [UInt8]) -> [Bool] {
        let offsets = column.offsets
        return bound.withUnsafeBytes { bound in
            column.bytes.withUnsafeBytes { bytes in
                (0..<column.count).map { row in
                    let range = Int(offsets[row])..<Int(offsets[row + 1])
                    let order = UnsafeRawBufferPointer(rebasing: bytes[range]).order(to: bound)
                    return switch comparison {
                    case .less: order < 0
                    case .lessOrEqual: order <= 0
                    case .greater: order > 0
                    case .greaterOrEqual: order >= 0
                    case .equal: order == 0
                    case .notEqual: order != 0
                    }
                }
            }
        }
    }
}

extension VectorValues {
    /// Whether there is no value at all, only nulls.
    fileprivate var isNothing: Bool { if case .none = self { true } else { false } }
}

extension [Bool] {
    fileprivate func masked(by validity: [Bool]?) -> [Bool] {
        validity.map { zip(self, $0).map { $0 && $1 } } ?? self
    }
}
