import Testing

@testable import Schemas

@Suite struct PatternTests {
    private static func matches(_ pattern: String, _ text: String) throws -> Bool {
        let matcher = try PatternMatcher(pattern)
        return Array(text.utf8).withUnsafeBytes { matcher.matches($0) }
    }

    @Test(arguments: [
        ("", ["", "x"], []), ("a", ["a", "xay"], ["", "b"]), ("^a", ["ab"], ["ba"]), ("a$", ["ba"], ["ab"]),
        ("^(a|bc)*$", ["", "abca", "bc"], ["b", "ac"]), ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        ("^a{2,}$", ["aa", "aaaaaa"], ["a"]), ("^a{0}$", [""], ["a"]), ("^[a-c]+?$", ["abc"], ["d", ""]),
        ("^[^a-c]$", ["d", "é", "😀"], ["a", "dd"]), ("^.$", ["ä", "😀"], ["", "\n", "ab"]),
        (#"^\d{4}-\d\d$"#, ["2024-01"], ["2024-1"]), (#"^\w+\s\S$"#, ["ab c"], ["ab  "]),
        (#"^[\w.-]+@[\w.-]+$"#, ["a.b@c-d.e"], ["@", "a@b@c"]), ("^a|b$", ["ax", "xb"], ["xa", "bx"]),
        (#"^\u00e9\x41\.\/\-$"#, ["éA./-"], ["eA./-"]), ("^(?:ab)+$", ["abab"], ["aba"]),
        ("^(a?){3}$", ["", "aaa"], ["aaaa"]), ("^(a*)*$", ["", "aaa"], ["b"]), ("[\\]a-]", ["]", "-", "a"], ["b"]),
        ("^[äöü]+$", ["äöü"], ["a"]), (#"^\D\W$"#, ["a-", "é😀"], ["1-", "aa"]),
    ])
    func `patterns match as in ECMA-262`(_ pattern: String, _ fitting: [String], _ others: [String]) throws {
        for text in fitting { #expect(try Self.matches(pattern, text), "\(text)") }
        for text in others { #expect(try !Self.matches(pattern, text), "\(text)") }
    }

    @Test(arguments: [
        "(", ")", "a)", "[a", "[b-a]", "a{2,1}", "a{", "*", "a**", "(?<n>a)", "(?!a)", #"\p{L}"#, #"\b"#, #"\1"#, "a^b",
        "(a$)",
        #"\x4"#, #"\"#, "a{401}", "((a{20}){20}){20}", "(((){400}){400}){400}", "[a-\\d]", "}",
    ])
    func `what cannot be matched in linear time, or at all, is refused`(_ pattern: String) {
        #expect(throws: PatternParser.Failure.self) { try PatternMatcher(pattern) }
    }

    @Test func `nested repetition takes one step a character`() throws {
        let text = String(repeating: "a", count: 1_000_000) + "!"
        #expect(try !Self.matches("^(a+)+$", text))
    }
}
