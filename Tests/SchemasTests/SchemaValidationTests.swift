import JSONFormat
import Testing

@testable import Schemas

@Suite struct SchemaValidationTests {
    private static func violation(_ schema: String, _ text: String) throws -> String? {
        var validator = SchemaValidator()
        let program = try SchemaProgram(JSONValue.parse(schema))
        return validator.violation(of: program, in: Array(text.utf8))?.description
    }

    /// A schema, values that fit, values that do not.
    @Test(arguments: [
        ("true", ["1", "null", "{}"], []), ("false", [], ["1", "null"]), ("{}", ["1", "[[]]"], []),
        (#"{"type":"integer"}"#, ["1", "-0", "1.0", "1e3", "9223372036854775808"], ["1.5", "true", #""1""#, "null"]),
        (#"{"type":"number"}"#, ["1", "1.5", "-2e-3"], [#""1""#, "[]"]),
        (#"{"type":["string","null"]}"#, ["null", #""a""#], ["1", "false"]),
        (#"{"type":"string","nullable":true}"#, ["null", #""a""#], ["1"]),
        (#"{"type":"boolean"}"#, ["true", "false"], ["0", "null"]),
        (#"{"type":"object"}"#, ["{}"], ["[]", "null"]), (#"{"type":"array"}"#, ["[]"], ["{}"]),
        (#"{"required":["a","b"]}"#, [#"{"a":1,"b":2}"#, "1"], [#"{"a":1}"#, "{}", #"{"a":1,"a":2}"#]),
        (#"{"properties":{"a":{"type":"integer"}}}"#, ["{}", #"{"a":1}"#, #"{"b":"x"}"#, "3"], [#"{"a":"1"}"#]),
        (#"{"properties":{"a b":{"type":"integer"}}}"#, [#"{"a b":1}"#], [#"{"a b":"1"}"#, #"{"a\u0020b":"1"}"#]),
        (
            #"{"properties":{"a":{}},"additionalProperties":false}"#, ["{}", #"{"a":1}"#],
            [#"{"b":1}"#, #"{"a":1,"b":1}"#]
        ),
        (#"{"properties":{"a":{}},"additionalProperties":{"type":"string"}}"#, [#"{"a":1,"b":"x"}"#], [#"{"b":1}"#]),
        (#"{"minProperties":1,"maxProperties":2}"#, [#"{"a":1}"#, "1"], ["{}", #"{"a":1,"b":1,"c":1}"#]),
        (
            #"{"enum":["a",1,null,[1,{"b":2.0}]]}"#, [#""a""#, "1.0", "null", #"[1,{"b":2}]"#, #""\u0061""#],
            [#""b""#, "2", "[1]"]
        ),
        (#"{"const":{"a":1,"b":[]}}"#, [#"{"b":[],"a":1}"#], [#"{"a":1}"#]),
        (
            #"{"items":{"type":"integer"},"minItems":1,"maxItems":2}"#, ["[1]", "[1,2]", "1"],
            ["[]", "[1,2,3]", #"["a"]"#]
        ),
        (#"{"minimum":1,"maximum":3}"#, ["1", "3", "2.5", #""x""#], ["0", "3.1", "-1e9"]),
        (#"{"exclusiveMinimum":1,"exclusiveMaximum":3}"#, ["2", "1.01"], ["1", "3", "3.0"]),
        (#"{"minimum":9007199254740993}"#, ["9007199254740993"], ["9007199254740992"]),
        (#"{"multipleOf":3}"#, ["9", "-3", "0"], ["1", "4.5"]), (#"{"multipleOf":0.5}"#, ["1.5", "2"], ["1.2"]),
        (
            #"{"minLength":2,"maxLength":3}"#, [#""ab""#, #""äöü""#, #""\n\n""#, #""😀😀""#, "1"],
            [#""a""#, #""abcd""#, #""😀""#]
        ),
        (#"{"pattern":"^[a-z]+$"}"#, [#""abc""#, "1"], [#""aB""#, #""""#]),
        (#"{"format":"date"}"#, [#""2024-02-29""#], [#""2023-02-29""#, #""2024-2-9""#, #""x""#]),
        (
            #"{"format":"date-time"}"#, [#""2024-01-15T14:30:00.5+02:00""#],
            [#""2024-01-15""#, #""2024-01-15T25:00:00Z""#]
        ),
        (#"{"format":"time"}"#, [#""14:30:00Z""#], [#""25:00:00Z""#, #""14:30""#]),
        (#"{"format":"uuid"}"#, [#""6f1e7c2a-9f3b-4c55-8d2e-0a1b2c3d4e5f""#], [#""6f1e7c2a9f3b4c558d2e0a1b2c3d4e5f""#]),
        (#"{"format":"uri"}"#, [#""https://a.b/c?d=%20""#, #""urn:x:y""#], [#""/a""#, #""http://a b""#, #""1x:y""#]),
        (#"{"format":"email"}"#, [#""a.b+c@d.example""#], [#""a@""#, #""@b""#, #""a b@c""#, #""a@b..c""#]),
        (#"{"format":"ipv4"}"#, [#""127.0.0.1""#], [#""256.0.0.1""#, #""1.2.3""#, #""01.2.3.4""#]),
        (#"{"allOf":[{"minimum":1},{"maximum":2}]}"#, ["1", "2"], ["0", "3"]),
        (#"{"anyOf":[{"type":"string"},{"minimum":5}]}"#, [#""a""#, "5"], ["4"]),
        (#"{"oneOf":[{"type":"integer"},{"minimum":5}]}"#, ["4", "5.5"], ["5", "4.5"]),
        (#"{"not":{"type":"string"}}"#, ["1"], [#""a""#]),
        (
            ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"}}}}}"##,
            [#"{"next":{"next":{}}}"#], [#"{"next":{"next":1}}"#]
        ),
        (
            ##"{"properties":{"child":{"$ref":"#"}},"required":["n"]}"##, [#"{"n":1,"child":{"n":2}}"#],
            [#"{"n":1,"child":{}}"#]
        ),
        (##"{"$ref":"#/$defs/a~1b%20c","$defs":{"a/b c":{"type":"null"}}}"##, ["null"], ["1"]),
    ])
    func `values fit or do not`(_ schema: String, _ fitting: [String], _ others: [String]) throws {
        for text in fitting { #expect(try Self.violation(schema, text) == nil, "\(text)") }
        for text in others { #expect(try Self.violation(schema, text) != nil, "\(text)") }
    }

    @Test(arguments: [
        (
            #"{"properties":{"a":{"items":{"type":"integer"}}}}"#, #"{"x":[1,{}],"a":[1,"b"]}"#,
            "data/a/1 must be an integer"
        ),
        (#"{"required":["a"]}"#, "{}", "data lacks the required member \"a\""),
        (
            #"{"properties":{"a":{}},"additionalProperties":false}"#, #"{"a":1,"x/y":2}"#,
            "data/x~1y is not one of the members that are allowed"
        ),
        (
            #"{"properties":{"a":{"enum":["x",2]}}}"#, #"{"a":3}"#,
            #"data/a must be one of the values that are allowed: "x", 2"#
        ),
        (
            #"{"properties":{"a":{"minimum":1,"exclusiveMaximum":2.5}}}"#, #"{"a":3}"#,
            "data/a must be at least 1 and below 2.5"
        ),
        (#"{"properties":{"a":{"pattern":"^x"}}}"#, #"{"a":"y"}"#, #"data/a must match the pattern "^x""#),
        (#"{"properties":{"a":{"maxLength":1}}}"#, #"{"a":"yz"}"#, "data/a must have at most 1 characters"),
        (#"{"type":["object","null"]}"#, "[]", "data must be null or an object"),
        (
            #"{"properties":{"a":{"anyOf":[{"type":"null"},{"type":"string"}]}}}"#, #"{"a":1}"#,
            "data/a fits none of the alternatives"
        ),
        ("true", "{", "data is not JSON"), ("true", "[1,]", "data is not JSON"),
        ("true", #"{"a":01}"#, "data is not JSON"),
    ])
    func `a violation says where and what was expected`(_ schema: String, _ text: String, _ message: String) throws {
        #expect(try Self.violation(schema, text) == message)
    }

    @Test(arguments: [
        (#"{"typ":"string"}"#, "/typ"), (#"{"type":"text"}"#, "/type"),
        (#"{"properties":{"a/b":{"if":{}}}}"#, "/properties/a~1b/if"),
        (#"{"properties":[]}"#, "/properties"), (#"{"required":["a","a"]}"#, "/required"), (#"{"enum":[]}"#, "/enum"),
        (#"{"minLength":-1}"#, "/minLength"), (#"{"minimum":"1"}"#, "/minimum"), (#"{"multipleOf":0}"#, "/multipleOf"),
        (#"{"format":"hostname"}"#, "/format"), (#"{"pattern":"(?=a)"}"#, "/pattern"),
        (#"{"pattern":"\\1"}"#, "/pattern"),
        (#"{"pattern":"a{1001}"}"#, "/pattern"), (#"{"pattern":"(\\p{L}{20}){5}"}"#, "/pattern"),
        (##"{"$ref":"#/$defs/x"}"##, "/$ref"), (##"{"$ref":"https://example.org/x"}"##, "/$ref"),
        (##"{"allOf":[{"$ref":"#"}]}"##, ""), (#"{"allOf":[]}"#, "/allOf"), (#"{"items":3}"#, "/items"), ("3", ""),
        (#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#, "/$schema"),
        (#"{"items":{"$defs":{}}}"#, "/items/$defs"),
        (#"{"uniqueItems":true}"#, "/uniqueItems"),
    ])
    func `a schema that cannot be used is refused with the place`(_ schema: String, _ pointer: String) throws {
        let error = #expect(throws: SchemaError.self) { try SchemaProgram(JSONValue.parse(schema)) }
        #expect(error?.code == .malformed || error?.code == .limitExceeded)
        if pointer != "" || schema == "3" { #expect(error?.pointer == pointer) }
    }

    @Test func `a pattern is refused in RE2's words`() throws {
        let error = #expect(throws: SchemaError.self) {
            try SchemaProgram(JSONValue.parse(#"{"properties":{"a":{"pattern":"(?=a)"}}}"#))
        }
        #expect(
            error?.description
                == "/properties/a/pattern: the pattern cannot be used: invalid perl operator: (?=")
    }

    @Test func `annotations are ignored`() throws {
        let schema =
            #"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://x/y","title":"t","x-owner":1,"default":{},"type":"null"}"#
        #expect(try Self.violation(schema, "null") == nil)
    }

    @Test func `hostile schemas are refused`() throws {
        let deep = String(repeating: #"{"items":"#, count: 40) + "true" + String(repeating: "}", count: 40)
        let wide = "{\"allOf\":[" + Array(repeating: "{}", count: 65).joined(separator: ",") + "]}"
        let many = "{\"properties\":{" + (0...1000).map { "\"p\($0)\":true" }.joined(separator: ",") + "}}"
        let long = "{\"title\":\"" + String(repeating: "x", count: 70_000) + "\"}"
        let chain = (0..<60).map { "\"d\($0)\":{\"$ref\":\"#/$defs/d\($0 + 1)\"}" }.joined(separator: ",")
        let chained = "{\"$ref\":\"#/$defs/d0\",\"$defs\":{\(chain),\"d60\":true}}"
        for schema in [deep, wide, many, long, chained] {
            #expect(throws: SchemaError.self) { try SchemaProgram(JSONValue.parse(schema)) }
        }
    }

    @Test func `a schema that branches without end stops within its steps`() throws {
        // Each level doubles the work: 2 to the power of 60 without a limit.
        let schema =
            ##"{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["z"]},{"properties":{"a":{"$ref":"#"}},"required":["y"]}]}"##
        let text = String(repeating: #"{"a":"#, count: 60) + "{}" + String(repeating: "}", count: 60)
        #expect(try Self.violation(schema, text) == "data takes too much work to be validated")
    }

    @Test func `deep values end without harm`() throws {
        let schema = ##"{"allOf":[{"allOf":[{"allOf":[{"properties":{"a":{"$ref":"#"}}}]}]}]}"##
        for depth in [1, 60, 120, 127, 128, 129, 5000] {
            let text = String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
            let violation = try Self.violation(schema, text)
            #expect((violation == nil) == (depth <= 120) || depth > 100 && violation != nil)
        }
    }

    @Test func `more than 64 required members are looked for`() throws {
        let names = (0..<100).map { "\"m\($0)\"" }
        let schema = "{\"required\":[\(names.joined(separator: ","))]}"
        let members = names.map { "\($0):1" }
        #expect(try Self.violation(schema, "{\(members.joined(separator: ","))}") == nil)
        #expect(
            try Self.violation(schema, "{\(members.dropLast().joined(separator: ","))}")
                == "data lacks the required member \"m99\"")
    }

    @Test func `random schemas judge random values as their text says`() throws {
        var random = SchemaGenerator(seed: 7)
        var validator = SchemaValidator()
        var fitting = 0
        for _ in 0..<3000 {
            let schema = random.schema(depth: 3)
            let program = try SchemaProgram(schema)
            let naive = NaiveSchema(root: schema)
            for _ in 0..<8 {
                let value = random.value(depth: 3)
                let expected = naive.accepts(value)
                fitting += expected ? 1 : 0
                let violation = validator.violation(of: program, in: value.serialized())
                #expect(
                    (violation == nil) == expected,
                    "\(schema.serializedString()) \(value.serializedString()) \(violation?.description ?? "")")
            }
        }
        #expect((5000...20_000).contains(fitting))
    }
}
