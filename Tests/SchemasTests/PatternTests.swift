import JSONFormat
import Testing

@testable import Schemas

@Suite struct PatternTests {
    private static func matches(_ pattern: String, _ text: String) throws -> Bool {
        let matcher = try PatternMatcher(pattern)
        return Array(text.utf8).withUnsafeBytes { matcher.matches($0) }
    }

    @Test(arguments: [
        ("", ["", "x"], []), ("a", ["a", "xay"], ["", "b"]), ("^a", ["ab"], ["ba"]), ("a$", ["ba"], ["ab", "a\n"]),
        ("^(a|bc)*$", ["", "abca", "bc"], ["b", "ac"]), ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
        ("^a{2,}$", ["aa", "aaaaaa"], ["a"]), ("^a{0}$", [""], ["a"]), ("^[a-c]+?$", ["abc"], ["d", ""]),
        ("^[^a-c]$", ["d", "é", "😀"], ["a", "dd"]), ("^.$", ["ä", "😀"], ["", "\n", "ab"]),
        (#"^\d{4}-\d\d$"#, ["2024-01"], ["2024-1"]), (#"^\w+\s\S$"#, ["ab c"], ["ab  "]),
        (#"^[\w.-]+@[\w.-]+$"#, ["a.b@c-d.e"], ["@", "a@b@c"]), ("^a|b$", ["ax", "xb"], ["xa", "bx"]),
        (#"^\x41\.\/\-$"#, ["A./-"], ["B./-"]), ("^(?:ab)+$", ["abab"], ["aba"]),
        ("^(a?){3}$", ["", "aaa"], ["aaaa"]), ("^(a*)*$", ["", "aaa"], ["b"]), ("[\\]a-]", ["]", "-", "a"], ["b"]),
        ("^[äöü]+$", ["äöü"], ["a"]), (#"^\D\W$"#, ["a-", "é😀"], ["1-", "aa"]), ("(^a|b)$", ["a", "xb"], ["xa"]),
        (#"\bb\b"#, ["a b"], ["ab"]), (#"^\p{Lu}\p{L}*$"#, ["Ärger"], ["ärger", "Ä1"]), ("\0", ["a\0b"], ["ab"]),
    ])
    func `patterns match as in ECMA-262`(_ pattern: String, _ fitting: [String], _ others: [String]) throws {
        for text in fitting { #expect(try Self.matches(pattern, text), "\(text)") }
        for text in others { #expect(try !Self.matches(pattern, text), "\(text)") }
    }

    @Test(arguments: [
        (#"^\x{e9}$"#, ["é"], ["e"]), ("^.$", ["\r", "\u{2028}"], []), (#"^\s$"#, [" ", "\t"], ["\u{A0}", "\u{B}"]),
        ("(?i)^a$", ["A"], []), (#"^\z"#, [""], ["a"]),
    ])
    func `differences to ECMA-262 are those that are documented`(
        _ pattern: String, _ fitting: [String], _ others: [String]
    ) throws {
        for text in fitting { #expect(try Self.matches(pattern, text), "\(text)") }
        for text in others { #expect(try !Self.matches(pattern, text), "\(text)") }
    }

    @Test(arguments: [
        ("(", "missing ): ("), ("a)", "unexpected ): a)"), ("[a", "missing ]: [a"),
        ("[b-a]", "invalid character class range: b-a"),
        ("a{2,1}", "invalid repetition size: {2,1}"), ("*", "no argument for repetition operator: *"),
        ("a**", "bad repetition operator: **"), ("(?<n>a)", "invalid perl operator: (?<"),
        ("(?!a)", "invalid perl operator: (?!"), ("(?<=a)b", "invalid perl operator: (?<"),
        (#"(a)\1"#, #"invalid escape sequence: \1"#), (#"\u00e9"#, #"invalid escape sequence: \u"#),
        (#"\"#, #"trailing \"#), ("a{1001}", "invalid repetition size: {1001}"),
        ("((a{20}){20}){20}", "invalid repetition size: {20}"), (#"(\p{L}{3}){4}"#, "pattern too large"),
        (#"(\p{L}{20}){5}"#, "pattern too large"),
        (String(repeating: "a", count: 501), "it is longer than 500 characters"),
    ])
    func `what cannot be matched in linear time, or at all, is refused with the reason`(
        _ pattern: String, _ reason: String
    ) {
        let failure = #expect(throws: PatternMatcher.Failure.self) { try PatternMatcher(pattern) }
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
    }

    /// The first is matched by an automaton of few states; that of the second would have a million.
    @Test(arguments: ["^(a+)+$", "^(a|b)*a(a|b){20}$"])
    func `no pattern makes a long text take long`(_ pattern: String) throws {
        var letters = (0..<100_000).map { UInt8(ascii: $0 * 7 % 13 < 6 ? "a" : "b") }
        letters.append(UInt8(ascii: "!"))
        #expect(try !Self.matches(pattern, String(decoding: letters, as: UTF8.self)))
    }

    @Test func `a large pattern for a long text is too much work`() throws {
        let program = try SchemaProgram(["pattern": "(.{1,30}a){30}$"])
        var validator = SchemaValidator()
        for (length, message) in [
            (1_000, "data must match the pattern"), (1 << 20, "data takes too much work to be validated"),
        ] {
            let text = Array("\"\(String(repeating: "ab", count: length / 2))\"".utf8)
            #expect(validator.violation(of: program, in: text)?.description.hasPrefix(message) == true)
        }
    }

    @Test func `threads share a pattern`() async throws {
        let matcher = try PatternMatcher("^(a|b)*a(a|b){6}$")
        await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<2_000).count { round in
                        let text = String((round + task) & 127 | 128, radix: 2).map { $0 == "1" ? "a" : "b" }
                        return Array(text.joined().utf8).withUnsafeBytes { matcher.matches($0) }
                    }
                }
            }
            // Eight letters; the second decides.
            for await found in group { #expect((900...1_100).contains(found)) }
        }
    }
}
