import Bytes

/// An element of an S3 answer: names without prefix, attributes dropped.
///
/// The parser takes the XML that S3 and its likes write, strictly, and nothing that could be turned against it: no DTD,
/// no entity but the five predefined ones, bounded depth and count.
struct XMLElement {
    static let depthMax = 16
    static let elementsMax = 200_000

    let name: String
    private(set) var text = ""
    private(set) var children: [XMLElement] = []

    /// The first child of that name.
    func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }
    func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
    /// The text of the first child of that name.
    func text(_ name: String) -> String? { child(name)?.text }

    struct SyntaxError: Error, CustomStringConvertible {
        let offset: Int
        let message: String
        var description: String { "no XML that can be read, at byte \(offset): \(message)" }
    }

    static func parse(_ bytes: [UInt8]) throws(SyntaxError) -> XMLElement {
        var parser = Parser(bytes: bytes)
        return try parser.document()
    }

    /// Text for use between tags.
    static func escape(_ text: String) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x26: escaped.append(utf8: "&amp;")
            case 0x3C: escaped.append(utf8: "&lt;")
            case 0x3E: escaped.append(utf8: "&gt;")
            default: escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private struct Parser {
        let bytes: [UInt8]
        var offset = 0
        var elements = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func document() throws(SyntaxError) -> XMLElement {
            take("\u{FEFF}")
            try skipMisc()
            let root = try element(depth: 1)
            try skipMisc()
            guard offset == bytes.count else { throw failure("more follows the root element") }
            return root
        }

        func failure(_ message: String) -> SyntaxError { SyntaxError(offset: offset, message: message) }

        @discardableResult
        mutating func take(_ text: String) -> Bool {
            guard bytes[offset...].starts(with: text.utf8) else { return false }
            offset += text.utf8.count
            return true
        }

        mutating func skipSpace() {
            while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
        }

        /// White space, the declaration, processing instructions and comments.
        mutating func skipMisc() throws(SyntaxError) {
            while true {
                skipSpace()
                if take("<?") {
                    _ = try upTo("?>")
                } else if take("<!--") {
                    _ = try upTo("-->")
                } else {
                    return
                }
            }
        }

        /// What comes before `end`, which is passed over.
        mutating func upTo(_ end: String) throws(SyntaxError) -> ArraySlice<UInt8> {
            guard let found = bytes[offset...].firstRange(of: Array(end.utf8)) else {
                throw failure("\"\(end)\" is missing")
            }
            defer { offset = found.upperBound }
            return bytes[offset..<found.lowerBound]
        }

        mutating func name() throws(SyntaxError) -> String {
            let start = offset
            while offset < bytes.count, !" \t\r\n/>=<\"'&".utf8.contains(bytes[offset]) { offset += 1 }
            guard offset > start else { throw failure("a name is missing") }
            return String(decoding: bytes[start..<offset], as: UTF8.self)
        }

        mutating func element(depth: Int) throws(SyntaxError) -> XMLElement {
            guard depth <= XMLElement.depthMax else { throw failure("deeper than \(XMLElement.depthMax) elements") }
            elements += 1
            guard elements <= XMLElement.elementsMax else {
                throw failure("more than \(XMLElement.elementsMax) elements")
            }
            guard take("<") else { throw failure("an element is missing") }
            let qualified = try name()
            var element = XMLElement(name: qualified.split(separator: ":").last.map(String.init) ?? qualified)
            if try attributes() { return element }
            try content(of: &element, depth: depth)
            guard try name() == qualified else { throw failure("</\(qualified)> is missing") }
            skipSpace()
            guard take(">") else { throw failure("\">\" is missing") }
            return element
        }

        /// Passes over attributes; true when the element is empty (`/>`).
        mutating func attributes() throws(SyntaxError) -> Bool {
            while true {
                skipSpace()
                if take("/>") { return true }
                if take(">") { return false }
                _ = try name()
                skipSpace()
                guard take("=") else { throw failure("\"=\" is missing") }
                skipSpace()
                guard offset < bytes.count, bytes[offset] == 0x22 || bytes[offset] == 0x27 else {
                    throw failure("a quoted value is missing")
                }
                let quote = bytes[offset] == 0x22 ? "\"" : "'"
                offset += 1
                _ = try upTo(quote)
            }
        }

        /// Text and children, up to and over `</`.
        mutating func content(of element: inout XMLElement, depth: Int) throws(SyntaxError) {
            var text: [UInt8] = []
            while true {
                guard offset < bytes.count else { throw failure("the text ends within <\(element.name)>") }
                if take("</") { break }
                if take("<!--") {
                    _ = try upTo("-->")
                } else if take("<![CDATA[") {
                    text += try upTo("]]>")
                } else if take("<?") {
                    _ = try upTo("?>")
                } else if bytes[offset] == 0x3C {
                    element.children.append(try self.element(depth: depth + 1))
                } else if take("&") {
                    text += Array(String(try entity()).utf8)
                } else {
                    text.append(bytes[offset])
                    offset += 1
                }
            }
            guard let string = String(validating: text, as: UTF8.self) else { throw failure("the text is not UTF-8") }
            element.text = string
        }

        mutating func entity() throws(SyntaxError) -> Unicode.Scalar {
            let end = bytes[offset...].prefix(12).firstIndex(of: 0x3B)
            guard let end else { throw failure("an entity does not end") }
            let name = String(decoding: bytes[offset..<end], as: UTF8.self)
            defer { offset = end + 1 }
            switch name {
            case "amp": return "&"
            case "lt": return "<"
            case "gt": return ">"
            case "quot": return "\""
            case "apos": return "'"
            default:
                let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst(1)
                guard name.hasPrefix("#"), let value = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
                    let scalar = Unicode.Scalar(value)
                else { throw failure("the entity &\(name); is unknown") }
                return scalar
            }
        }
    }
}
