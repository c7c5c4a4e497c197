import Clocks
import IcebergSpec
import JSONFormat
import ParquetFormat

/// Columns that have the same value in every slot: nulls, defaults, partition values.
extension ColumnVector {
    /// - Throws: `.tooLarge` beyond `DataLimits.constantBytesMax`.
    static func nulls(_ field: NestedField, count: Int) throws(DataError) -> ColumnVector {
        ColumnVector(
            unchecked: field, count: count, validity: [Bool](repeating: false, count: count),
            values: try .zeros(field, count: count))
    }

    /// - Throws: `.malformed` when the value is not of the field's type, `.tooLarge`.
    static func repeating(_ datum: Datum?, _ field: NestedField, count: Int) throws(DataError) -> ColumnVector {
        guard let datum else { return try nulls(field, count: count) }
        guard let values = try datum.promoted(to: field.type).values(repeated: count, field) else {
            throw DataError(
                .malformed, at: "column \(field.name)",
                "the constant \(datum.json.serializedString().prefix(80)) is no value of type \(field.type)")
        }
        return ColumnVector(unchecked: field, count: count, validity: nil, values: values)
    }

    /// A default as JSON single value; an object for a struct leaves its fields to their own defaults.
    static func repeating(
        default json: JSONValue?, _ field: NestedField, count: Int
    ) throws(DataError) -> ColumnVector {
        guard let json, !json.isNull else { return try nulls(field, count: count) }
        switch (field.type, json) {
        case (.structure(let fields), .object(let object)):
            var vectors: [ColumnVector] = []
            for child in fields {
                let value = object[String(child.id)] ?? child.initialDefault
                vectors.append(try repeating(default: value, child, count: count))
            }
            return ColumnVector(unchecked: field, count: count, validity: nil, values: .structure(vectors))
        case (.list, .array(let elements)) where elements.isEmpty:
            return ColumnVector(unchecked: field, count: count, validity: nil, values: try .zeros(field, count: count))
        case (.map, .object(let object)) where object["keys"]?.array?.isEmpty ?? object.isEmpty:
            return ColumnVector(unchecked: field, count: count, validity: nil, values: try .zeros(field, count: count))
        case (.structure, _), (.list, _), (.map, _), (.variant, _):
            throw DataError(
                .unsupported, at: "column \(field.name)",
                "a default of type \(field.type) that is neither null nor empty is not read")
        default:
            do {
                return try repeating(try Datum(json: json, type: field.type), field, count: count)
            } catch let error as IcebergError {
                throw DataError(error).within("default of column \(field.name)")
            } catch let error as DataError {
                throw error
            } catch {
                throw DataError(.malformed, at: "default of column \(field.name)", "\(error)")
            }
        }
    }
}

extension VectorValues {
    /// Slots of zero, of no bytes, or of empty lists.
    static func zeros(_ field: NestedField, count: Int) throws(DataError) -> VectorValues {
        let noBytes = { () throws(DataError) -> ByteArrayColumn in
            try ByteArrayColumn(repeating: [], count: count, field)
        }
        switch field.type {
        case .boolean: return .boolean([Bool](repeating: false, count: count))
        case .int, .date: return .int([Int32](repeating: 0, count: count))
        case .long, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos:
            return .long([Int64](repeating: 0, count: count))
        case .float: return .float([Float](repeating: 0, count: count))
        case .double: return .double([Double](repeating: 0, count: count))
        case .decimal: return .decimal([Int128](repeating: 0, count: count))
        case .string, .binary, .geometry, .geography: return .bytes(try noBytes())
        case .uuid: return .fixed(try FixedLengthByteArrayColumn(zeros: 16, count: count, field))
        case .fixed(let length): return .fixed(try FixedLengthByteArrayColumn(zeros: length, count: count, field))
        case .unknown: return .none
        case .variant: return .variant(metadata: try noBytes(), value: try noBytes())
        case .structure(let fields):
            var vectors: [ColumnVector] = []
            for child in fields { vectors.append(try .nulls(child, count: count)) }
            return .structure(vectors)
        case .list(let list):
            return .list(
                offsets: [UInt32](repeating: 0, count: count + 1), element: try .nulls(list.elementField, count: 0))
        case .map(let map):
            return .map(
                offsets: [UInt32](repeating: 0, count: count + 1), key: try .nulls(map.keyField, count: 0),
                value: try .nulls(map.valueField, count: 0))
        }
    }
}

extension Datum {
    /// The value as one of a type that its own type may be promoted to; itself where that is not so.
    func promoted(to type: IcebergType) -> Datum {
        switch (self, type) {
        case (.int(let value), .long): .long(Int64(value))
        case (.int(let value), .date): .date(value)
        case (.float(let value), .double): .double(Double(value))
        case (.date(let days), .timestamp): .timestamp(Int64(days) * 86_400_000_000)
        case (.date(let days), .timestampNanos):
            Int64(days).multipliedReportingOverflow(by: 86_400_000_000_000).overflow
                ? self : .timestampNanos(Int64(days) * 86_400_000_000_000)
        case (.fixed(let bytes), .binary): .binary(bytes)
        default: self
        }
    }

    fileprivate func values(repeated count: Int, _ field: NestedField) throws(DataError) -> VectorValues? {
        switch (self, field.type) {
        case (.boolean(let value), .boolean): return .boolean([Bool](repeating: value, count: count))
        case (.int(let value), .int), (.date(let value), .date): return .int([Int32](repeating: value, count: count))
        case (.long(let value), .long), (.time(let value), .time), (.timestamp(let value), .timestamp),
            (.timestamptz(let value), .timestamptz), (.timestampNanos(let value), .timestampNanos),
            (.timestamptzNanos(let value), .timestamptzNanos):
            return .long([Int64](repeating: value, count: count))
        case (.float(let value), .float): return .float([Float](repeating: value, count: count))
        case (.double(let value), .double): return .double([Double](repeating: value, count: count))
        case (.decimal(let unscaled, let scale), .decimal(_, let typeScale)) where scale == typeScale:
            return .decimal([Int128](repeating: unscaled, count: count))
        case (.string(let value), .string):
            return .bytes(try ByteArrayColumn(repeating: Array(value.utf8), count: count, field))
        case (.binary(let value), .binary), (.binary(let value), .geometry), (.binary(let value), .geography):
            return .bytes(try ByteArrayColumn(repeating: value, count: count, field))
        case (.uuid(let value), .uuid):
            return .fixed(try FixedLengthByteArrayColumn(repeating: value.bytes, count: count, field))
        case (.fixed(let value), .fixed(let length)) where value.count == length:
            return .fixed(try FixedLengthByteArrayColumn(repeating: value, count: count, field))
        default: return nil
        }
    }
}

private func checkSize(_ width: Int, _ count: Int, _ field: NestedField) throws(DataError) {
    let (bytes, overflow) = width.multipliedReportingOverflow(by: count)
    guard !overflow, bytes <= DataLimits.constantBytesMax else {
        throw DataError(
            .tooLarge, at: "column \(field.name)",
            "\(count) values of \(width) bytes, \(DataLimits.constantBytesMax) bytes allowed")
    }
}

extension ByteArrayColumn {
    fileprivate init(repeating value: [UInt8], count: Int, _ field: NestedField) throws(DataError) {
        try checkSize(value.count + 4, count, field)
        self.init()
        reserveCapacity(count: count, bytes: value.count * count)
        for _ in 0..<count { append(value) }
    }
}

extension FixedLengthByteArrayColumn {
    fileprivate init(repeating value: [UInt8], count: Int, _ field: NestedField) throws(DataError) {
        try checkSize(value.count, count, field)
        self.init(width: max(1, value.count))
        for _ in 0..<count { value.withUnsafeBytes { append($0) } }
    }

    fileprivate init(zeros width: Int, count: Int, _ field: NestedField) throws(DataError) {
        try checkSize(width, count, field)
        do {
            try self.init(width: max(1, width), bytes: [UInt8](repeating: 0, count: max(1, width) * count))
        } catch {
            throw DataError(error)
        }
    }
}
