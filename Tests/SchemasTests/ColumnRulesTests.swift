import JSONFormat
import Testing

@testable import Schemas

@Suite struct ColumnRulesTests {
    @Test(arguments: [
        (#"{"type":"integer"}"#, TypedColumn.Content.long), (#"{"type":"number"}"#, .double),
        (#"{"type":["integer","number","null"]}"#, .double), (#"{"type":"boolean"}"#, .boolean),
        (#"{"type":"string"}"#, .text), (#"{"type":["string","null"],"format":"date-time"}"#, .timestamp),
        (#"{"type":"string","format":"date"}"#, .date), (#"{"type":"string","format":"uuid"}"#, .text),
        (#"{"type":"object"}"#, .json), (#"{"type":"array","items":{"type":"string"}}"#, .json),
        (#"{"type":["string","integer"]}"#, .json), (#"{}"#, .json), ("true", .json),
        (##"{"$ref":"#/$defs/n"}"##, .long), (##"{"$ref":"#/$defs/loop"}"##, .json),
        (##"{"$ref":"#/$defs/none"}"##, .json),
        (#"{"enum":["a","b",null]}"#, .text), (#"{"enum":[1,2.5]}"#, .double), (#"{"enum":[1,"a"]}"#, .json),
        (#"{"const":true}"#, .boolean), (#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#, .long),
        (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, .double),
        (#"{"allOf":[{"minimum":1},{"type":"integer"}]}"#, .long),
        (#"{"anyOf":[{"type":"string","format":"date"},{"type":"string","format":"date-time"}]}"#, .text),
    ])
    func `a property becomes a column of its type`(_ property: String, _ content: TypedColumn.Content) throws {
        let root = try JSONValue.parse(
            ##"{"$defs":{"n":{"type":"integer"},"loop":{"$ref":"#/$defs/loop"}},"properties":{"x":\##(property)}}"##)
        #expect(ColumnRules.columns(of: root).map(\.content) == [content])
    }

    @Test(arguments: [
        (["id", "ID", "data_id"], ["data_id", "data_ID_2", "data_id_3"]),
        (["a b", "a-b", "a_b"], ["a_b", "a_b_2", "a_b_3"]),
        (["Price", "price"], ["Price", "price_2"]), (["1st", ""], ["_1st", "_"]),
        (["_file", "user_id"], ["data__file", "user_id"]),
        (["größe", String(repeating: "x", count: 300)], ["gr____e", String(repeating: "x", count: 120)]),
        (["a_2", "a", "A"], ["a_2", "a", "A_3"]),
    ])
    func `names are plain and unique, whatever their case`(_ fields: [String], _ names: [String]) {
        let properties = fields.map { JSONObject.Member(key: $0, value: ["type": "string"]) }
        let columns = ColumnRules.columns(of: ["properties": .object(JSONObject(properties))])
        #expect(columns.map(\.name) == names)
        #expect(columns.map(\.field) == fields)
    }

    @Test func `columns come and never go`() throws {
        let first = EventSchema(
            type: "t", schema: try JSONValue.parse(#"{"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"#))
        let second = EventSchema(
            type: "t", version: 2,
            schema: try JSONValue.parse(
                #"{"required":["c"],"properties":{"a":{"type":"number"},"c":{"type":"boolean"}}}"#),
            existing: first.columns)
        #expect(second.columns.map(\.name) == ["a", "b", "a_double", "c"])
        #expect(second.columns.map(\.content) == [.long, .text, .double, .boolean])
        #expect(second.columns.map(\.isRequired) == [false, false, false, true])
        let third = EventSchema(
            type: "t", version: 3, schema: try JSONValue.parse(#"{"properties":{"a":{"type":"integer"}}}"#),
            existing: second.columns)
        #expect(third.columns.map(\.name) == second.columns.map(\.name))
    }

    @Test func `the number of columns is limited`() {
        let members = (0...SchemaLimits.columnsMax).map { JSONObject.Member(key: "f\($0)", value: ["type": "string"]) }
        let columns = ColumnRules.columns(of: ["properties": .object(JSONObject(members))])
        #expect(columns.count == SchemaLimits.columnsMax)
    }

    @Test func `a registered schema is read back as it was written`() throws {
        let schema = EventSchema(
            type: "page_view", version: 3,
            schema: try JSONValue.parse(#"{"properties":{"user_id":{"type":"string","description":"who"}}}"#),
            isStrict: true, table: "page_view", compatibility: .fullTransitive)
        #expect(schema.columns.first?.attribute == .subject)
        #expect(try EventSchema(JSONCursor(JSONValue.parse(schema.json.serialized()))) == schema)
    }
}
