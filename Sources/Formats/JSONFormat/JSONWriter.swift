import Bytes

extension JSONValue {
    /// The UTF-8 of this value, without white space, or indented by two spaces when `pretty`.
    ///
    /// Numbers that JSON cannot say (NaN, infinities) become null.
    public func serialized(pretty: Bool = false) -> [UInt8] {
        var text: [UInt8] = []
        write(to: &text, indent: pretty ? 0 : nil)
        return text
    }

    /// The same as text.
    public func serializedString(pretty: Bool = false) -> String {
        String(decoding: serialized(pretty: pretty), as: UTF8.self)
    }

    private func write(to text: inout [UInt8], indent: Int?) {
        switch self {
        case .null: text.append(utf8: "null")
        case .bool(let value): text.append(utf8: value ? "true" : "false")
        case .integer(let value): JSONValue.append(value, to: &text)
        case .unsigned(let value): text.append(utf8: String(value))
        case .double(let value): text.append(utf8: value.isFinite ? value.description : "null")
        case .string(let value): JSONValue.appendQuoted(value, to: &text)
        case .array(let values):
            Self.writeList(values, open: "[", close: "]", to: &text, indent: indent) { value, text, indent in
                value.write(to: &text, indent: indent)
            }
        case .object(let object):
            Self.writeList(object.members, open: "{", close: "}", to: &text, indent: indent) { member, text, indent in
                JSONValue.appendQuoted(member.key, to: &text)
                text.append(utf8: indent == nil ? ":" : ": ")
                member.value.write(to: &text, indent: indent)
            }
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], open: Unicode.Scalar, close: Unicode.Scalar, to text: inout [UInt8], indent: Int?,
        element write: (Element, inout [UInt8], Int?) -> Void
    ) {
        text.append(UInt8(ascii: open))
        let inner = indent.map { $0 + 2 }
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            appendLineBreak(inner, to: &text)
            write(element, &text, inner)
        }
        if !elements.isEmpty { appendLineBreak(indent, to: &text) }
        text.append(UInt8(ascii: close))
    }

    private static func appendLineBreak(_ indent: Int?, to text: inout [UInt8]) {
        guard let indent else { return }
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
    }

    /// Appends `number` in digits.
    public static func append(_ number: Int64, to text: inout [UInt8]) {
        var rest = number.magnitude
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = digits.count
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 {
                first -= 1
                digits[first] = UInt8(ascii: "-")
            }
            text.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }

    /// Appends `value` as a JSON string with its quotes.
    public static func appendQuoted(_ value: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        guard !appendPlain(value, to: &text) else { return text.append(UInt8(ascii: "\"")) }
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""): text.append(utf8: "\\\"")
            case UInt8(ascii: "\\"): text.append(utf8: "\\\\")
            case 0x0A: text.append(utf8: "\\n")
            case 0x0D: text.append(utf8: "\\r")
            case 0x09: text.append(utf8: "\\t")
            case 0..<0x20: text.append(utf8: "\\u00" + Hexadecimal.encode([byte]))
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }

    /// Appends text that needs no escapes, as nearly all does; found out many bytes at a time. False when it does.
    private static func appendPlain(_ value: String, to text: inout [UInt8]) -> Bool {
        value.utf8.withContiguousStorageIfAvailable { bytes in
            var escapes = 0
            for byte in bytes {
                escapes &+= byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? 1 : 0
            }
            guard escapes == 0 else { return false }
            text.append(contentsOf: bytes)
            return true
        } ?? false
    }
}
