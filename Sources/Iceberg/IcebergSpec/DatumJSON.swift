import Bytes
import Clocks
import JSONFormat

/// Specification: "Appendix D: Single-value serialization", JSON.
extension Datum {
    public var json: JSONValue {
        switch self {
        case .boolean(let value): .bool(value)
        case .int(let value): JSONValue(value)
        case .long(let value): .integer(value)
        case .float(let value): .double(Double(value))
        case .double(let value): .double(value)
        case .date(let days): .string(DatumText.date(Int64(days)))
        case .time(let value): .string(DatumText.time(value, digits: 6, trimmed: false))
        case .timestamp(let value): .string(DatumText.timestamp(value, digits: 6, trimmed: false))
        case .timestamptz(let value): .string(DatumText.timestamp(value, digits: 6, trimmed: false) + "+00:00")
        case .timestampNanos(let value): .string(DatumText.timestamp(value, digits: 9, trimmed: false))
        case .timestamptzNanos(let value): .string(DatumText.timestamp(value, digits: 9, trimmed: false) + "+00:00")
        case .string(let value): .string(value)
        case .uuid(let value): .string(value.description)
        case .fixed(let bytes), .binary(let bytes): .string(Hexadecimal.encode(bytes))
        case .decimal(let unscaled, let scale): .string(DatumText.decimal(unscaled, scale: scale))
        }
    }

    /// Reads the JSON single value of a primitive type.
    ///
    /// - Throws: `.malformed` when it is none.
    public init(json: JSONValue, type: IcebergType) throws(IcebergError) {
        try self.init(JSONReader(json), type: type)
    }

    init(_ reader: JSONReader, type: IcebergType) throws(IcebergError) {
        guard let datum = Self.decode(reader.value, type) else {
            throw reader.fail("\(reader.value.serializedString().prefix(80)) is no value of type \(type.description)")
        }
        self = datum
    }

    private static func decode(_ json: JSONValue, _ type: IcebergType) -> Datum? {
        switch type {
        case .boolean: return json.bool.map { .boolean($0) }
        case .int: return json.integer.flatMap { Int32(exactly: $0) }.map { .int($0) }
        case .long: return json.integer.map { .long($0) }
        case .float: return json.double.map { .float(Float($0)) }
        case .double: return json.double.map { .double($0) }
        case .decimal(_, let scale):
            let text = json.string ?? (json.double == nil ? nil : json.serializedString())
            let value = text.flatMap { DatumText.parseDecimal($0, scale: scale) }
            let datum = value.map { Datum.decimal(unscaled: $0, scale: scale) }
            return datum.flatMap { $0.isValue(of: type) ? $0 : nil }
        default: return json.string.flatMap { parse($0, type) }
        }
    }

    /// Reads a value of one of the types whose JSON is a string.
    static func parse(_ text: String, _ type: IcebergType) -> Datum? {
        switch type {
        case .date: return DatumText.parseDate(text).map { .date($0) }
        case .time: return DatumText.parseTime(text).map { .time($0) }
        case .timestamp: return DatumText.parseTimestamp(text, zoned: false, digits: 6).map { .timestamp($0) }
        case .timestamptz: return DatumText.parseTimestamp(text, zoned: true, digits: 6).map { .timestamptz($0) }
        case .timestampNanos:
            return DatumText.parseTimestamp(text, zoned: false, digits: 9).map { .timestampNanos($0) }
        case .timestamptzNanos:
            return DatumText.parseTimestamp(text, zoned: true, digits: 9).map { .timestamptzNanos($0) }
        case .string: return .string(text)
        case .uuid: return UUID(text).map { .uuid($0) }
        case .fixed(let length):
            return Hexadecimal.decode(text).flatMap { $0.count == length ? .fixed($0) : nil }
        case .binary: return Hexadecimal.decode(text).map { .binary($0) }
        default: return nil
        }
    }
}
