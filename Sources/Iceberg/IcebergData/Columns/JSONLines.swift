import Bytes
import IcebergSpec
import JSONFormat
import ParquetFormat

/// Rows as JSON, one object a line.
///
/// Primitive values are spelled as Iceberg's JSON single values (specification: appendix D): decimals, dates, times and
/// uuids as text, timestamps with six or nine digits of fraction and `+00:00` when in UTC, binary and fixed as
/// hexadecimal. Structs are objects by field name, lists are arrays, and maps are `{"keys": […], "values": […]}`, since
/// keys need not be text. A variant is `{"metadata": hexadecimal, "value": hexadecimal}`. What JSON has no number for is
/// the text `NaN`, `Infinity` or `-Infinity`.
extension ColumnBatch {
    /// Appends every row and a line feed after each.
    public func appendJSONLines(to text: inout [UInt8]) {
        let keys = columns.map { column in
            var key: [UInt8] = []
            JSONValue.appendQuoted(column.field.name, to: &key)
            return key
        }
        for row in 0..<rowCount {
            text.append(UInt8(ascii: "{"))
            for (index, column) in columns.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                text.append(contentsOf: keys[index])
                text.append(UInt8(ascii: ":"))
                column.appendJSON(at: row, to: &text)
            }
            text.append(UInt8(ascii: "}"))
            text.append(UInt8(ascii: "\n"))
        }
    }
}

extension ColumnVector {
    /// Appends the value of one slot as JSON.
    public func appendJSON(at row: Int, to text: inout [UInt8]) {
        guard !isNull(at: row) else {
            text.append(utf8: "null")
            return
        }
        switch values {
        case .structure(let fields): Self.appendStructure(fields, row, &text)
        case .list(_, let element): Self.appendArray(element, elements(of: row), &text)
        case .map(_, let key, let value):
            text.append(utf8: "{\"keys\":")
            Self.appendArray(key, elements(of: row), &text)
            text.append(utf8: ",\"values\":")
            Self.appendArray(value, elements(of: row), &text)
            text.append(UInt8(ascii: "}"))
        case .variant(let metadata, let value):
            text.append(utf8: "{\"metadata\":\"" + Hexadecimal.encode(Array(metadata[row])))
            text.append(utf8: "\",\"value\":\"" + Hexadecimal.encode(Array(value[row])) + "\"}")
        case .none: text.append(utf8: "null")
        case .bytes(let column) where field.type == .string: Self.appendText(column, row, &text)
        case .int(let values) where field.type == .int: text.append(utf8: String(values[row]))
        case .long(let values) where field.type == .long: text.append(utf8: String(values[row]))
        case .float(let values): Self.appendNumber(values[row].description, values[row].isFinite, &text)
        case .double(let values): Self.appendNumber(values[row].description, values[row].isFinite, &text)
        default: text.append(contentsOf: (datum(at: row)?.json ?? .null).serialized())
        }
    }

    /// Most texts are plain ASCII and need no look at their characters.
    private static func appendText(_ column: ByteArrayColumn, _ row: Int, _ text: inout [UInt8]) {
        let value = column[row]
        guard value.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else {
            JSONValue.appendQuoted(column.string(at: row), to: &text)
            return
        }
        text.append(UInt8(ascii: "\""))
        text.append(contentsOf: value)
        text.append(UInt8(ascii: "\""))
    }

    private static func appendStructure(_ fields: [ColumnVector], _ row: Int, _ text: inout [UInt8]) {
        text.append(UInt8(ascii: "{"))
        for (index, child) in fields.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            JSONValue.appendQuoted(child.field.name, to: &text)
            text.append(UInt8(ascii: ":"))
            child.appendJSON(at: row, to: &text)
        }
        text.append(UInt8(ascii: "}"))
    }

    private static func appendArray(_ element: ColumnVector, _ range: Range<Int>, _ text: inout [UInt8]) {
        text.append(UInt8(ascii: "["))
        for index in range {
            if index > range.lowerBound { text.append(UInt8(ascii: ",")) }
            element.appendJSON(at: index, to: &text)
        }
        text.append(UInt8(ascii: "]"))
    }

    private static func appendNumber(_ description: String, _ isFinite: Bool, _ text: inout [UInt8]) {
        switch description {
        case "nan", "-nan": text.append(utf8: "\"NaN\"")
        case "inf": text.append(utf8: "\"Infinity\"")
        case "-inf": text.append(utf8: "\"-Infinity\"")
        default: text.append(utf8: isFinite ? description : "\"NaN\"")
        }
    }
}
