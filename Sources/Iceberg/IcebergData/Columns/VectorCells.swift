import Bytes
import Clocks
import IcebergSpec
import JSONFormat
import ParquetFormat

extension ColumnVector {
    /// The value of one slot of a primitive column; nil for null, and for structs, lists, maps and variants.
    ///
    /// Makes a value at a time: loops over many rows read `values` instead. Text that is no UTF-8 has its wrong bytes
    /// replaced by U+FFFD.
    public func datum(at row: Int) -> Datum? {
        guard !isNull(at: row) else { return nil }
        switch values {
        case .boolean(let values): return .boolean(values[row])
        case .int(let values): return field.type == .date ? .date(values[row]) : .int(values[row])
        case .long(let values): return Self.datum(values[row], field.type)
        case .float(let values): return .float(values[row])
        case .double(let values): return .double(values[row])
        case .decimal(let values):
            guard case .decimal(_, let scale) = field.type else { return nil }
            return .decimal(unscaled: values[row], scale: scale)
        case .bytes(let column):
            return field.type == .string ? .string(column.string(at: row)) : .binary(Array(column[row]))
        case .fixed(let column):
            if field.type == .uuid { return UUID(bytes: column[row]).map { .uuid($0) } }
            return .fixed(Array(column[row]))
        case .variant, .none, .structure, .list, .map: return nil
        }
    }

    private static func datum(_ value: Int64, _ type: IcebergType) -> Datum {
        switch type {
        case .time: .time(value)
        case .timestamp: .timestamp(value)
        case .timestamptz: .timestamptz(value)
        case .timestampNanos: .timestampNanos(value)
        case .timestamptzNanos: .timestamptzNanos(value)
        default: .long(value)
        }
    }

    /// The slots of a list's or map's elements for one row; empty for null and for other columns.
    public func elements(of row: Int) -> Range<Int> {
        switch values {
        case .list(let offsets, _), .map(let offsets, _, _):
            isNull(at: row) ? 0..<0 : Int(offsets[row])..<Int(offsets[row + 1])
        default: 0..<0
        }
    }
}

extension ColumnVector {
    /// The value of one slot, nested ones as a whole. A variant is a struct of the binaries metadata and value.
    ///
    /// For rows by the dozen: each value is allocated.
    public func value(at row: Int) -> RowValue {
        guard !isNull(at: row) else { return .null }
        switch values {
        case .structure(let fields): return .structure(fields.map { $0.value(at: row) })
        case .list(_, let element): return .list(elements(of: row).map { element.value(at: $0) })
        case .map(_, let key, let value):
            return .map(elements(of: row).map { RowValue.Entry(key: key.value(at: $0), value: value.value(at: $0)) })
        case .variant(let metadata, let value):
            return .structure([
                .primitive(.binary(Array(metadata[row]))), .primitive(.binary(Array(value[row]))),
            ])
        default: return datum(at: row).map { .primitive($0) } ?? .null
        }
    }
}

extension ColumnBatch {
    /// One row, a value for each column.
    public func row(_ row: Int) -> [RowValue] { columns.map { $0.value(at: row) } }
}
