import IcebergSpec
import ParquetFormat

/// How the stored values of a leaf become values of a table's type: as they are, widened (specification: "Schema
/// Evolution"), or from another unit or storage (specification: "Parquet", appendix A; LogicalTypes.md).
enum LeafConversion: Sendable {
    case asStored
    case intToLong
    /// An unsigned 32-bit integer.
    case unsignedToLong
    case floatToDouble
    /// Whole units of `factor` smaller ones.
    case multiplied(by: Int64)
    /// Rounded towards the past.
    case divided(by: Int64)
    case int96ToMicroseconds
    case int96ToNanoseconds
    case decimal
    case fixedToBytes

    /// - Throws: `.malformed` when values of the leaf cannot be values of `type`.
    init(_ leaf: SchemaLeaf, to type: IcebergType) throws(DataError) {
        guard let conversion = Self.find(leaf.physicalType, leaf.logicalType, type) else {
            let logical = leaf.logicalType.map { " (\($0))" } ?? ""
            throw DataError(
                .malformed, at: "column \(leaf.name)",
                "stored as \(leaf.physicalType)\(logical), which cannot be read as \(type)")
        }
        self = conversion
    }

    private static func find(
        _ physical: PhysicalType, _ logical: LogicalType?, _ type: IcebergType
    ) -> LeafConversion? {
        switch (type, physical) {
        case (.boolean, .boolean), (.float, .float), (.double, .double), (.string, .byteArray), (.binary, .byteArray),
            (.geometry, .byteArray), (.geography, .byteArray):
            return .asStored
        case (.int, .int32): return isInteger(logical) && !isUnsigned(logical, bits: 32) ? .asStored : nil
        case (.long, .int32):
            guard isInteger(logical) else { return nil }
            return isUnsigned(logical, bits: 32) ? .unsignedToLong : .intToLong
        case (.long, .int64): return isInteger(logical) ? .asStored : nil
        case (.double, .float): return .floatToDouble
        case (.date, .int32): return logical == nil || logical == .date ? .asStored : nil
        case (.uuid, .fixedLengthByteArray(width: 16)): return .asStored
        case (.fixed(let length), .fixedLengthByteArray(let width)): return length == width ? .asStored : nil
        case (.binary, .fixedLengthByteArray): return .fixedToBytes
        case (.decimal(_, let scale), _): return decimal(scale, physical, logical)
        case (.time, _): return time(physical, logical)
        case (.timestamp, _), (.timestamptz, _): return timestamp(physical, logical, type, perSecond: 1_000_000)
        case (.timestampNanos, _), (.timestamptzNanos, _):
            return timestamp(physical, logical, type, perSecond: 1_000_000_000)
        default: return nil
        }
    }

    private static func isInteger(_ logical: LogicalType?) -> Bool {
        switch logical {
        case nil, .integer: true
        default: false
        }
    }

    private static func isUnsigned(_ logical: LogicalType?, bits: Int8) -> Bool {
        guard case .integer(let width, let isSigned) = logical else { return false }
        return !isSigned && width == bits
    }

    /// The scale of a column never changes; its precision may have grown.
    private static func decimal(_ scale: Int, _ physical: PhysicalType, _ logical: LogicalType?) -> LeafConversion? {
        guard case .decimal(_, let stored) = logical, Int(stored) == scale else { return nil }
        switch physical {
        case .int32, .int64, .byteArray, .fixedLengthByteArray: return .decimal
        case .boolean, .int96, .float, .double: return nil
        }
    }

    private static func time(_ physical: PhysicalType, _ logical: LogicalType?) -> LeafConversion? {
        switch (physical, logical) {
        case (.int64, nil), (.int64, .time(unit: .microseconds, _)): .asStored
        case (.int32, .time(unit: .milliseconds, _)): .multiplied(by: 1000)
        case (.int64, .time(unit: .nanoseconds, _)): .divided(by: 1000)
        default: nil
        }
    }

    private static func timestamp(
        _ physical: PhysicalType, _ logical: LogicalType?, _ type: IcebergType, perSecond: Int64
    ) -> LeafConversion? {
        let isNanos = perSecond == 1_000_000_000
        switch (physical, logical) {
        case (.int64, nil): return .asStored
        case (.int64, .timestamp(let unit, _)):
            let stored: Int64 =
                switch unit {
                case .milliseconds: 1000
                case .microseconds: 1_000_000
                case .nanoseconds: 1_000_000_000
                }
            if stored == perSecond { return .asStored }
            return stored < perSecond ? .multiplied(by: perSecond / stored) : .divided(by: stored / perSecond)
        case (.int96, _): return isNanos ? .int96ToNanoseconds : .int96ToMicroseconds
        case (.int32, .date):
            let isZoned = type == .timestamptz || type == .timestamptzNanos
            return isZoned ? nil : .multiplied(by: 86_400 * perSecond)
        default: return nil
        }
    }
}

extension LeafConversion {
    /// Converts the present values of a column.
    ///
    /// - Throws: `.malformed` for a value that the target type cannot hold.
    func apply(_ values: ColumnValues) throws(DataError) -> VectorValues {
        switch (self, values) {
        case (.asStored, .boolean(let values)): return .boolean(values)
        case (.asStored, .int32(let values)): return .int(values)
        case (.asStored, .int64(let values)): return .long(values)
        case (.asStored, .float(let values)): return .float(values)
        case (.asStored, .double(let values)): return .double(values)
        case (.asStored, .byteArray(let column)): return .bytes(column)
        case (.asStored, .fixedLengthByteArray(let column)): return .fixed(column)
        case (.intToLong, .int32(let values)): return .long(values.map { Int64($0) })
        case (.unsignedToLong, .int32(let values)): return .long(values.map { Int64(UInt32(bitPattern: $0)) })
        case (.floatToDouble, .float(let values)): return .double(values.map { Double($0) })
        case (.multiplied(let factor), .int32(let values)): return .long(try Self.multiply(values, by: factor))
        case (.multiplied(let factor), .int64(let values)): return .long(try Self.multiply(values, by: factor))
        case (.divided(let divisor), .int64(let values)): return .long(values.map { Self.floor($0, divisor) })
        case (.int96ToMicroseconds, .int96(let values)): return .long(values.map(\.unixMicroseconds))
        case (.int96ToNanoseconds, .int96(let values)):
            let nanoseconds = values.compactMap(\.unixNanoseconds)
            guard nanoseconds.count == values.count else { throw Self.tooFar }
            return .long(nanoseconds)
        case (.decimal, .int32(let values)): return .decimal(values.map { Int128($0) })
        case (.decimal, .int64(let values)): return .decimal(values.map { Int128($0) })
        case (.decimal, .byteArray(let column)): return .decimal(try Self.decimals(column))
        case (.decimal, .fixedLengthByteArray(let column)): return .decimal(try Self.decimals(column))
        case (.fixedToBytes, .fixedLengthByteArray(let column)): return .bytes(Self.bytes(column))
        default: throw DataError(.malformed, at: "", "its values are not of the type its schema states")
        }
    }

    private static func multiply<T: FixedWidthInteger>(_ values: [T], by factor: Int64) throws(DataError) -> [Int64] {
        var overflowed = false
        let products = values.map { value in
            let (product, overflow) = Int64(truncatingIfNeeded: value).multipliedReportingOverflow(by: factor)
            overflowed = overflowed || overflow
            return product
        }
        guard !overflowed else { throw tooFar }
        return products
    }

    private static let tooFar = DataError(.malformed, at: "", "a time that does not fit 64 bits in its unit")

    private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    private static func decimals(_ column: ByteArrayColumn) throws(DataError) -> [Int128] {
        let offsets = column.offsets
        let parsed = column.bytes.withUnsafeBytes { bytes in
            (0..<column.count).map { index in
                UnsafeRawBufferPointer(rebasing: bytes[Int(offsets[index])..<Int(offsets[index + 1])]).bigEndianInt128
            }
        }
        return try allPresent(parsed)
    }

    private static func decimals(_ column: FixedLengthByteArrayColumn) throws(DataError) -> [Int128] {
        let width = column.width
        let parsed = column.bytes.withUnsafeBytes { bytes in
            (0..<column.count).map { index in
                UnsafeRawBufferPointer(rebasing: bytes[(index * width)..<((index + 1) * width)]).bigEndianInt128
            }
        }
        return try allPresent(parsed)
    }

    private static func allPresent(_ parsed: [Int128?]) throws(DataError) -> [Int128] {
        let values = parsed.compactMap(\.self)
        guard values.count == parsed.count else {
            throw DataError(.malformed, at: "", "a decimal that is empty or longer than 128 bits")
        }
        return values
    }

    private static func bytes(_ column: FixedLengthByteArrayColumn) -> ByteArrayColumn {
        var result = ByteArrayColumn()
        result.reserveCapacity(count: column.count, bytes: column.bytes.count)
        column.bytes.withUnsafeBytes { bytes in
            for index in 0..<column.count {
                let range = (index * column.width)..<((index + 1) * column.width)
                result.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
        return result
    }
}

extension UnsafeRawBufferPointer {
    /// Two's complement, most significant byte first; nil when empty or beyond 128 bits.
    fileprivate var bigEndianInt128: Int128? {
        guard let first else { return nil }
        let sign: UInt8 = first >= 0x80 ? 0xFF : 0
        var value: Int128 = sign == 0 ? 0 : -1
        let excess = Swift.max(0, count - 16)
        for index in 0..<excess where self[index] != sign { return nil }
        for index in excess..<count { value = value << 8 | Int128(self[index]) }
        return (value < 0) == (sign == 0xFF) ? value : nil
    }
}
