import JSONFormat
import Testing

@testable import Schemas

@Suite struct SchemaEvolutionTests {
    private static let base = #"""
        {"type":"object","required":["a"],"properties":{"a":{"type":"integer"},"b":{"type":"string"},
         "c":{"type":"object","additionalProperties":false,"properties":{"x":{"type":"integer"}}},"d":{"enum":["p","q"]},
         "e":{"type":"array","items":{"type":"integer"}}}}
        """#

    /// Data, and the changes it asks for: nil when it is breaking.
    @Test(arguments: [
        (#"{"a":1}"#, [String]()), (#"{"a":1,"b":"x","c":{"x":1},"d":"p","e":[1]}"#, []),
        (#"{"a":1,"f":true,"g":[1]}"#, [#"new optional field "f""#, #"new optional field "g""#]),
        (#"{"a":1.5}"#, ["/properties/a widened to number"]), (#"{"a":1,"b":null}"#, ["/properties/b widened to null"]),
        (#"{"a":1,"d":null}"#, ["/properties/d widened to null"]),
        (#"{"a":1,"e":[1,2.5]}"#, ["/properties/e/items widened to number"]),
        (#"{"a":1,"c":{"y":"z"}}"#, [#"new optional field "y""#]), (#"{}"#, [#"/required without "a""#]),
        (#"{"a":2.5,"h":1}"#, ["/properties/a widened to number", #"new optional field "h""#]),
        (#"{"a":1,"n":null}"#, []), (#"{"a":1,"":2}"#, []),
    ])
    func `new fields and wider values make a wider schema`(_ data: String, _ changes: [String]) throws {
        let program = try SchemaProgram(JSONValue.parse(Self.base))
        let text = Array(data.utf8)
        let evolution = SchemaEvolution.of(text, program)
        guard !changes.isEmpty else {
            #expect(evolution == .conforms)
            return
        }
        guard case .evolved(let schema, let found) = evolution else {
            Issue.record("\(evolution)")
            return
        }
        #expect(found.map(\.description) == changes)
        // It fits what it made, which whatever fitted before still fits.
        let next = try SchemaProgram(schema)
        #expect(SchemaEvolution.of(text, next) == .conforms)
        let problems = SchemaCompatibility.backward.problems(of: schema, after: [(1, program.schema)])
        #expect(problems.map(\.problem) == [])
    }

    @Test(arguments: [
        (#"{"a":"1"}"#, "data/a must be an integer"), (#"{"a":null}"#, "data/a must be an integer"),
        (#"{"a":1,"b":2}"#, "data/b must be a string"),
        (#"{"a":1,"d":"r"}"#, "data/d must be one of the values that are allowed: \"p\", \"q\""),
        (#"[]"#, "data must be an object"), (#"{"a":1,"e":[null]}"#, "data/e/0 must be an integer"),
        ("x", "data is not JSON"),
    ])
    func `what no wider schema takes is breaking`(_ data: String, _ message: String) throws {
        let program = try SchemaProgram(JSONValue.parse(Self.base))
        guard case .breaking(let violation) = SchemaEvolution.of(Array(data.utf8), program) else {
            Issue.record("not breaking")
            return
        }
        #expect(violation.description == message)
    }

    @Test func `made-up fields do not grow a schema without end`() throws {
        var program = try SchemaProgram(JSONValue.parse(#"{"type":"object","properties":{}}"#))
        for round in 0..<40 {
            let members = (0..<50).map { "\"field_\(round)_\($0)\":1" }.joined(separator: ",")
            if case .evolved(let schema, _) = SchemaEvolution.of(Array("{\(members)}".utf8), program) {
                program = try SchemaProgram(schema)
            }
        }
        #expect(program.schema["properties"]?.object?.count == SchemaLimits.columnsMax)
        let long = String(repeating: "n", count: 129)
        let small = try SchemaProgram(["type": "object"])
        #expect(SchemaEvolution.of(Array("{\"\(long)\":1}".utf8), small) == .conforms)
    }

    @Test func `samples make a schema that fits them`() throws {
        var inference = SchemaInference()
        let samples = [
            #"{"id":1,"at":"2024-01-15T14:30:00Z","price":2,"tags":["a"],"day":"2024-01-15"}"#,
            #"{"id":2,"at":"2024-01-15T14:31:00Z","price":2.5,"name":null,"day":"2024-01-16"}"#,
            #"{"id":3,"at":"2024-01-15T14:32:00Z","price":3,"name":"x","day":"soon"}"#,
        ]
        for sample in samples { inference.add(try JSONValue.parse(sample)) }
        let expected = try JSONValue.parse(
            #"""
            {"type":"object","properties":{"id":{"type":"integer"},"at":{"type":"string","format":"date-time"},
             "price":{"type":"number"},"tags":{"type":"array"},"day":{"type":"string"},"name":{"type":["null","string"]}},
             "required":["id","at","price","day"]}
            """#)
        #expect(inference.schema == expected)
        let program = try SchemaProgram(inference.schema)
        for sample in samples { #expect(SchemaEvolution.of(Array(sample.utf8), program) == .conforms) }
    }

    @Test func `of a sample with very many members the first are taken`() throws {
        let names = (0..<100_000).map { "f\($0)" }
        let members = names.map { JSONObject.Member(key: $0, value: 1) }
        var inference = SchemaInference()
        inference.add(.object(JSONObject(members + [JSONObject.Member(key: "f0", value: "x")])))
        let properties = try #require(inference.schema["properties"]?.object)
        #expect(properties.keys == Array(names.prefix(SchemaLimits.columnsMax)))
        #expect(properties["f0"] == ["type": "string"])
    }

    @Test func `members of bare events that became attributes count as there`() throws {
        let schema = try JSONValue.parse(#"{"required":["event_id","timestamp","user_id","x"],"properties":{"x":{}}}"#)
        let compiled = try CompiledEventSchema(EventSchema(type: "t", schema: schema))
        var validator = SchemaValidator()
        func message(_ text: String, _ hasSubject: Bool) -> String? {
            Array(text.utf8).withUnsafeBytes {
                compiled.violation(&validator, data: $0, hasSubject: hasSubject)?.description
            }
        }
        #expect(message(#"{"x":1}"#, true) == nil)
        #expect(message(#"{"x":1,"user_id":"u"}"#, false) == nil)
        #expect(message(#"{"x":1}"#, false) == "data lacks the required member \"user_id\", and there is no subject")
        #expect(message("{}", true) == "data lacks the required member \"x\"")
        // What evolution drops from the required ones stays dropped, the attributes stay.
        guard case .evolved(let evolved, _) = SchemaEvolution.of(Array("{}".utf8), compiled.program) else {
            Issue.record("\"x\" can become optional")
            return
        }
        #expect(compiled.registered(evolved)["required"] == ["event_id", "timestamp", "user_id"])
    }

    @Test(arguments: PredefinedSchemas.names)
    func `predefined schemas compile and have a column for each field`(_ name: String) throws {
        let schema = try #require(PredefinedSchemas.schema(named: name))
        _ = try CompiledEventSchema(schema)
        #expect(schema.table == name)
        #expect(schema.columns.map(\.name) == schema.schema["properties"]?.object?.keys)
        #expect(
            schema.columns.prefix(7).map(\.name) == [
                "event_id", "timestamp", "session_id", "user_id", "project_id", "environment", "version",
            ])
    }
}
