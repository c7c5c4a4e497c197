import Bytes
import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import Testing

@testable import Catalog

/// How planned files look to clients.
@Suite struct ContentFileTests {
    struct Value: Sendable, CustomStringConvertible {
        let type: IcebergType
        let datum: Datum
        let json: String
        var description: String { "\(type.description) \(json)" }
    }

    static let values = [
        Value(type: .boolean, datum: .boolean(true), json: "true"),
        Value(type: .int, datum: .int(-42), json: "-42"),
        Value(type: .long, datum: .long(.max), json: "9223372036854775807"),
        Value(type: .float, datum: .float(1.5), json: "1.5"),
        Value(type: .double, datum: .double(-0.25), json: "-0.25"),
        Value(
            type: .decimal(precision: 9, scale: 4), datum: .decimal(unscaled: 1_234_500, scale: 4), json: "\"123.4500\""
        ),
        Value(type: .decimal(precision: 38, scale: 0), datum: .decimal(unscaled: -2, scale: 0), json: "\"-2\""),
        Value(type: .date, datum: .date(13_849), json: "\"2007-12-02\""),
        Value(type: .time, datum: .time(81_068_123_456), json: "\"22:31:08.123456\""),
        Value(type: .timestamp, datum: .timestamp(1_000_001), json: "\"1970-01-01T00:00:01.000001\""),
        Value(type: .timestamptz, datum: .timestamptz(-1), json: "\"1969-12-31T23:59:59.999999+00:00\""),
        Value(type: .timestampNanos, datum: .timestampNanos(1), json: "\"1970-01-01T00:00:00.000000001\""),
        Value(
            type: .timestamptzNanos, datum: .timestamptzNanos(1), json: "\"1970-01-01T00:00:00.000000001+00:00\""),
        Value(type: .string, datum: .string("a\"b"), json: #""a\"b""#),
        Value(
            type: .uuid, datum: .uuid(UUID(high: 0x1234_5678_9abc_def0, low: 0xfedc_ba98_7654_3210)),
            json: "\"12345678-9abc-def0-fedc-ba9876543210\""),
        Value(type: .fixed(3), datum: .fixed([0x78, 0x79, 0xFA]), json: "\"7879FA\""),
        Value(type: .binary, datum: .binary([0x00, 0xAB]), json: "\"00AB\""),
    ]

    @Test(arguments: values)
    func `a value of every type is written as the standard says, in partitions and in bounds`(
        value: Value
    ) async throws {
        var table = try PlannedTable(
            try Schema(fields: [.optional(1, "c", value.type)]),
            spec: UnboundPartitionSpec(fields: [.init(sourceID: 1, name: "c", transform: .identity)]),
            formatVersion: 3)
        var file = DataFile(
            path: "\(table.metadata.location)/data/a.parquet", partition: [value.datum], recordCount: 3,
            fileSizeBytes: 10)
        file.lowerBounds = [1: value.datum.singleValueBinary]
        file.upperBounds = [1: value.datum.singleValueBinary]
        try await table.append([file])
        let json = try table.json(try await table.plan(#"{"stats-fields":["c"]}"#).answer)
        let data = try #require(json["file-scan-tasks"]?.array?.first?["data-file"])
        #expect(data["partition"]?.serializedString() == "[\(value.json)]")
        #expect(data["lower-bounds"]?.serializedString() == #"{"keys":[1],"values":[\#(value.json)]}"#)
        #expect(data["upper-bounds"]?.serializedString() == #"{"keys":[1],"values":[\#(value.json)]}"#)
    }

    @Test func `what JSON has no number for is text in a partition, and no bound`() async throws {
        var table = try PlannedTable(
            try Schema(fields: [.optional(1, "c", .double), .optional(2, "d", .double)]),
            spec: UnboundPartitionSpec(fields: [.init(sourceID: 1, name: "c", transform: .identity)]))
        var file = DataFile(
            path: "\(table.metadata.location)/data/a.parquet", partition: [.double(.nan)], recordCount: 3,
            fileSizeBytes: 10)
        file.upperBounds = [2: Datum.double(.infinity).singleValueBinary]
        var null = file
        null.path += "2"
        null.partition = [nil]
        try await table.append([file, null])
        let json = try table.json(try await table.plan(#"{"stats-fields":["d"]}"#).answer)
        let partitions = try #require(json["file-scan-tasks"]?.array).map { $0["data-file"]?["partition"] }
        #expect(Set(partitions) == [["NaN"], [.null]])
        #expect(json["file-scan-tasks"]?.array?.first?["data-file"]?["upper-bounds"] == nil)
    }

    @Test func `a data file says what the standard requires, statistics only of the columns asked for`() async throws {
        var table = try PlannedTable(formatVersion: 3)
        var file = table.file("a", ids: 3...7)
        file.splitOffsets = [4, 500]
        file.sortOrderID = 0
        file.keyMetadata = [0xAB]
        file.columnSizes = [1: 40, 2: 60]
        try await table.append([file])
        let expected = """
            {"content":"data","file-path":"s3://analytics-source/db/t/data/a.parquet","file-format":"parquet","spec-id":0,\
            "partition":[],"file-size-in-bytes":1000,"record-count":5,"key-metadata":"AB","split-offsets":[4,500],\
            "sort-order-id":0,"first-row-id":0,"data-sequence-number":1
            """
        let plain = try table.json(try await table.plan().answer)
        let task = try #require(plain["file-scan-tasks"]?.array?.first)
        #expect(task["data-file"]?.serializedString() == expected + "}")
        #expect(task["residual-filter"] == true)
        #expect(task["delete-file-references"] == nil)
        #expect(plain["delete-files"] == nil)
        let detailed = try table.json(try await table.plan(#"{"stats-fields":["id","id"]}"#).answer)
        let statistics = """
            ,"column-sizes":{"keys":[1],"values":[40]},"value-counts":{"keys":[1],"values":[5]},\
            "null-value-counts":{"keys":[1],"values":[0]},"lower-bounds":{"keys":[1],"values":[3]},\
            "upper-bounds":{"keys":[1],"values":[7]}}
            """
        let data = detailed["file-scan-tasks"]?.array?.first?["data-file"]
        #expect(data?.serializedString() == expected + statistics)
    }

    @Test func `delete files are listed once and referred to by each of their data files`() async throws {
        var table = try PlannedTable()
        try await table.append([table.file("a"), table.file("b")])
        var positions = DataFile(
            content: .positionDeletes, path: "\(table.metadata.location)/data/p.parquet", recordCount: 1,
            fileSizeBytes: 10)
        positions.referencedDataFile = table.file("b").path
        var equality = DataFile(
            content: .equalityDeletes, path: "\(table.metadata.location)/data/e.parquet", recordCount: 1,
            fileSizeBytes: 10)
        equality.equalityIDs = [1]
        try await table.commit(RowDelta(addedDeletes: [positions, equality], checks: .none))
        try await table.append([table.file("c")])
        let json = try table.json(try await table.plan().answer)
        let deletes = try #require(json["delete-files"]?.array)
        #expect(deletes.count == 2)
        let tasks = try #require(json["file-scan-tasks"]?.array)
        let references = tasks.map { task in
            (
                task["data-file"]?["file-path"]?.string?.suffix(9) ?? "",
                Set(
                    (task["delete-file-references"]?.array ?? []).compactMap { $0.integer }.map {
                        deletes[Int($0)]["content"]
                    })
            )
        }
        let byFile = Dictionary(uniqueKeysWithValues: references)
        #expect(byFile["a.parquet"] == ["equality-deletes"])
        #expect(byFile["b.parquet"] == ["position-deletes", "equality-deletes"])
        #expect(byFile["c.parquet"] == [])
        let listed = deletes.first { $0["content"] == "position-deletes" }
        #expect(listed?["referenced-data-file"]?.string == positions.referencedDataFile)
        #expect(deletes.first { $0["content"] == "equality-deletes" }?["equality-ids"] == [1])
    }

    @Test(arguments: [
        (#"{"type":"gt","term":"id","value":5}"#, #"{"type":"gt","term":"id","value":5}"#),
        (
            #"{"type":"gt","left":{"type":"reference","name":"id"},"right":5}"#,
            #"{"type":"gt","left":{"type":"reference","name":"id"},"right":5}"#
        ),
        (
            #"{"type":"and","left":{"type":"true"},"right":{"type":"is-null","child":{"type":"reference","name":"Name"}}}"#,
            #"{"type":"is-null","child":{"type":"reference","name":"Name"}}"#
        ),
        (#"{"type":"not","child":{"type":"lt","term":"id","value":4}}"#, #"{"type":"gt-eq","term":"id","value":4}"#),
    ])
    func `the residual is in the grammar of the filter`(filter: String, residual: String) async throws {
        var table = try PlannedTable()
        try await table.append([table.file("a")])
        let json = try table.json(try await table.plan(#"{"filter":\#(filter)}"#).answer)
        let found = json["file-scan-tasks"]?.array?.first?["residual-filter"]
        #expect(found == (try JSONValue.parse(residual)))
    }
}
