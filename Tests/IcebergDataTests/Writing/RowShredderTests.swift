import IcebergSpec
import JSONFormat
import ParquetFormat
import Testing

@testable import IcebergData

@Suite struct `Shredding rows` {
    static let schema = [
        NestedField.required(1, "id", .long),
        .optional(
            2, "tags",
            .list(elementID: 3, .structure([.optional(4, "k", .string), .required(5, "n", .int)]))),
        .optional(6, "props", .map(keyID: 7, .string, valueID: 8, .list(elementID: 9, .double), valueRequired: true)),
        .optional(10, "nothing", .unknown),
    ]

    @Test func `levels say where nulls, lists and maps begin`() throws {
        let schema = try Schema(fields: Self.schema)
        var shredder = try RowShredder(schema)
        for row in try writingRows(
            schema,
            #"{"id": 1, "tags": [{"k": "a", "n": 1}, null, {"k": null, "n": 2}], "props": {"keys": ["x", "y"], "values": [[1.5, null], []]}}"#,
            #"{"id": 2, "tags": [], "props": null}"#, #"{"id": 3, "tags": null, "props": {"keys": [], "values": []}}"#)
        {
            try shredder.append(row)
        }
        let group = try shredder.take()
        #expect(group.rowCount == 3)
        #expect(shredder.rowCount == 0)
        let names = shredder.parquetSchema.leaves.map(\.name)
        #expect(
            names == [
                "id", "tags.list.element.k", "tags.list.element.n", "props.key_value.key",
                "props.key_value.value.list.element",
            ])
        #expect(group.columns[0].values.int64s == [1, 2, 3])
        #expect(group.columns[1].definitionLevels == [4, 2, 3, 1, 0])
        #expect(group.columns[1].repetitionLevels == [0, 1, 1, 0, 0])
        #expect(group.columns[2].definitionLevels == [3, 2, 3, 1, 0])
        #expect(group.columns[2].values.int32s == [1, 2])
        #expect(group.columns[3].definitionLevels == [2, 2, 0, 1])
        #expect(group.columns[3].repetitionLevels == [0, 1, 0, 0])
        #expect(group.columns[4].definitionLevels == [4, 3, 2, 0, 1])
        #expect(group.columns[4].repetitionLevels == [0, 2, 1, 0, 0])
        #expect(group.columns[4].values.doubles == [1.5])
    }

    @Test(arguments: [
        (#"{"tags": []}"#, "row 1, column id: a required value is missing"),
        (#"{"id": 1, "tags": [{"k": "a"}]}"#, "row 1, column tags.element.n: a required value is missing"),
        (
            #"{"id": 1, "props": {"keys": ["a"], "values": [null]}}"#,
            "row 1, column props.value: a required value is missing"
        ),
    ])
    func `a row that does not fit is named and leaves nothing`(text: String, message: String) throws {
        let schema = try Schema(fields: Self.schema)
        var shredder = try RowShredder(schema)
        try shredder.append(try writingRows(schema, #"{"id": 1}"#)[0])
        let wrong = try writingRows(schema, text)[0]
        let error = try #require(throws: DataError.self) { try shredder.append(wrong) }
        #expect("\(error)" == message)
        try shredder.append(try writingRows(schema, #"{"id": 2}"#)[0])
        let group = try shredder.take()
        #expect(group.columns[0].values.int64s == [1, 2])
        #expect(group.rowCount == 2)
    }

    @Test(arguments: [
        (#"{"id": 1.5}"#, "id: $: 1.5 is no value of type long"),
        (#"{"id": 1, "tags": {}}"#, "tags: {} is no value of type list"),
        (#"{"id": 1, "idd": 2}"#, "there is no field \"idd\""),
        (
            #"{"id": 1, "props": {"keys": ["a"], "values": []}}"#,
            "props: a map is {\"keys\": […], \"values\": […]} with as many of both"
        ),
        (#"{"id": 1, "props": {"keys": [null], "values": [[]]}}"#, "props.key: the key of a map is null"),
    ])
    func `JSON that is no value of a column is refused`(text: String, message: String) throws {
        let schema = try Schema(fields: Self.schema)
        let error = try #require(throws: DataError.self) { try writingRows(schema, text) }
        #expect(error.code == .invalid || error.code == .malformed)
        #expect("\(error)".contains(message.split(separator: ": ").last ?? ""), "\(error)")
    }

    @Test(arguments: [
        (IcebergType.double, #""NaN""#), (.float, #""-Infinity""#), (.double, "-0.0"),
        (.decimal(precision: 38, scale: 38), #""-0.99999999999999999999999999999999999999""#),
        (.date, #""1969-12-31""#), (.time, #""23:59:59.999999""#),
        (.timestamptzNanos, #""1969-12-31T23:59:59.999999999+00:00""#),
        (.uuid, #""f79c3e09-677c-4bbd-a479-3f349cb785e7""#), (.fixed(2), #""00ff""#), (.binary, #""""#),
        (.structure([.optional(4, "k", .string)]), #"{"4":null}"#),
        (.map(keyID: 5, .int, valueID: 6, .boolean), #"{"keys":[1],"values":[true]}"#),
    ])
    func `JSON of a value reads back`(type: IcebergType, text: String) throws {
        let value = try RowValue(json: try JSONValue.parse(text), type: type, at: "")
        #expect(value.json(type: type).serializedString() == text)
    }

    @Test func `a field that a row does not give gets its write default`() throws {
        var field = NestedField.optional(2, "n", .int)
        field.writeDefault = 7
        let fields = [NestedField.required(1, "id", .int), field]
        let read = { (text: String) in try RowValue.fields(try JSONValue.parse(text), fields, .names, "") }
        #expect(try read(#"{"id": 1}"#) == [.primitive(.int(1)), .primitive(.int(7))])
        #expect(try read(#"{"id": 1, "n": null}"#) == [.primitive(.int(1)), .null])
    }
}
