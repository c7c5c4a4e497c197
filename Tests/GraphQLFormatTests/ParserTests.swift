import GraphQLFormat
import Testing

@Suite struct ParserTests {
    static let accepted = [
        "{ a }", "query { a }", "query Q($a: Int = 1 @d, $b: [String!]! = [\"x\"]) @e(x: $a) { f(a: $a) }",
        "{ a: b(x: 1, y: -2.5e3, z: \"s\", w: true, v: null, u: RED, t: [1 2], s: {k: {l: []}}) @include(if: true) }",
        "fragment F on T @d { a ... on U { b } ... @skip(if: false) { c } ...F2 } { ...F } fragment F2 on T { d }",
        "mutation M { do } subscription S { on }", "\u{FEFF}{ a }", "{ a,,, b # comment\n }",
        "{ f(s: \"\"\"\n  block \\\"\"\" text\n    more\n\"\"\") }", "{ query mutation fragment on true }",
        "{ f(s: \"\\u0041\\n\\u{1F600}\\uD83D\\uDE00\") }",
    ]

    @Test(arguments: accepted) func `a document parses`(text: String) throws { _ = try Document(parsing: text) }

    static let refused: [(String, Int, Int)] = [
        ("", 1, 1), ("{", 1, 2), ("{ }", 1, 3), ("{ a", 1, 4), ("{ a(b) }", 1, 6), ("query", 1, 6),
        ("{ a(b: $) }", 1, 9), ("{ a(b: 01) }", 1, 9), ("{ a(b: 1.) }", 1, 10), ("{ a(b: 1x) }", 1, 9),
        ("{ a(b: \"x) }", 1, 13), ("{ a(b: \"\\q\") }", 1, 9), ("{\n  ?\n}", 2, 3), ("{ .. a }", 1, 3),
        ("fragment on on T { a }", 1, 10), ("fragment F T { a }", 1, 12), ("type T { a: Int }", 1, 1),
        ("query($a: Int = $b) { a }", 1, 17), ("{ a } }", 1, 7), ("query() { a }", 1, 7), ("{ a() }", 1, 5),
        ("{ f(s: \"\\uD83D\") }", 1, 9), ("{ ä }", 1, 3), ("{ a(b: \"x\n\") }", 1, 10),
    ]

    @Test(arguments: refused) func `a broken document is refused at its place`(text: String, line: Int, column: Int) {
        let error = #expect(throws: GraphQLError.self) { try Document(parsing: text) }
        #expect(error?.locations == [SourceLocation(line: line, column: column)])
        #expect(error?.code == GraphQLError.syntaxCode)
    }

    @Test func `every truncation of a document is an error or a document`() {
        let text =
            "query Q($a: [Int!] = [1]) { f(a: $a, s: \"\"\"b\"\"\") @d { ...F ... on T { x } } } fragment F on T { y }"
        let parsed = (0..<text.count).filter { count in
            (try? Document(parsing: String(text.prefix(count)))) != nil
        }
        // Only the prefix that ends before the fragment is whole.
        #expect(parsed.map { String(text.prefix($0)) }.allSatisfy { $0.hasSuffix("}") || $0.hasSuffix("} ") })
        #expect(!parsed.isEmpty)
    }

    @Test func `block strings lose their common indentation`() throws {
        let document = try Document(parsing: "{ f(s: \"\"\"\n\n    a\n      b\r\n\n    c\n  \n\"\"\") }")
        guard case .field(let field) = document.operations[0].selections[0],
            case .string(let text) = field.arguments[0].value.kind
        else {
            Issue.record("no string")
            return
        }
        #expect(text == "a\n  b\n\nc")
    }

    @Test func `limits hold at the limit and not beyond`() throws {
        var limits = GraphQLLimits()
        limits.nestingMax = 3
        limits.tokensMax = 9
        limits.lengthMax = 18
        _ = try Document(parsing: "{a{b{c}}}", limits: limits)
        for text in ["{a{b{c{d}}}}", "{a b c d e f g h}", "{a                 }"] {
            #expect(throws: GraphQLError.self) { try Document(parsing: text, limits: limits) }
        }
    }

    @Test func `deep nesting is refused, not recursed into`() {
        for open in ["{a", "{a(b:[", "query($a:["] {
            let deep = String(repeating: open == "{a" ? "{a" : "[", count: 5_000)
            #expect(throws: GraphQLError.self) { try Document(parsing: open + deep) }
        }
    }
}
