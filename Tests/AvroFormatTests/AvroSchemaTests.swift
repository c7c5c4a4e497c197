import JSONFormat
import Testing

@testable import AvroFormat

private func schema(_ json: String) throws -> AvroSchema { try AvroSchema(json: Array(json.utf8)) }

@Suite struct AvroSchemaTests {
    @Test func `only optional fields have a default of their own`() throws {
        let required = AvroField("a", .string(nil), id: 1)
        #expect(required.defaultValue == nil)
        #expect(
            try schema(#"{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}"#).json["fields"]?.array?[
                0]["default"] == nil)
        let optional = AvroField("b", .union([.null, .string(nil)]), id: 2)
        #expect(optional.defaultValue == JSONValue.null)
    }

    @Test func `a schema survives being written and parsed`() throws {
        let original = try schema(
            """
            {"type":"record","name":"r","namespace":"n","fields":[
              {"name":"a","type":["null",{"type":"int","logicalType":"date"}],"default":null,"field-id":1000},
              {"name":"b","type":{"type":"fixed","name":"f","size":16,"logicalType":"uuid"},"field-id":1},
              {"name":"c","type":"f","field-id":2},
              {"name":"d","type":{"type":"array","items":{"type":"record","name":"kv","fields":[
                 {"name":"key","type":"int","field-id":117},{"name":"value","type":"long","field-id":118}]},
                 "logicalType":"map"}},
              {"name":"e","type":{"type":"map","values":"long","key-id":3,"value-id":4}},
              {"name":"g","type":{"type":"enum","name":"e","aliases":["n.x"],"symbols":["A","B"],"default":"B"},"aliases":["h"]},
              {"name":"t","type":{"type":"long","logicalType":"timestamp-micros","adjust-to-utc":true}}]}
            """)
        #expect(try AvroSchema(json: original.json.serialized()) == original)
        guard case .record(let record) = original else { Issue.record("no record"); return }
        #expect(record.name == "n.r")
        #expect(record.fields[0].fieldID == 1000)
        #expect(record.fields[0].type.nonNull == .int(.date))
        #expect(record.fields[2].type == record.fields[1].type)
    }

    @Test(arguments: [
        #""nonsense""#, "{}", "[]", "7", #"{"type":"record","name":"r"}"#, #"{"type":"fixed","name":"f","size":-1}"#,
        #"{"type":"record","name":"r","fields":[{"name":"a","type":["null","r"]}]}"#, #"{"type":"array"}"#,
    ])
    func `an invalid or recursive schema is refused`(json: String) {
        #expect(throws: AvroError.self) { try schema(json) }
    }

    @Test(arguments: [
        // One name, two types: the newest counts.
        #"""
        {"type":"record","name":"r","fields":[{"name":"a","type":{"type":"fixed","name":"f","size":2}},
        {"name":"b","type":{"type":"fixed","name":"f","size":4}},{"name":"c","type":"f"}]}
        """#,
        // A name without a namespace within one, and of the same name as one within it.
        #"""
        {"type":"record","name":"n.r","fields":[{"name":"a","type":{"type":"fixed","name":"f","namespace":"","size":2}},
        {"name":"b","type":{"type":"fixed","name":"f","size":4}},{"name":"c","type":"f"}]}
        """#,
    ])
    func `names that mean several types are written so that each is read again`(json: String) throws {
        let original = try schema(json)
        #expect(try AvroSchema(json: original.json.serialized()) == original)
    }

    @Test func `a schema that doubles with every line is refused`() {
        var fields = #"{"name":"f0","type":{"type":"record","name":"r0","fields":[{"name":"a","type":"null"}]}}"#
        for index in 1..<40 {
            fields += """
                ,{"name":"f\(index)","type":{"type":"record","name":"r\(index)","fields":[
                {"name":"a","type":"r\(index - 1)"},{"name":"b","type":"r\(index - 1)"}]}}
                """
        }
        #expect(throws: AvroError.self) { try schema(#"{"type":"record","name":"all","fields":[\#(fields)]}"#) }
    }

    @Test func `a schema nested too deep is refused`() {
        let depth = AvroLimits.schemaDepthMax
        let fits = String(repeating: "[", count: depth) + #""int""# + String(repeating: "]", count: depth)
        #expect(throws: Never.self) { try schema(fits) }
        #expect(throws: AvroError.self) { try schema("[" + fits + "]") }
    }
}

@Suite(.enabled(if: Corpora.directory != nil, "ANALYTICS_CORPORA names no directory of foreign files"))
struct AvroCorpusTests {
    @Test(arguments: ["weather", "weather-deflate", "weather-snappy", "weather-zstd"])
    func `files of Apache Avro are read`(name: String) throws {
        var file = try AvroFileReader(try Corpora.bytes("avro/data/\(name).avro"))
        let rows = try file.readAllJSON()
        let lines = String(decoding: try Corpora.bytes("avro/data/weather.json"), as: UTF8.self).split(separator: "\n")
        #expect(rows == (try lines.map { try JSONValue.parse(String($0)) }))
    }

    @Test func `a file whose metadata holds its sync marker is read`() throws {
        var file = try AvroFileReader(try Corpora.bytes("avro/data/syncInMeta.avro"))
        #expect(try !file.readAllJSON().isEmpty)
    }
}
