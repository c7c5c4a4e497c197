import JSONFormat
import Testing

@testable import Schemas

@Suite struct JSONTapeTests {
    private static func isRead(_ text: [UInt8]) -> Bool {
        var tape = JSONTape()
        return text.withUnsafeBytes { tape.read($0) }
    }

    /// The tree that nodes stand for, checking that each bounds its value.
    private static func tree(_ nodes: [JSONTape.Node], _ index: Int, _ text: [UInt8]) throws -> JSONValue {
        let node = nodes[index]
        let whole = try JSONValue.parse(Array(text[Int(node.start)..<Int(node.end)]))
        #expect(!JSONTapeTests.isSpace(text[Int(node.start)]) && !JSONTapeTests.isSpace(text[Int(node.end) - 1]))
        var child = index + 1
        switch node.kind {
        case .array:
            var values: [JSONValue] = []
            for _ in 0..<node.count {
                values.append(try tree(nodes, child, text))
                child = Int(nodes[child].next)
            }
            #expect(child == node.next && whole == .array(values))
        case .object:
            var object = JSONObject()
            for _ in 0..<node.count {
                let name = try #require(try tree(nodes, child, text).string)
                var decoded: [UInt8] = []
                text.withUnsafeBytes { JSONText.appendDecoded(nodes[child], $0, to: &decoded) }
                #expect(nodes[child].next == child + 1 && decoded == Array(name.utf8))
                object[name] = try tree(nodes, child + 1, text)
                child = Int(nodes[child + 1].next)
            }
            #expect(child == node.next && whole == .object(object))
        default: #expect(node.next == index + 1)
        }
        return whole
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    /// White space around every token that is not within a string.
    private static func spaced(_ text: [UInt8], _ random: inout SchemaGenerator) -> [UInt8] {
        var result: [UInt8] = []
        var isInString = false
        var isEscaped = false
        for byte in text {
            let isToken = !isInString && Array("{}[]:,\"".utf8).contains(byte)
            let spaces: [UInt8] = (0..<random.below(3)).map { _ in [0x20, 0x09, 0x0A, 0x0D][random.below(4)] }
            if isToken { result += spaces }
            result.append(byte)
            if isToken, byte != UInt8(ascii: "\"") { result += spaces }
            if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
            isEscaped = isInString && byte == UInt8(ascii: "\\") && !isEscaped
        }
        return result + [0x20]
    }

    @Test func `nodes stand for the values of random texts`() throws {
        var random = SchemaGenerator(seed: 3)
        var tape = JSONTape()
        for _ in 0..<3_000 {
            let value = random.value(depth: 5)
            let text = Self.spaced(value.serialized(), &random)
            try #require(text.withUnsafeBytes { tape.read($0) }, "\(String(decoding: text, as: UTF8.self))")
            #expect(try Self.tree(tape.nodes, 0, text) == value)
            #expect(tape.nodes[0].next == tape.nodes.count)
        }
    }

    @Test(arguments: [
        ("1", JSONTape.Kind.integer), ("-0", .integer), (" 1.0 ", .number), ("1e2", .number), ("1E-2", .number),
        ("123456789012345678901234567890", .integer), ("1e400", .number), ("-1E+99999", .number),
        (#""\ud800""#, .string), (#""\ude00\ud83d x""#, .string), ("true", .true), ("false", .false),
        ("\n null\t", .null), ("[]", .array), ("{ }", .object), (#"{"a":1,"a":2,"\ud800":3}"#, .object),
    ])
    func `any value stands alone, as RFC 8259 has it`(_ text: String, _ kind: JSONTape.Kind) throws {
        var tape = JSONTape()
        #expect(Array(text.utf8).withUnsafeBytes { tape.read($0) })
        #expect(tape.nodes.first?.kind == kind)
        if kind == .object { #expect(tape.nodes[0].count == (tape.nodes.count - 1) / 2) }
    }

    @Test(arguments: [
        "", " ", "1,2", "1 2", "1]", "]", "]1", "[", "[1", "[1,", "[1,]", "[,1]", "1],[2", "[1]]", "[[]", "{", "}",
        "{}}",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\"::1}", "{1:2}", "{\"a\":1 \"b\":2}", "[1 2]",
        "{]", "[}",
        "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1a", "- 1", "1\"a\"", "tru", "truee", "True", "nul", "nulll",
        "NaN", "Infinity", "\"", "\"a", "a\"", "'a'", "\"\\x\"", "\"\\u12g4\"", "\"\\u123\"", "\"\\\"", "\"\n\"",
        "\"\t\"",
        "\"a\"b", "\"a\"\"b\"", "{\"\\q\":1}", "{\"a\\\":1}", "1e400e1", "1e400.", "\"\\ud800\\x\"", "\u{FEFF}1", "1\0",
        "\u{B}1", "//",
        "[1]//", "[1]x", "\\", "[\\]", "[\\\"]",
    ])
    func `what is not one JSON value is refused`(_ text: String) {
        #expect(!Self.isRead(Array(text.utf8)))
    }

    @Test func `texts that are not UTF-8 are refused`() {
        let texts: [[UInt8]] = [[0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]]
        for text in texts { #expect(!Self.isRead([0x22] + text + [0x22])) }
    }

    @Test func `depth is bounded`() {
        for (open, close) in [("[", "]"), (#"{"a":["#, "]}")] {
            let levels = open.utf8.count == 1 ? 128 : 64
            for (count, isAllowed) in [(levels, true), (levels + 1, false), (100_000, false)] {
                let text = String(repeating: open, count: count) + String(repeating: close, count: count)
                #expect(Self.isRead(Array(text.utf8)) == isAllowed)
            }
        }
    }

    @Test func `a reader goes on after long and broken texts`() {
        var tape = JSONTape()
        let long = Array(
            "[\"\(String(repeating: "x", count: 3 << 20))\",\(String(repeating: "1,", count: 100_000))1]".utf8)
        for text in [long, Array("[1".utf8), Array("[2]".utf8), long, Array("{\"a\":3}".utf8)] {
            let isRead = text.withUnsafeBytes { tape.read($0) }
            #expect(isRead == (text.count != 2))
            #expect(tape.nodes.isEmpty == !isRead)
        }
    }

    @Test func `broken texts are refused and no bytes do harm`() throws {
        let program = try SchemaProgram(
            JSONValue.parse(#"{"properties":{"a":{"type":"integer"},"b":{"pattern":"x+"}}}"#))
        let pair = #"\ud83d\ude00"#
        let before = #"{"a":-12.5e+3,"b":"\u00e9"#
        let text = Array((before + pair + #"x","c":[true,false,null,{"d":{}}]}"#).utf8)
        // Changed there, surrogates stand alone, which the tree's reader refuses.
        let places = before.utf8.count..<before.utf8.count + pair.utf8.count
        var validator = SchemaValidator()
        for cut in 0..<text.count { #expect(validator.violation(of: program, in: Array(text[..<cut])) != nil) }
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[position] = byte
                let isRead = Self.isRead(changed)
                _ = validator.violation(of: program, in: changed)
                let isJSON = (try? JSONValue.parse(changed)) != nil
                #expect(isRead == isJSON || isRead && places.contains(position), "\(position) \(byte)")
            }
        }
    }
}
