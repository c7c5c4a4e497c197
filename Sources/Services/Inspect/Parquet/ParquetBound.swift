import Clocks
import IcebergSpec
import JSONFormat
import ParquetFormat

/// Bounds of statistics and page indexes, which are PLAIN bytes, as values of their column.
enum ParquetBound {
    /// `≤` or `≥` stand before a bound that was cut: it encloses the values, but is none of them.
    static func describe(_ bound: ColumnBound?, of leaf: SchemaLeaf, isMaximum: Bool) -> JSONValue {
        guard let bound else { return .null }
        let value = describe(bound.bytes, of: leaf)
        guard !bound.isExact else { return value }
        return .string((isMaximum ? "≤ " : "≥ ") + TextRendering.cell(value))
    }

    /// The value; the bytes where they are none of the column's type.
    static func describe(_ bytes: [UInt8], of leaf: SchemaLeaf) -> JSONValue {
        datum(bytes, of: leaf)?.rendered ?? number(bytes, of: leaf) ?? BytesRendering.describe(bytes)
    }

    private static func datum(_ bytes: [UInt8], of leaf: SchemaLeaf) -> Datum? {
        guard let type = type(of: leaf) else { return nil }
        let isInteger = leaf.physicalType == .int32 || leaf.physicalType == .int64
        do {
            return try Datum(parquetValue: bytes, type: type, decimalIsInteger: isInteger)
        } catch {
            // A hostile file may state any bytes: they are shown as they are.
            return nil
        }
    }

    /// The Iceberg type whose single values these bytes are.
    private static func type(of leaf: SchemaLeaf) -> IcebergType? {
        switch leaf.logicalType {
        case .string, .enumeration, .json: return .string
        case .uuid: return .uuid
        case .date: return .date
        case .time(unit: .microseconds, _): return .time
        case .timestamp(unit: .microseconds, let isUTC): return isUTC ? .timestamptz : .timestamp
        case .timestamp(unit: .nanoseconds, let isUTC): return isUTC ? .timestamptzNanos : .timestampNanos
        case .timestamp(unit: .milliseconds, _), .time, .integer(_, isSigned: false): return nil
        case .decimal(let precision, let scale): return .decimal(precision: Int(precision), scale: Int(scale))
        case .bson, .list, .map, .mapKeyValue, .unknown, .interval, .float16, .variant, .geometry, .geography:
            return nil
        case .integer, nil: break
        }
        switch leaf.physicalType {
        case .boolean: return .boolean
        case .int32: return .int
        case .int64: return .long
        case .float: return .float
        case .double: return .double
        case .int96, .byteArray, .fixedLengthByteArray: return nil
        }
    }

    /// Numbers that Iceberg has no type for.
    private static func number(_ bytes: [UInt8], of leaf: SchemaLeaf) -> JSONValue? {
        let unsigned = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        switch (leaf.physicalType, bytes.count) {
        case (.int32, 4): break
        case (.int64, 8): break
        default: return nil
        }
        switch leaf.logicalType {
        case .integer(_, isSigned: false): return JSONValue(unsigned)
        case .timestamp(unit: .milliseconds, _):
            let (microseconds, overflow) = Int64(bitPattern: unsigned).multipliedReportingOverflow(by: 1000)
            return overflow ? nil : .string(Timestamp(microseconds: microseconds).rfc3339())
        case .time(unit: .milliseconds, _):
            return Datum.time(Int64(Int32(truncatingIfNeeded: unsigned)) * 1000).json
        case .time: return .integer(Int64(bitPattern: unsigned))
        default: return nil
        }
    }
}
