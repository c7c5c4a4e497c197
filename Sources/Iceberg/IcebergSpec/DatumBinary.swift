import Bytes
import Clocks

/// Specification: "Appendix D: Single-value serialization", binary.
extension Datum {
    /// The bytes that stand for this value in bounds of manifests.
    public var singleValueBinary: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .boolean(let value): bytes.append(value ? 1 : 0)
        case .int(let value), .date(let value): bytes.appendLittleEndian(value)
        case .long(let value), .time(let value), .timestamp(let value), .timestamptz(let value),
            .timestampNanos(let value), .timestamptzNanos(let value):
            bytes.appendLittleEndian(value)
        case .float(let value): bytes.appendLittleEndian(value.bitPattern)
        case .double(let value): bytes.appendLittleEndian(value.bitPattern)
        case .string(let value): bytes.append(utf8: value)
        case .uuid(let value): bytes = value.bytes
        case .fixed(let value), .binary(let value): bytes = value
        case .decimal(let unscaled, _): bytes = Self.minimalBigEndian(unscaled)
        }
        return bytes
    }

    /// Reads a bound. Takes the forms of a narrower type from before a promotion: 4 bytes for a long,
    /// double or timestamp.
    ///
    /// - Throws: `.malformed` when the bytes cannot be a value of `type`.
    public init(singleValueBinary bytes: [UInt8], type: IcebergType) throws(IcebergError) {
        guard let datum = Self.decode(bytes, type) else {
            throw IcebergError(.malformed, "\(bytes.count) bytes that are no value of type \(type.description)")
        }
        self = datum
    }

    /// Reads a value of Parquet statistics or of a `PLAIN` page. Only decimals kept in INT32 or INT64 differ from the
    /// single-value form: they are little-endian.
    public init(
        parquetValue bytes: [UInt8], type: IcebergType, decimalIsInteger: Bool = false
    ) throws(IcebergError) {
        if case .decimal = type, decimalIsInteger {
            self = try Datum(singleValueBinary: bytes.reversed(), type: type)
        } else {
            self = try Datum(singleValueBinary: bytes, type: type)
        }
    }

    private static func decode(_ bytes: [UInt8], _ type: IcebergType) -> Datum? {
        switch type {
        case .boolean: return bytes.count == 1 ? .boolean(bytes[0] != 0) : nil
        case .int: return little(bytes, Int32.self).map { .int($0) }
        case .date: return little(bytes, Int32.self).map { .date($0) }
        case .long: return long(bytes).map { .long($0) }
        case .time: return little(bytes, Int64.self).map { .time($0) }
        case .timestamp:
            return (little(bytes, Int64.self) ?? date(bytes, unitsPerDay: DatumText.microsecondsPerDay))
                .map { .timestamp($0) }
        case .timestamptz: return little(bytes, Int64.self).map { .timestamptz($0) }
        case .timestampNanos:
            return (little(bytes, Int64.self) ?? date(bytes, unitsPerDay: DatumText.microsecondsPerDay * 1000))
                .map { .timestampNanos($0) }
        case .timestamptzNanos: return little(bytes, Int64.self).map { .timestamptzNanos($0) }
        case .float: return little(bytes, UInt32.self).map { .float(Float(bitPattern: $0)) }
        case .double:
            if let value = little(bytes, UInt64.self) { return .double(Double(bitPattern: value)) }
            return little(bytes, UInt32.self).map { .double(Double(Float(bitPattern: $0))) }
        case .string: return String(validating: bytes, as: UTF8.self).map { .string($0) }
        case .uuid: return UUID(bytes: bytes).map { .uuid($0) }
        case .fixed(let length): return bytes.count == length ? .fixed(bytes) : nil
        case .binary, .geometry, .geography: return .binary(bytes)
        case .decimal(_, let scale): return bigEndian(bytes).map { .decimal(unscaled: $0, scale: scale) }
        case .unknown, .variant, .structure, .list, .map: return nil
        }
    }

    private static func little<T: FixedWidthInteger>(_ bytes: [UInt8], _ type: T.Type) -> T? {
        guard bytes.count == MemoryLayout<T>.size else { return nil }
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(as: T.self)) }
    }

    /// A date from before the column was promoted.
    private static func date(_ bytes: [UInt8], unitsPerDay: Int64) -> Int64? {
        guard let days = little(bytes, Int32.self) else { return nil }
        let (units, overflow) = Int64(days).multipliedReportingOverflow(by: unitsPerDay)
        return overflow ? nil : units
    }

    private static func long(_ bytes: [UInt8]) -> Int64? {
        little(bytes, Int64.self) ?? little(bytes, Int32.self).map { Int64($0) }
    }

    /// Two's complement, most significant byte first, in as few bytes as keep the sign.
    public static func minimalBigEndian(_ value: Int128) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        repeat {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        } while !((rest == 0 && bytes[bytes.count - 1] < 0x80) || (rest == -1 && bytes[bytes.count - 1] >= 0x80))
        return bytes.reversed()
    }

    /// Two's complement, most significant byte first, of exactly `count` bytes; nil when the value needs more.
    public static func bigEndian(_ value: Int128, count: Int) -> [UInt8]? {
        let minimal = minimalBigEndian(value)
        guard minimal.count <= count else { return nil }
        return [UInt8](repeating: value < 0 ? 0xFF : 0, count: count - minimal.count) + minimal
    }

    /// Reads two's complement, most significant byte first; nil when empty or beyond 128 bits.
    public static func bigEndian(_ bytes: some Collection<UInt8>) -> Int128? {
        guard let first = bytes.first else { return nil }
        let sign: UInt8 = first >= 0x80 ? 0xFF : 0
        var value: Int128 = sign == 0 ? 0 : -1
        for (index, byte) in bytes.enumerated() {
            let isPadding = bytes.count - index > 16
            guard !isPadding || byte == sign else { return nil }
            value = value << 8 | Int128(byte)
        }
        guard bytes.count <= 16 || (value < 0) == (sign == 0xFF) else { return nil }
        return value
    }
}
