import Clocks
import Committing
import Events
import Files
import IcebergSpec
import JSONFormat
import Schemas
import Synchronization
import Testing

@testable import Collector

/// How events of registered types are judged, and what they change.
@Suite struct SchemaGateTests {
    private static let text =
        #"{"type":"object","required":["a"],"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"#

    private static func registered(
        _ type: String = "t", _ text: String = text, strict: Bool = false, rule: SchemaCompatibility = .backward,
        revision: Int64 = 1
    ) throws -> RegisteredSchema {
        RegisteredSchema(
            schema: EventSchema(type: type, schema: try JSONValue.parse(text), isStrict: strict, compatibility: rule),
            revision: revision)
    }

    private static func gate(_ schemas: RegisteredSchema..., evolves: Bool = true) -> SchemaGate {
        let gate = SchemaGate(evolves: evolves)
        #expect(gate.install(schemas).isEmpty)
        return gate
    }

    /// The reasons why the events with these data, of type `t`, are refused; nil for those that pass.
    private static func judge(_ gate: SchemaGate, _ data: String..., type: String = "t") throws -> [String?] {
        try judge(gate, events: data, type: type)
    }

    private static func judge(_ gate: SchemaGate, events data: [String], type: String = "t") throws -> [String?] {
        let events = data.enumerated().map { index, data in
            let member = data.isEmpty ? "" : ",\"data\":\(data)"
            return "{\"specversion\":\"1.0\",\"id\":\"\(index)\",\"source\":\"/s\",\"type\":\"\(type)\"\(member)}"
        }
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let body = Array("[\(events.joined(separator: ","))]".utf8)
        let request = EventRequest(contentType: "application/json", body: body)
        let batch = gate.judge(try parser.parse(request, at: Timestamp(microseconds: 0)))
        #expect(batch.accepted.count + batch.rejections.count == data.count)
        var reasons = [String?](repeating: nil, count: data.count)
        for rejection in batch.rejections {
            reasons[rejection.index] = rejection.reason.rawValue
            #expect(String(decoding: body[rejection.text], as: UTF8.self) == events[rejection.index])
            #expect(rejection.id == String(rejection.index))
        }
        let record = try EventRecord.events(batch.record(context: EventContext(receivedAt: Timestamp(microseconds: 0))))
        #expect(record.map(\.id) == reasons.indices.filter { reasons[$0] == nil }.map(String.init))
        return reasons
    }

    @Test func `a file of schemas that is not there is an error`() {
        let error = #expect(throws: SchemaError.self) { try SchemaFile.read("/nowhere/schemas.json") }
        #expect(error.map { "\($0)".contains("SCHEMAS_FILE /nowhere/schemas.json: there is no such file") } == true)
    }

    @Test(arguments: [true, false])
    func `what a request may take of judging is bounded, and nothing passes unjudged`(isStrict: Bool) throws {
        let elements = Array(repeating: "1", count: 200).joined(separator: ",")
        let schema =
            #"{"properties":{"a":{"allOf":[\#(Array(repeating: #"{"items":{"enum":[1]}}"#, count: 60).joined(separator: ","))]}}}"#
        let gate = try Self.gate(Self.registered("t", schema, strict: isStrict))
        // Each takes some 12,000 steps, of which 2,000 come with its values and 1,000 with itself.
        let event = "{\"a\":[\(elements)]}"
        let few = try Self.judge(gate, events: Array(repeating: event, count: 50))
        #expect(few.allSatisfy { $0 == nil })
        let many = try Self.judge(gate, events: Array(repeating: event, count: 400))
        let passed = many.prefix { $0 == nil }.count
        #expect((80...200).contains(passed))
        #expect(many.dropFirst(passed).allSatisfy { $0 == "validation_too_costly" })
        // The next request begins anew.
        #expect(try Self.judge(gate, event) == [nil])
    }

    @Test func `a first value with an exponent or beyond 64 bits makes a number`() throws {
        for value in ["1e300", "1E2", "1.0", "18446744073709551615", "-9223372036854775809"] {
            let gate = try Self.gate(Self.registered())
            #expect(try Self.judge(gate, #"{"a":1,"z":\#(value)}"#) == [nil])
            let schema = try #require(gate.gates[0].proposal(everyMilliseconds: 0)?.schema, "\(value)")
            #expect(schema.columns.first { $0.name == "z" }?.content == .double, "\(value)")
        }
    }

    @Test func `a table of the collector's own is no typed table`() throws {
        let path = "/tmp/schemas-\(SystemRandom().next()).json"
        defer { do { try FileSystem.removeFile(path) } catch {} }
        let file = #"{"schemas":[{"subject":"t","schema":{},"table":"Clicks"}]}"#
        try FileSystem.writeAtomically(path, Array(file.utf8), mode: 0o600)
        #expect(try SchemaFile.read(path).map(\.table) == ["Clicks"])
        let error = #expect(throws: SchemaError.self) { try SchemaFile.read(path, reserved: ["clicks"]) }
        #expect(error?.message.contains("cannot be a typed table") == true)
    }

    @Test func `a strict type admits what fits, with members that are not declared`() throws {
        let gate = try Self.gate(Self.registered(strict: true))
        let reasons = try Self.judge(gate, #"{"a":1,"z":2}"#, #"{"a":1.5}"#, "", #"{"b":"x"}"#, "[]")
        #expect(reasons == [nil] + Array(repeating: "schema_violation", count: 4))
        #expect(try Self.judge(gate, "{}", type: "other") == [nil])
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) == nil)
    }

    @Test func `a type that is not strict is widened by its events`() throws {
        let gate = try Self.gate(Self.registered())
        #expect(
            try Self.judge(gate, #"{"a":1,"z":2}"#, #"{"a":1.5,"z":3}"#, #"{"z":"x"}"#) == [
                nil, nil, "schema_incompatible",
            ])
        let (schema, revision) = try #require(gate.gates[0].proposal(everyMilliseconds: 0))
        #expect(revision == 1)
        #expect(schema.version == 3)
        #expect(schema.schema["properties"]?["z"]?["type"]?.string == "integer")
        #expect(schema.schema["properties"]?["a"]?["type"]?.string == "number")
        #expect(schema.columns.map(\.name) == ["a", "b", "z", "a_double"])
    }

    @Test func `without evolution what does not fit passes, and nothing changes`() throws {
        let gate = try Self.gate(Self.registered(), evolves: false)
        #expect(try Self.judge(gate, #"{"a":"x"}"#, #"{"a":1,"z":2}"#) == [nil, nil])
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) == nil)
    }

    @Test func `the rule of the subject decides what may be widened`() throws {
        let gate = try Self.gate(Self.registered(rule: .full))
        #expect(
            try Self.judge(gate, #"{"a":1,"z":2}"#, #"{"a":1.5}"#, "{}") == [
                nil, "schema_incompatible", "schema_incompatible",
            ])
        #expect(gate.gates[0].proposal(everyMilliseconds: 0)?.schema.schema["properties"]?["z"] != nil)
    }

    @Test func `a change is found again on top of another collector's`() throws {
        let gate = try Self.gate(Self.registered())
        #expect(try Self.judge(gate, #"{"a":1,"mine":2}"#) == [nil])
        let theirs =
            #"{"type":"object","required":["a"],"properties":{"a":{"type":"integer"},"b":{"type":"string"},"theirs":{"type":"boolean"}}}"#
        #expect(gate.install([try Self.registered("t", theirs, revision: 2)]).isEmpty)
        let (schema, revision) = try #require(gate.gates[0].proposal(everyMilliseconds: 0))
        #expect(revision == 2)
        #expect(schema.schema["properties"]?.object?.keys == ["a", "b", "theirs", "mine"])
        // What the registry has now is what was proposed: nothing is left to do.
        #expect(gate.install([RegisteredSchema(schema: schema, revision: 3)]).isEmpty)
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) == nil)
        #expect(try Self.judge(gate, #"{"a":1,"mine":"x"}"#) == ["schema_incompatible"])
    }

    @Test func `what the registry refuses is not asked for again until it changes`() throws {
        let gate = try Self.gate(Self.registered())
        #expect(try Self.judge(gate, #"{"a":1,"z":2}"#) == [nil])
        try gate.gates[0].refuse()
        #expect(try Self.judge(gate, #"{"a":1,"z":2}"#, #"{"a":1.5}"#) == [nil, "schema_incompatible"])
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) == nil)
        #expect(gate.install([try Self.registered(revision: 2)]).isEmpty)
        #expect(try Self.judge(gate, #"{"a":1,"z":2}"#) == [nil])
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) != nil)
    }

    /// Stands still until it is moved.
    private final class StillClock: MonotonicClock {
        private let now = Mutex<UInt64>(0)

        func nanoseconds() -> UInt64 { now.withLock { $0 } }
        func sleep(milliseconds: Int) async throws {}
        func move(seconds: UInt64) { now.withLock { $0 += seconds * 1_000_000_000 } }
    }

    @Test func `a flood of odd events is looked at closely only so often`() throws {
        let clock = StillClock()
        clock.move(seconds: 10)
        let gate = SchemaGate(evolves: true, clock: clock)
        #expect(gate.install([try Self.registered()]).isEmpty)
        let events = (0..<200).map { "{\"a\":1,\"f\($0)\":1}" }
        var passed = 0
        for event in events { passed += try Self.judge(gate, event) == [nil] ? 1 : 0 }
        #expect(passed == 200)
        func fields() -> Int? {
            gate.gates[0].proposal(everyMilliseconds: 0)?.schema.schema["properties"]?.object?.count
        }
        #expect(fields() == 52)
        // In another second the next are.
        clock.move(seconds: 1)
        #expect(try Self.judge(gate, events[199]) == [nil])
        #expect(fields() == 53)
    }

    @Test func `a type that is registered no more passes`() throws {
        let gate = try Self.gate(Self.registered(strict: true), Self.registered("u", strict: true))
        #expect(try Self.judge(gate, "{}") == ["schema_violation"])
        #expect(gate.install([try Self.registered("u", strict: true)]).isEmpty)
        #expect(try Self.judge(gate, "{}") == [nil])
        #expect(try Self.judge(gate, "{}", type: "u") == ["schema_violation"])
        let problems = gate.install([try Self.registered("v", #"{"if":{}}"#)])
        #expect(problems.map(\.type) == ["v"])
    }

    @Test func `a dry run changes nothing`() throws {
        let gate = try Self.gate(Self.registered())
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let body = Array(#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1,"z":1}}"#.utf8)
        let request = EventRequest(contentType: "application/json", body: body)
        let batch = gate.judge(try parser.parse(request, at: Timestamp(microseconds: 0)), isDryRun: true)
        #expect(batch.accepted.count == 1)
        #expect(gate.gates[0].proposal(everyMilliseconds: 0) == nil)
    }

    @Test func `base64 data does not fit a schema`() throws {
        let gate = try Self.gate(Self.registered(strict: true))
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let body = Array(#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAAA"}"#.utf8)
        let batch = gate.judge(
            try parser.parse(EventRequest(contentType: "application/json", body: body), at: Timestamp(microseconds: 0)))
        #expect(batch.rejections.map(\.reason) == [.schemaViolation])
    }

    @Test func `the base columns of typed tables are those of the event table`() throws {
        #expect(Set(try EventTable.schema().fields.map(\.name)) == ColumnRules.baseNames)
    }

    @Test func `without a registry a definition keeps the version that events made, until it is another`() throws {
        let definition = try Self.registered().schema
        let evolved = definition.next(try JSONValue.parse(#"{"properties":{"a":{"type":"number"}}}"#))
        let entry = SchemaCache.Entry(
            registered: RegisteredSchema(schema: evolved, revision: 0), definition: definition.json)
        #expect(SchemaCache.local([definition], [entry]).map(\.schema) == [evolved])
        #expect(SchemaCache.local([definition], []).map(\.schema) == [definition])
        let other = EventSchema(type: "t", schema: try JSONValue.parse(#"{"properties":{"n":{}}}"#))
        let next = SchemaCache.local([other], [entry])[0].schema
        #expect(next.version == 3)
        #expect(next.columns.map(\.name) == ["a", "b", "a_double", "n"])
        #expect(SchemaCache.local([], [entry]).isEmpty)
    }
}
