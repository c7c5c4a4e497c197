import Bytes
import Clocks
import ParquetFormat

/// How a value of a leaf is written as JSON, the same for every reader that is compared:
///
/// - integers, dates (days), times and timestamps (in the unit of the column), int96 (nanoseconds since 1970) as integers;
///   unsigned ones by their logical type;
/// - floating-point numbers as the shortest that reads back equal, `"NaN"`, `"Infinity"`, `"-Infinity"`;
/// - decimals and UUIDs as text; strings, enums and JSON as strings; every other byte array as lowercase hexadecimal;
/// - bytes of a string that are no UTF-8 as `{"bytes": hexadecimal}`.
struct ValueText {
    private let logical: LogicalType?
    private let values: ColumnValues
    private let isUnsigned: Bool

    init(_ leaf: SchemaLeaf, _ values: ColumnValues) {
        logical = leaf.logicalType
        self.values = values
        if case .integer(_, let isSigned) = leaf.logicalType { isUnsigned = !isSigned } else { isUnsigned = false }
    }

    func append(_ index: Int, to text: inout [UInt8]) {
        switch values {
        case .boolean(let values): text.append(utf8: values[index] ? "true" : "false")
        case .int32(let values): append(Int64(values[index]), UInt64(UInt32(bitPattern: values[index])), to: &text)
        case .int64(let values): append(values[index], UInt64(bitPattern: values[index]), to: &text)
        case .int96(let values): text.append(utf8: String(Self.nanoseconds(values[index])))
        case .float(let values): Self.append(Double(values[index]), to: &text)
        case .double(let values): Self.append(values[index], to: &text)
        case .byteArray(let column): append(column[index], to: &text)
        case .fixedLengthByteArray(let column): append(column[index], to: &text)
        }
    }

    private func append(_ value: Int64, _ unsigned: UInt64, to text: inout [UInt8]) {
        if case .decimal(_, let scale) = logical {
            text.append(utf8: "\"\(Self.decimal(Int128(value), scale: Int(scale)))\"")
        } else {
            text.append(utf8: isUnsigned ? String(unsigned) : String(value))
        }
    }

    private func append(_ bytes: ArraySlice<UInt8>, to text: inout [UInt8]) {
        switch logical {
        case .string, .enumeration, .json:
            if let string = String(validating: bytes, as: UTF8.self) {
                DriverJSON.appendQuoted(string, to: &text)
            } else {
                text.append(utf8: "{\"bytes\":\"\(Hexadecimal.encode(bytes))\"}")
            }
        case .uuid:
            text.append(utf8: "\"\(UUID(bytes: bytes)?.description ?? Hexadecimal.encode(bytes))\"")
        case .decimal(_, let scale):
            if bytes.count <= 16 {
                let sign: Int128 = bytes.first ?? 0 >= 0x80 ? -1 : 0
                let unscaled = bytes.reduce(sign) { $0 << 8 | Int128($1) }
                text.append(utf8: "\"\(Self.decimal(unscaled, scale: Int(scale)))\"")
            } else {
                text.append(utf8: "{\"bytes\":\"\(Hexadecimal.encode(bytes))\"}")
            }
        case .float16 where bytes.count == 2:
            let bits = UInt16(bytes[bytes.startIndex]) | UInt16(bytes[bytes.startIndex + 1]) << 8
            Self.append(Double(Float16(bitPattern: bits)), to: &text)
        default: text.append(utf8: "\"\(Hexadecimal.encode(bytes))\"")
        }
    }

    private static func append(_ value: Double, to text: inout [UInt8]) {
        if value.isNaN { return text.append(utf8: "\"NaN\"") }
        if value.isInfinite { return text.append(utf8: value < 0 ? "\"-Infinity\"" : "\"Infinity\"") }
        text.append(utf8: value.description)
    }

    static func decimal(_ unscaled: Int128, scale: Int) -> String {
        var digits = String(unscaled.magnitude)
        let sign = unscaled < 0 ? "-" : ""
        guard scale > 0 else { return sign + digits + String(repeating: "0", count: unscaled == 0 ? 0 : -scale) }
        if digits.utf8.count <= scale {
            digits = String(repeating: "0", count: scale + 1 - digits.utf8.count) + digits
        }
        return sign + digits.dropLast(scale) + "." + digits.suffix(scale)
    }

    private static func nanoseconds(_ value: Int96) -> Int128 {
        let ofDay = Int128(UInt64(value.middle) << 32 | UInt64(value.low))
        return (Int128(value.high) - 2_440_588) * 86_400_000_000_000 + ofDay
    }
}
