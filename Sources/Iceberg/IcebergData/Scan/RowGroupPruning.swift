import IcebergSpec
import ParquetFormat

/// Tells which row groups cannot hold a row that a predicate accepts, by their column statistics.
struct RowGroupPruning {
    let predicate: BoundPredicate
    let reader: BatchReader

    /// False is a proof, true is none.
    func mayMatch(rowGroup: Int) -> Bool {
        let columns = reader.file.metadata.rowGroups[rowGroup].columns
        return predicate.mightMatch { id, type in
            guard let (leaf, conversion) = reader.leaf(of: id), leaf.maxRepetitionLevel == 0,
                columns.indices.contains(leaf.index), let statistics = columns[leaf.index].statistics
            else { return .unknown }
            let isInteger = leaf.physicalType == .int32 || leaf.physicalType == .int64
            func bound(_ bound: ColumnBound?) -> Datum? {
                guard conversion.keepsBounds, let bytes = bound?.bytes else { return nil }
                // A bound that is no value of the type counts as none.
                do throws(IcebergError) {
                    return try Datum(parquetValue: bytes, type: type, decimalIsInteger: isInteger)
                } catch { return nil }
            }
            return FieldRange(
                lower: bound(statistics.min), upper: bound(statistics.max), mayHaveNull: statistics.nullCount != 0,
                mayHaveValue: statistics.nullCount.map { $0 < columns[leaf.index].valueCount } ?? true)
        }
    }
}

extension LeafConversion {
    /// Whether the bytes of a stored bound are those of a value of the table's type.
    fileprivate var keepsBounds: Bool {
        switch self {
        case .asStored, .intToLong, .floatToDouble, .decimal: true
        case .unsignedToLong, .multiplied, .divided, .int96ToMicroseconds, .int96ToNanoseconds, .fixedToBytes: false
        }
    }
}
