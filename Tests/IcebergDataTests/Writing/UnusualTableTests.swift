import IcebergSpec
import IcebergTable
import JSONFormat
import ParquetFormat
import Testing

@testable import IcebergData

/// Tables that are allowed and that nobody has.
@Suite struct `Unusual tables` {
    @Test func `partitions of any text are written and found`() async throws {
        let texts = [
            "", " ", ".", "..", "../..", "a/b", "/", "\\", "100%", "%2F", "a+b=c&d", "~*", "\u{0}", "\n\r\t", "\u{7F}",
            "é", "e\u{301}", "日本", "👩‍👩‍👧", "null", String(repeating: "x", count: 5000),
            String(repeating: "/", count: 400),
        ]
        let table = try LiveTable(
            try Schema(fields: [.required(1, "id", .long), .optional(2, "text", .string)]),
            spec: [.init(sourceID: 2, name: "text", transform: .identity)])
        let rows = (texts + [nil]).enumerated().map { place, text -> [RowValue] in
            [.primitive(.long(Int64(place))), text.map { .primitive(.string($0)) } ?? .null]
        }
        try await table.insert(rows)
        let plan = try await table.scan().plan()
        #expect(plan.files.count == rows.count, "each its own, whatever is canonically equivalent to it")
        #expect(Set(plan.files.map(\.file.path)).count == rows.count)
        for (place, text) in texts.enumerated() {
            let found = try await table.rows(of: table.scan(predicate: .equal("text", .string(text))))
            #expect(found == [rows[place]])
        }
        #expect(try await table.rows(of: table.scan(predicate: .isNull(column: "text"))) == [rows[texts.count]])
    }

    @Test(arguments: [1, 2000]) func `wide tables are written and read in part`(width: Int) async throws {
        let fields = (1...width).map { NestedField.optional($0, "c\($0)", .int) }
        let table = try LiveTable(try Schema(fields: fields))
        let rows = (0..<3).map { row in (0..<width).map { RowValue.primitive(.int(Int32(row * $0))) } }
        try await table.insert(rows)
        let last = "c\(width)"
        let found = try await table.rows(
            of: table.scan(columns: [last], predicate: .compare(.greaterOrEqual, column: last, .int(0))))
        #expect(found == rows.map { [$0[width - 1]] })
    }

    @Test func `columns that are in no file are null in every row`() async throws {
        let table = try LiveTable(
            try Schema(fields: [.optional(1, "u", .unknown), .optional(2, "n", .int)]), formatVersion: 3)
        try await table.insert([[.null, .null], [.null, .primitive(.int(1))]])
        #expect(try await table.rows(of: table.scan(columns: ["u"])) == [[.null], [.null]])
        #expect(try await table.rows(of: table.scan(columns: ["_pos"])).count == 2)
    }

    @Test func `a table without rows has files of none, and no row is written in part`() async throws {
        let schema = try Schema(fields: [
            .required(1, "id", .long), .required(2, "s", .structure([.required(3, "n", .int)])),
        ])
        let table = try LiveTable(schema)
        #expect(try await table.write([]).isEmpty)
        var writer = try TableWriter(table.metadata, options: TableWriterOptions(), random: table.random)
        try writer.append([.primitive(.long(1)), .structure([.primitive(.int(1))])])
        let refused: [[RowValue]] = [
            [], [.primitive(.long(2))], [.primitive(.long(2)), .null], [.primitive(.long(2)), .structure([])],
            [.primitive(.long(2)), .structure([.null])], [.primitive(.int(2)), .structure([.primitive(.int(1))])],
            [.primitive(.long(2)), .structure([.primitive(.long(1))])], [.primitive(.long(2)), .list([])],
        ]
        for row in refused {
            do {
                try writer.append(row)
                Issue.record("\(row) was taken")
            } catch {
                #expect(error.code == .invalid)
            }
        }
        try writer.append([.primitive(.long(3)), .structure([.primitive(.int(3))])])
        let files = try writer.finish()
        #expect(files.map(\.file.recordCount) == [2])
        #expect(try writtenIntegers(files[0].bytes, "id") == [1, 3])
    }

    @Test func `values at the ends of their types are spelled`() throws {
        let values: [(Datum, IcebergType)] = [
            (.date(.min), .date), (.date(.max), .date), (.time(0), .time), (.time(86_399_999_999), .time),
            (.timestamp(.min), .timestamp), (.timestamp(.max), .timestamp), (.timestamptz(.min), .timestamptz),
            (.timestampNanos(.min), .timestampNanos), (.timestampNanos(.max), .timestampNanos),
            (.timestamptzNanos(.max), .timestamptzNanos), (.long(.min), .long), (.double(-.infinity), .double),
            (.float(.greatestFiniteMagnitude), .float), (.double(.leastNonzeroMagnitude), .double),
            (
                .decimal(unscaled: -99_999_999_999_999_999_999_999_999_999_999_999_999, scale: 38),
                .decimal(precision: 38, scale: 38)
            ),
        ]
        for (value, type) in values {
            let vector = try ColumnVector.repeating(value, .required(1, "v", type), count: 1)
            var text: [UInt8] = []
            ColumnBatch(unchecked: [vector], rowCount: 1).appendJSONLines(to: &text)
            _ = try JSONValue.parse(Array(text.dropLast()))
            #expect(!value.humanString.isEmpty && !value.json.serializedString().isEmpty)
        }
    }
}
