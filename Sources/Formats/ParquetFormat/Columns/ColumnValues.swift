/// The values of a column that are present, densely: nulls have a level but no value.
public enum ColumnValues: Hashable, Sendable {
    case boolean([Bool])
    case int32([Int32])
    case int64([Int64])
    case int96([Int96])
    case float([Float])
    case double([Double])
    case byteArray(ByteArrayColumn)
    case fixedLengthByteArray(FixedLengthByteArrayColumn)

    /// No values, of the given type.
    public init(_ type: PhysicalType) {
        switch type {
        case .boolean: self = .boolean([])
        case .int32: self = .int32([])
        case .int64: self = .int64([])
        case .int96: self = .int96([])
        case .float: self = .float([])
        case .double: self = .double([])
        case .byteArray: self = .byteArray(ByteArrayColumn())
        case .fixedLengthByteArray(let width): self = .fixedLengthByteArray(FixedLengthByteArrayColumn(width: width))
        }
    }

    public var physicalType: PhysicalType {
        switch self {
        case .boolean: .boolean
        case .int32: .int32
        case .int64: .int64
        case .int96: .int96
        case .float: .float
        case .double: .double
        case .byteArray: .byteArray
        case .fixedLengthByteArray(let column): .fixedLengthByteArray(width: column.width)
        }
    }

    public var count: Int {
        switch self {
        case .boolean(let values): values.count
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .int96(let values): values.count
        case .float(let values): values.count
        case .double(let values): values.count
        case .byteArray(let column): column.count
        case .fixedLengthByteArray(let column): column.count
        }
    }

    /// Bytes the values take in memory, which is close to what PLAIN encoding takes.
    public var byteCount: Int {
        switch self {
        case .boolean(let values): values.count
        case .int32(let values): values.count * 4
        case .int64(let values): values.count * 8
        case .int96(let values): values.count * 12
        case .float(let values): values.count * 4
        case .double(let values): values.count * 8
        case .byteArray(let column): column.bytes.count + column.offsets.count * 4
        case .fixedLengthByteArray(let column): column.bytes.count
        }
    }

    public var booleans: [Bool]? { if case .boolean(let values) = self { values } else { nil } }
    public var int32s: [Int32]? { if case .int32(let values) = self { values } else { nil } }
    public var int64s: [Int64]? { if case .int64(let values) = self { values } else { nil } }
    public var int96s: [Int96]? { if case .int96(let values) = self { values } else { nil } }
    public var floats: [Float]? { if case .float(let values) = self { values } else { nil } }
    public var doubles: [Double]? { if case .double(let values) = self { values } else { nil } }
    public var byteArrays: ByteArrayColumn? { if case .byteArray(let column) = self { column } else { nil } }
    public var fixedLengthByteArrays: FixedLengthByteArrayColumn? {
        if case .fixedLengthByteArray(let column) = self { column } else { nil }
    }

    /// Appends a range of another column's values, which must be of the same type.
    public mutating func append(_ other: ColumnValues, values range: Range<Int>) {
        // The buffer is moved out of `self`, so that it is uniquely held while it grows, and back.
        switch other {
        case .boolean(let more):
            guard case .boolean(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .boolean(values)
        case .int32(let more):
            guard case .int32(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .int32(values)
        case .int64(let more):
            guard case .int64(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .int64(values)
        case .int96(let more):
            guard case .int96(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .int96(values)
        case .float(let more):
            guard case .float(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .float(values)
        case .double(let more):
            guard case .double(var values) = self else { mismatch(other) }
            self = .boolean([])
            values.append(contentsOf: more[range])
            self = .double(values)
        case .byteArray(let more):
            guard case .byteArray(var column) = self else { mismatch(other) }
            self = .boolean([])
            column.append(more, values: range)
            self = .byteArray(column)
        case .fixedLengthByteArray(let more):
            guard case .fixedLengthByteArray(var column) = self else { mismatch(other) }
            self = .boolean([])
            column.append(more, values: range)
            self = .fixedLengthByteArray(column)
        }
    }

    private func mismatch(_ other: ColumnValues) -> Never {
        preconditionFailure("\(other.physicalType) values appended to a column of \(physicalType)")
    }
}
