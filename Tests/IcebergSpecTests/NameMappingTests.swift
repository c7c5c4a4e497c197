import Foundation
import IcebergSpec
import JSONFormat
import Testing

struct NameMappingTests {
    /// The example of the specification.
    static let example = """
        [{"field-id":1,"names":["id","record_id"]},{"field-id":2,"names":["data"]},{"field-id":3,"names":["location"],\
        "fields":[{"field-id":4,"names":["latitude","lat"]},{"field-id":5,"names":["longitude","long"]}]}]
        """

    @Test func `the example of the specification is read and written`() throws {
        let mapping = try NameMapping(text: Self.example)
        #expect(mapping.text == Self.example)
        #expect(mapping.field(path: ["record_id"])?.fieldID == 1)
        #expect(mapping.field(path: ["location", "lat"])?.fieldID == 4)
        #expect(mapping.field(path: ["location", "height"]) == nil)
        #expect(mapping.field(path: ["location.lat"]) == nil)
        #expect(mapping.field(path: []) == nil)
    }

    @Test func `a schema names the parts of lists and maps`() throws {
        let schema = try Schema(fields: [
            .optional(1, "a.b", .list(elementID: 2, .structure([.optional(3, "x", .int)]))),
            .optional(4, "m", .map(keyID: 5, .string, valueID: 6, .long)),
        ])
        let mapping = NameMapping(schema: schema)
        #expect(mapping.field(path: ["a.b", "element", "x"])?.fieldID == 3)
        #expect(mapping.field(path: ["m", "key"])?.fieldID == 5)
        #expect(mapping.field(path: ["m", "value"])?.fieldID == 6)
    }

    @Test(arguments: [
        #"[{"field-id":1,"names":["a"]},{"field-id":2,"names":["a"]}]"#,
        #"[{"field-id":1,"names":["a"],"fields":[{"field-id":1,"names":["b"]}]}]"#, #"[{"field-id":1}]"#,
        #"[{"names":[1]}]"#, "{}", "[", "7", #"[{"field-id":"1","names":[]}]"#,
    ])
    func `what is no mapping is refused`(_ text: String) {
        #expect(throws: IcebergError.self) { try NameMapping(text: text) }
    }

    @Test func `a field without an id, without names, or in an object of fields is read`() throws {
        let mapping = try NameMapping(
            text: #"{"type":"struct","fields":[{"names":["extra"]},{"field-id":2,"names":[]}]}"#)
        #expect(mapping.fields == [.init(fieldID: nil, names: ["extra"]), .init(fieldID: 2, names: [])])
    }

    @Test func `a mapping may nest as deep as types`() {
        func nested(_ depth: Int) -> [NameMapping.Field] {
            (1..<depth).reduce([.init(fieldID: nil, names: ["a"])]) { fields, _ in
                [.init(fieldID: nil, names: ["a"], fields: fields)]
            }
        }
        #expect(throws: Never.self) { try NameMapping(fields: nested(Limits.typeDepthMax)) }
        #expect(throws: IcebergError.self) { try NameMapping(fields: nested(Limits.typeDepthMax + 1)) }
    }

    @Test func `a change of the schema changes the mapping`() throws {
        let old = try Schema(fields: [
            .optional(1, "a", .int), .optional(2, "b", .int), .optional(3, "c", .int),
            .optional(4, "s", .structure([.optional(5, "x", .int)])),
        ])
        // a and b change places, c is dropped and its name given to a new field, x is renamed, y added.
        let new = try Schema(fields: [
            .optional(1, "b", .int), .optional(2, "a", .int), .optional(6, "c", .int),
            .optional(4, "s", .structure([.optional(5, "z", .int), .optional(7, "y", .int)])),
        ])
        let mapping = NameMapping(schema: old).updated(from: old, to: new)
        #expect(mapping.field(path: ["b"])?.fieldID == 1)
        #expect(mapping.field(path: ["a"])?.fieldID == 2)
        #expect(mapping.field(path: ["c"])?.fieldID == 6)
        #expect(mapping.field(path: ["s", "x"])?.fieldID == 5)
        #expect(mapping.field(path: ["s", "z"])?.fieldID == 5)
        #expect(mapping.field(path: ["s", "y"])?.fieldID == 7)
        #expect(mapping.fields.contains(.init(fieldID: 3, names: [])))
        #expect(try NameMapping(json: mapping.json) == mapping)
    }
}

extension CorpusTests {
    @Test(arguments: tables)
    func `the name mapping of a real table is read`(_ url: URL) throws {
        let metadata = try TableMetadataFile.decode(Corpus.bytes(url))
        let mapping = try metadata.nameMapping()
        #expect((mapping == nil) == (metadata.properties[NameMapping.property] == nil))
        if let mapping { #expect(try NameMapping(text: mapping.text) == mapping) }
    }
}
