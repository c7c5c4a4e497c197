import IcebergSpec
import JSONFormat
import Testing

struct PredicateJSONTests {
    static let day = Term("t", transform: .day)

    /// Text in either grammar, and what it means.
    static let expressions: [(String, Predicate)] = [
        ("true", .alwaysTrue), ("false", .alwaysFalse), (#"{"type":"literal","value":false}"#, .alwaysFalse),
        (#"{"type":"eq","term":"i","value":1}"#, .equal("i", .long(1))),
        (#"{"type":"NOT_EQ","term":"i","value":1}"#, .compare(.notEqual, "i", .long(1))),
        (
            #"{"type":"and","left":{"type":"lt","term":"i","value":2},"right":{"type":"not","child":{"type":"is-null","term":"s"}}}"#,
            .and([.less("i", .long(2)), .not(.isNull(column: "s"))])
        ),
        (#"{"type":"or","left":true,"right":false}"#, .or([.alwaysTrue, .alwaysFalse])),
        (#"{"type":"in","term":"s","values":["a","b"]}"#, .isIn(column: "s", [.string("a"), .string("b")])),
        (#"{"type":"not-in","child":"s","values":[{"type":"literal","value":1}]}"#, .notIn("s", [.long(1)])),
        (
            #"{"type":"in","child":{"type":"reference","name":"t"},"values":{"type":"literals","values":["2024-01-15"],"data-type":"date"}}"#,
            .isIn("t", [.date(19737)])
        ),
        (#"{"type":"starts-with","term":"s","value":"a"}"#, .startsWith(column: "s", "a")),
        (
            #"{"type":"not-starts-with","left":{"type":"reference","name":"s"},"right":"a"}"#,
            .notStartsWith(column: "s", "a")
        ),
        (
            #"{"type":"gt-eq","left":{"type":"reference","name":"i"},"right":{"type":"literal","value":3}}"#,
            .atLeast("i", .long(3))
        ),
        (#"{"type":"gt","left":3,"right":{"type":"reference","name":"i"}}"#, .less("i", .long(3))),
        (#"{"type":"not-null","child":{"type":"reference","name":"i"}}"#, .notNull(column: "i")),
        (#"{"type":"is-nan","term":{"type":"reference","term":"d"}}"#, .isNaN(column: "d")),
        (#"{"type":"not-nan","child":{"type":"reference","id":4}}"#, .notNaN(Term(.id(4)))),
        (
            #"{"type":"eq","term":{"type":"transform","transform":"day","term":"t"},"value":"2024-01-15"}"#,
            .equal(day, .string("2024-01-15"))
        ),
        (
            #"{"type":"lt","term":{"type":"transform","transform":"bucket[16]","term":{"type":"reference","term":"i"}},"value":3}"#,
            .less(Term("i", transform: .bucket(16)), .long(3))
        ),
        (
            #"{"type":"eq","left":{"type":"apply","function":{"catalog":"iceberg_functions","identifier":["truncate"]},"arguments":[4,{"type":"reference","name":"s"}]},"right":"abcd"}"#,
            .equal(Term("s", transform: .truncate(4)), .string("abcd"))
        ),
        (
            #"{"type":"eq","term":"n","value":{"type":"literal","value":"14.20","data-type":"decimal(9, 2)"}}"#,
            .equal("n", .decimal(unscaled: 1420, scale: 2))
        ),
    ]

    @Test(arguments: expressions)
    func `a filter is read in either grammar`(_ text: String, _ predicate: Predicate) throws {
        let json: JSONValue = text == "true" ? true : text == "false" ? false : try JSONValue.parse(text)
        #expect(try Predicate(json: json) == predicate)
    }

    @Test(arguments: expressions)
    func `a filter is written in both grammars`(_ text: String, _ predicate: Predicate) throws {
        for grammar in PredicateGrammar.allCases {
            let json = predicate.json(grammar)
            let again = try Predicate(json: json)
            #expect(again.json(grammar) == json)
            #expect(Self.untyped(again) == Self.untyped(predicate))
        }
        #expect(try Predicate(json: predicate.json(.expressions)) == predicate)
    }

    /// Constants of the older grammar lose their types: a date comes back as its text.
    private static func untyped(_ predicate: Predicate) -> JSONValue { predicate.json(.terms) }

    @Test(arguments: [
        #"{"type":"like","term":"s","value":"a%"}"#, #"{"type":"eq","term":"i"}"#, "7", "{}", "[]",
        #"{"type":"eq","term":"i","value":[1]}"#, #"{"type":"is-null","term":"i","value":1}"#,
        #"{"type":"eq","left":1,"right":2}"#, #"{"type":"starts-with","term":"s","value":1}"#,
        #"{"type":"eq","left":{"type":"reference","name":"i"},"right":{"type":"reference","name":"s"}}"#,
        #"{"type":"is-null","child":{"type":"apply","function":"f","arguments":[]}}"#,
        #"{"type":"is-null","child":{"type":"apply","function":{"catalog":"iceberg_functions","identifier":["if_else"]},"arguments":[]}}"#,
        #"{"type":"is-null","term":{"type":"transform","transform":"day","term":{"type":"transform","transform":"day","term":"t"}}}"#,
        #"{"type":"eq","term":"t","value":{"type":"literal","value":"x","data-type":"date"}}"#,
        #"{"type":"is-null","term":{"type":"transform","transform":"bucket[0]","term":"i"}}"#,
    ])
    func `a filter that cannot be used is refused`(_ text: String) {
        #expect(throws: IcebergError.self) {
            try Predicate(json: text == "7" ? 7 : JSONValue.parse(text))
        }
    }

    @Test func `a filter may have as many terms and levels as the limits`() throws {
        func nest(_ depth: Int) -> JSONValue {
            (0..<depth).reduce(true) { child, _ in ["type": "not", "child": child] }
        }
        _ = try Predicate(json: nest(Limits.expressionDepthMax))
        #expect(throws: IcebergError.self) { try Predicate(json: nest(Limits.expressionDepthMax + 1)) }
        func list(_ count: Int) -> JSONValue {
            ["type": "in", "term": "i", "values": .array(Array(repeating: 1, count: count))]
        }
        _ = try Predicate(json: list(Limits.expressionTermsMax - 1))
        #expect(throws: IcebergError.self) { try Predicate(json: list(Limits.expressionTermsMax)) }
    }

    @Test func `a wide disjunction does not become a deep one`() throws {
        let wide = Predicate.or((0..<5000).map { .equal("i", .long($0)) })
        let again = try Predicate(json: wide.json)
        let schema = try PredicateTests.schema()
        #expect(try again.bound(to: schema) == wide.bound(to: schema))
    }
}
