import Bytes

struct Token: Sendable {
    enum Kind: Hashable, Sendable {
        case punctuator(UInt8)
        case spread
        case name
        case integer
        case float
        case string
        case end
    }

    let kind: Kind
    let text: String
    let location: SourceLocation
    var isBlock = false
}

/// Splits a document into tokens (October 2021 §2.1).
struct Lexer {
    private let bytes: [UInt8]
    private let limits: GraphQLLimits
    private var position = 0
    private var line = 1
    private var column = 1

    init(_ text: String, limits: GraphQLLimits) throws(GraphQLError) {
        bytes = Array(text.utf8)
        self.limits = limits
        guard bytes.count <= limits.lengthMax else {
            throw GraphQLError(
                "The document has \(bytes.count) bytes; at most \(limits.lengthMax) are allowed.",
                code: GraphQLError.syntaxCode)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    static func tokens(of text: String, limits: GraphQLLimits) throws(GraphQLError) -> [Token] {
        var lexer = try Lexer(text, limits: limits)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
            guard tokens.count <= limits.tokensMax else {
                throw lexer.fail("The document has more than \(limits.tokensMax) tokens.")
            }
        }
    }

    private func fail(_ message: String, at location: SourceLocation? = nil) -> GraphQLError {
        GraphQLError(
            "Syntax Error: \(message)", locations: [location ?? here], code: GraphQLError.syntaxCode)
    }

    private var here: SourceLocation { SourceLocation(line: line, column: column) }

    private func peek(_ offset: Int = 0) -> UInt8? {
        position + offset < bytes.count ? bytes[position + offset] : nil
    }

    /// Moves over one byte; only the first byte of a scalar counts as a column.
    private mutating func advance() {
        let byte = bytes[position]
        position += 1
        if byte == 0x0A || byte == 0x0D && peek() != 0x0A {
            line += 1
            column = 1
        } else if byte != 0x0D && byte & 0xC0 != 0x80 {
            column += 1
        }
    }

    private mutating func advance(by count: Int) { for _ in 0..<count { advance() } }

    private mutating func next() throws(GraphQLError) -> Token {
        skipIgnored()
        let start = here
        guard let byte = peek() else { return Token(kind: .end, text: "", location: start) }
        switch byte {
        case 0x21, 0x24, 0x26, 0x28, 0x29, 0x3A, 0x3D, 0x40, 0x5B, 0x5D, 0x7B, 0x7C, 0x7D:
            advance()
            return Token(
                kind: .punctuator(byte), text: String(decoding: [byte], as: UTF8.self), location: start)
        case 0x2E:
            guard peek(1) == 0x2E, peek(2) == 0x2E else { throw fail("Unexpected \".\", did you mean \"...\"?") }
            advance(by: 3)
            return Token(kind: .spread, text: "...", location: start)
        case 0x22:
            if peek(1) == 0x22 && peek(2) == 0x22 {
                return Token(kind: .string, text: try blockString(), location: start, isBlock: true)
            }
            return Token(kind: .string, text: try string(), location: start)
        case 0x2D, 0x30...0x39: return try number()
        case _ where Self.isNameStart(byte):
            let first = position
            while let byte = peek(), Self.isNameStart(byte) || Self.isDigit(byte) { advance() }
            return Token(kind: .name, text: String(decoding: bytes[first..<position], as: UTF8.self), location: start)
        default: throw fail("Unexpected character \(describe(byte)).")
        }
    }

    private func describe(_ byte: UInt8) -> String {
        guard byte >= 0x20, byte != 0x7F else { return "U+00" + Hexadecimal.encode([byte]) }
        let scalar = String(decoding: bytes[position..<min(bytes.count, position + 4)], as: UTF8.self).prefix(1)
        return "\"\(scalar)\""
    }

    private mutating func skipIgnored() {
        while let byte = peek() {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D, 0x2C: advance()
            case 0x23:
                while let byte = peek(), byte != 0x0A, byte != 0x0D { advance() }
            default: return
            }
        }
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func digits() throws(GraphQLError) {
        guard let byte = peek(), Self.isDigit(byte) else {
            throw fail("Invalid number, expected a digit.")
        }
        while let byte = peek(), Self.isDigit(byte) { advance() }
    }

    private mutating func number() throws(GraphQLError) -> Token {
        let (start, first) = (here, position)
        var isFloat = false
        if peek() == 0x2D { advance() }
        if peek() == 0x30 {
            advance()
            if let byte = peek(), Self.isDigit(byte) { throw fail("Invalid number, unexpected digit after 0.") }
        } else {
            try digits()
        }
        if peek() == 0x2E {
            isFloat = true
            advance()
            try digits()
        }
        if peek() == 0x65 || peek() == 0x45 {
            isFloat = true
            advance()
            if peek() == 0x2B || peek() == 0x2D { advance() }
            try digits()
        }
        if let byte = peek(), byte == 0x2E || Self.isNameStart(byte) {
            throw fail("Invalid number, unexpected \(describe(byte)) after it.")
        }
        let text = String(decoding: bytes[first..<position], as: UTF8.self)
        return Token(kind: isFloat ? .float : .integer, text: text, location: start)
    }

    private mutating func string() throws(GraphQLError) -> String {
        advance()
        var value: [UInt8] = []
        while let byte = peek() {
            switch byte {
            case 0x22:
                advance()
                return String(decoding: value, as: UTF8.self)
            case 0x0A, 0x0D: throw fail("Unterminated string.")
            case 0x5C: value.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20 where byte != 0x09: throw fail("Invalid character within a string: \(describe(byte)).")
            default:
                value.append(byte)
                advance()
            }
        }
        throw fail("Unterminated string.")
    }

    private mutating func escape() throws(GraphQLError) -> Unicode.Scalar {
        let start = here
        advance()
        guard let byte = peek() else { throw fail("Unterminated string.") }
        advance()
        switch byte {
        case 0x22: return "\""
        case 0x5C: return "\\"
        case 0x2F: return "/"
        case 0x62: return "\u{08}"
        case 0x66: return "\u{0C}"
        case 0x6E: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75: return try unicodeEscape(start)
        default: throw fail("Invalid character escape sequence.", at: start)
        }
    }

    /// `\u0041`, `\u{1F600}` or a surrogate pair.
    private mutating func unicodeEscape(_ start: SourceLocation) throws(GraphQLError) -> Unicode.Scalar {
        let invalid = fail("Invalid Unicode escape sequence.", at: start)
        if peek() == 0x7B {
            advance()
            var value: UInt32 = 0
            var count = 0
            while let byte = peek(), let digit = Self.hexadecimal(byte), count < 8 {
                value = value << 4 | digit
                count += 1
                advance()
            }
            guard count > 0, peek() == 0x7D, let scalar = Unicode.Scalar(value) else { throw invalid }
            advance()
            return scalar
        }
        guard let high = fourDigits() else { throw invalid }
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, peek() == 0x5C, peek(1) == 0x75 else { throw invalid }
        advance(by: 2)
        guard let low = fourDigits(), (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw invalid }
        return scalar
    }

    private mutating func fourDigits() -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Self.hexadecimal(byte) else { return nil }
            value = value << 4 | digit
            advance()
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte) - 0x30
        case 0x41...0x46: UInt32(byte) - 0x37
        case 0x61...0x66: UInt32(byte) - 0x57
        default: nil
        }
    }

    private mutating func blockString() throws(GraphQLError) -> String {
        advance(by: 3)
        var raw: [UInt8] = []
        while let byte = peek() {
            if byte == 0x22, peek(1) == 0x22, peek(2) == 0x22 {
                advance(by: 3)
                return blockStringValue(String(decoding: raw, as: UTF8.self))
            }
            if byte == 0x5C, peek(1) == 0x22, peek(2) == 0x22, peek(3) == 0x22 {
                advance(by: 4)
                raw.append(utf8: "\"\"\"")
                continue
            }
            guard byte >= 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else {
                throw fail("Invalid character within a string: \(describe(byte)).")
            }
            raw.append(byte)
            advance()
        }
        throw fail("Unterminated string.")
    }
}

/// Removes the common indentation and the blank first and last lines (§2.9.4, BlockStringValue).
func blockStringValue(_ raw: String) -> String {
    var lines: [[UInt8]] = [[]]
    let bytes = Array(raw.utf8)
    for (index, byte) in bytes.enumerated() {
        if byte == 0x0D || byte == 0x0A {
            if byte == 0x0A && index > 0 && bytes[index - 1] == 0x0D { continue }
            lines.append([])
        } else {
            lines[lines.count - 1].append(byte)
        }
    }
    func indent(_ line: [UInt8]) -> Int { line.prefix { $0 == 0x20 || $0 == 0x09 }.count }
    let common = lines.dropFirst().filter { indent($0) < $0.count }.map(indent).min() ?? 0
    lines = [lines[0]] + lines.dropFirst().map { Array($0.dropFirst(common)) }
    while let first = lines.first, indent(first) == first.count { lines.removeFirst() }
    while let last = lines.last, indent(last) == last.count { lines.removeLast() }
    return String(decoding: Array(lines.joined(separator: [0x0A])), as: UTF8.self)
}

func quotedString(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(utf8: "\\\"")
        case UInt8(ascii: "\\"): bytes.append(utf8: "\\\\")
        case 0x0A: bytes.append(utf8: "\\n")
        case 0..<0x20: bytes.append(utf8: "\\u00" + Hexadecimal.encode([byte]))
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
    return String(decoding: bytes, as: UTF8.self)
}
