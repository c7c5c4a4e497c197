import Bytes
import JSONFormat

/// A report as indented text: what a person reads. Lists of flat objects become tables.
///
/// Names and values come from files of others: control characters are escaped, so that none reaches the terminal.
enum TextRendering {
    static func render(_ value: JSONValue) -> String {
        var lines: [String] = []
        append(value, label: nil, indent: 0, to: &lines)
        return lines.joined(separator: "\n")
    }

    private static func append(_ value: JSONValue, label: String?, indent: Int, to lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        let prefix = label.map { "\(margin)\(escaped($0)): " } ?? margin
        switch value {
        case .object(let object) where !object.isEmpty:
            if let label { lines.append("\(margin)\(escaped(label))") }
            let inner = label == nil ? indent : indent + 2
            for member in object.members { append(member.value, label: member.key, indent: inner, to: &lines) }
        case .array(let values) where !values.isEmpty && !values.allSatisfy(isScalar):
            lines.append("\(margin)\(escaped(label ?? "")) (\(values.count))")
            appendList(values, indent: indent + 2, to: &lines)
        default: lines.append(prefix + cell(value))
        }
    }

    private static func appendList(_ values: [JSONValue], indent: Int, to lines: inout [String]) {
        if let table = TextTable(values) {
            let margin = String(repeating: " ", count: indent)
            lines += table.lines.map { margin + $0 }
            return
        }
        for (index, element) in values.enumerated() {
            append(element, label: "[\(index)]", indent: indent, to: &lines)
        }
    }

    static func isScalar(_ value: JSONValue) -> Bool {
        switch value {
        case .object, .array: false
        default: true
        }
    }

    /// A value on one line.
    static func cell(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .string(let text): escaped(text)
        case .array(let values): values.isEmpty ? "-" : values.map(cell).joined(separator: ", ")
        case .object: "-"
        default: value.serializedString()
        }
    }

    static func escaped(_ text: String) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                result += "\\u00" + Hexadecimal.encode([UInt8(truncatingIfNeeded: scalar.value)])
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Flat objects as rows: one column for each key, numbers to the right.
struct TextTable {
    private let keys: [String]
    private let rows: [[JSONValue]]

    /// Nil when a value is itself no object, or holds more than scalars and lists of them.
    init?(_ values: [JSONValue]) {
        var keys: [String] = []
        for value in values {
            guard let object = value.object, !object.isEmpty else { return nil }
            for member in object.members {
                guard
                    TextRendering.isScalar(member.value)
                        || member.value.array?.allSatisfy(TextRendering.isScalar) == true
                else { return nil }
                if !keys.contains(member.key) { keys.append(member.key) }
            }
        }
        self.keys = keys
        rows = values.map { value in keys.map { value[$0] ?? .null } }
    }

    var lines: [String] {
        let cells = rows.map { $0.map(TextRendering.cell) }
        let titles = keys.map(TextRendering.escaped)
        let widths = keys.indices.map { column in
            cells.reduce(titles[column].count) { max($0, $1[column].count) }
        }
        let isNumeric = keys.indices.map { column in
            rows.contains { $0[column].double != nil }
                && rows.allSatisfy { $0[column].double != nil || $0[column].isNull }
        }
        return ([titles] + cells).map { row in
            var line = ""
            for column in keys.indices {
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                line += (column == 0 ? "" : "  ") + (isNumeric[column] ? padding + row[column] : row[column] + padding)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}
