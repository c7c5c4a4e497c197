import Bytes
import Clocks
import IcebergData
import IcebergSpec
import JSONFormat
import ParquetFormat

/// Rows as text, in one spelling for what this library reads and for what the corpus expects: numbers as they are,
/// `{"$dec": …}` and `{"$hex": …}`, times without trailing zeros of their fraction, maps and structs sorted by key.
enum CanonicalRow {
    static func text(_ batch: ColumnBatch, row: Int) -> String {
        batch.columns.map { text($0, row) }.joined(separator: " | ")
    }

    static func text(_ expected: [JSONValue], _ fields: [NestedField]) -> String {
        zip(expected, fields).map { text($0, $1.type) }.joined(separator: " | ")
    }

    private static func text(_ column: ColumnVector, _ row: Int) -> String {
        guard !column.isNull(at: row) else { return "null" }
        switch column.values {
        case .structure(let fields):
            return braced(fields.map { ($0.field.name, text($0, row)) })
        case .list(_, let element):
            return "[" + column.elements(of: row).map { text(element, $0) }.joined(separator: ", ") + "]"
        case .map(_, let key, let value):
            return braced(column.elements(of: row).map { (text(key, $0), text(value, $0)) })
        case .variant(let metadata, let value):
            return "variant \(Hexadecimal.encode(Array(metadata[row]))) \(Hexadecimal.encode(Array(value[row])))"
        default: return column.datum(at: row).map(text) ?? "null"
        }
    }

    private static func text(_ datum: Datum) -> String {
        switch datum {
        case .boolean(let value): "\(value)"
        case .int, .long: "\(datum.integer ?? 0)"
        case .float(let value): "\(Double(value))"
        case .double(let value): "\(value)"
        case .decimal: "dec \(datum.json.string ?? "")"
        case .fixed(let bytes), .binary(let bytes): "hex \(Hexadecimal.encode(bytes))"
        case .string(let value): "\"\(value)\""
        case .uuid: "\"\(datum.json.string ?? "")\""
        case .date, .time, .timestamp, .timestamptz, .timestampNanos, .timestamptzNanos:
            time(datum.json.string ?? "")
        }
    }

    private static func text(_ json: JSONValue, _ type: IcebergType) -> String {
        switch (json, type) {
        case (.null, _): return "null"
        case (.object(let object), .structure(let fields)):
            return braced(fields.map { ($0.name, text(object[$0.name] ?? .null, $0.type)) })
        case (.object(let object), .map(let map)):
            return braced(object.members.map { (text(.string($0.key), map.key), text($0.value, map.value)) })
        case (.array(let pairs), .map(let map)):
            return braced(
                pairs.map { (text($0.array?.first ?? .null, map.key), text($0.array?.last ?? .null, map.value)) })
        case (.array(let elements), .list(let list)):
            return "[" + elements.map { text($0, list.element) }.joined(separator: ", ") + "]"
        case (.object(let object), _):
            if let decimal = object["$dec"]?.string { return "dec \(decimal)" }
            if let hex = object["$hex"]?.string { return "hex \(hex)" }
            return "? \(json.serializedString())"
        case (.string(let text), .string), (.string(let text), .uuid): return "\"\(text)\""
        case (.string(let text), _): return time(text)
        case (_, .float), (_, .double): return "\(json.double ?? .nan)"
        default: return json.serializedString()
        }
    }

    private static func braced(_ members: [(String, String)]) -> String {
        "{" + members.sorted { $0 < $1 }.map { "\($0): \($1)" }.joined(separator: ", ") + "}"
    }

    private static func time(_ text: String) -> String {
        var text = text
        for zone in ["Z", "+00:00"] where text.hasSuffix(zone) { text.removeLast(zone.count) }
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}
