import JSONFormat
import Testing

@testable import Schemas

@Suite struct SchemaCompatibilityTests {
    private static func problems(_ rule: SchemaCompatibility, _ old: String, _ new: String) throws -> [String] {
        try rule.problems(of: JSONValue.parse(new), after: [(1, JSONValue.parse(old))]).map(\.problem.description)
    }

    /// Old, new, whether new reads old, whether old reads new.
    @Test(arguments: [
        (
            #"{"properties":{"a":{"type":"integer"}}}"#,
            #"{"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"#, true, true
        ),
        (#"{"properties":{"a":{"type":"integer"}}}"#, #"{"properties":{"a":{"type":"number"}}}"#, true, false),
        (#"{"properties":{"a":{"type":"string"}}}"#, #"{"properties":{"a":{"type":["string","null"]}}}"#, true, false),
        (#"{"required":["a"]}"#, "{}", true, false), (#"{"enum":[1]}"#, #"{"enum":[1,2]}"#, true, false),
        (#"{"enum":["a"]}"#, #"{"type":"string"}"#, true, false),
        (#"{"const":1}"#, #"{"type":"integer"}"#, true, false),
        (#"{"minimum":2}"#, #"{"minimum":1}"#, true, false), (#"{"maxLength":2}"#, #"{"maxLength":3}"#, true, false),
        (#"{"type":"string","format":"date"}"#, #"{"type":"string"}"#, true, false),
        (#"{"type":"string","pattern":"a"}"#, #"{"type":"string","pattern":"b"}"#, false, false),
        (#"{"properties":{"a":{}}}"#, #"{"properties":{}}"#, true, true),
        (
            #"{"properties":{"a":{}},"additionalProperties":false}"#,
            #"{"properties":{"a":{},"b":{}},"additionalProperties":false}"#, true, false
        ),
        (
            #"{"additionalProperties":{"type":"integer"}}"#,
            #"{"properties":{"b":{"type":"string"}},"additionalProperties":{"type":"integer"}}"#, false, false
        ),
        (#"{"items":{"type":"integer"}}"#, #"{"items":{"type":"number"}}"#, true, false),
        (##"{"$ref":"#/$defs/x","$defs":{"x":{"type":"integer"}}}"##, #"{"type":"integer"}"#, true, true),
        (##"{"properties":{"n":{"$ref":"#"}}}"##, ##"{"properties":{"n":{"$ref":"#"},"m":{}}}"##, true, true),
        (#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#, #"{"type":["integer","string","null"]}"#, true, false),
        (#"{"type":"integer"}"#, #"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#, true, false),
        (#"{"multipleOf":4}"#, #"{"multipleOf":2}"#, true, false), ("false", #"{"type":"string"}"#, true, false),
        (#"{"not":{"type":"string"}}"#, #"{"not":{"type":"string"}}"#, true, true),
        (#"{"allOf":[{"type":"integer"},{"minimum":3}]}"#, #"{"type":"integer","minimum":3}"#, true, true),
    ])
    func `a schema reads what another wrote`(_ old: String, _ new: String, _ backward: Bool, _ forward: Bool) throws {
        #expect(try Self.problems(.backward, old, new).isEmpty == backward)
        #expect(try Self.problems(.forward, old, new).isEmpty == forward)
        #expect(try Self.problems(.full, old, new).isEmpty == (backward && forward))
        #expect(try Self.problems(.none, old, new) == [])
        #expect(try Self.problems(.fullTransitive, old, old) == [])
    }

    @Test(arguments: [
        (
            #"{"properties":{"a":{"type":"number"}}}"#, #"{"properties":{"a":{"type":"integer"}}}"#,
            "/properties/a/type: a number fitted and does not fit any more; an integer does"
        ),
        ("{}", #"{"required":["a"]}"#, "/required: \"a\" is required and was not"),
        (#"{"maximum":5}"#, #"{"maximum":4}"#, "/maximum: 4 is narrower than before: it was 5"),
        (#"{"enum":["a","b"]}"#, #"{"enum":["b"]}"#, "/enum: \"a\" fitted and does not fit any more"),
        (
            "{}", #"{"type":"string","format":"uuid"}"#,
            "/type: null or a boolean or a number or an array or an object fitted and does not fit any more; a string does"
        ),
    ])
    func `problems name the place`(_ old: String, _ new: String, _ problem: String) throws {
        #expect(try Self.problems(.backward, old, new) == [problem])
    }

    @Test func `transitive rules look at every version`() throws {
        let versions = try [(1, "string"), (2, "null")].map {
            (version: $0.0, schema: try JSONValue.parse("{\"type\":\"\($0.1)\"}"))
        }
        let next = try JSONValue.parse(#"{"type":"null"}"#)
        #expect(SchemaCompatibility.backward.problems(of: next, after: versions).isEmpty)
        #expect(SchemaCompatibility.backwardTransitive.problems(of: next, after: versions).map(\.version) == [1])
    }

    @Test func `what is called compatible is so for random values`() throws {
        var random = SchemaGenerator(seed: 11)
        var compatible = 0
        for _ in 0..<4000 {
            let old = random.schema(depth: 2)
            let new = random.schema(depth: 2)
            guard SchemaCompatibility.backward.problems(of: new, after: [(1, old)]).isEmpty else { continue }
            compatible += 1
            let (before, after) = (NaiveSchema(root: old), NaiveSchema(root: new))
            for _ in 0..<20 {
                let value = random.value(depth: 2)
                guard before.accepts(value), !after.accepts(value) else { continue }
                // Only members that the old schema does not declare may make the difference.
                #expect(
                    value.serializedString().contains("{"),
                    "\(old.serializedString()) \(new.serializedString()) \(value.serializedString())")
            }
        }
        #expect(compatible > 100)
    }
}
