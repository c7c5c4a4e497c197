import IcebergSpec
import JSONFormat
import Testing

@testable import IcebergData

/// Columns are assembled to what a recursive writer took apart value by value.
@Suite struct `Assembling nested columns` {
    @Test(arguments: 1...60) func `rows of a random schema are read as they were written`(seed: UInt64) async throws {
        var source = RandomRows(seed: seed)
        let fields = source.fields(1 + source.below(5))
        let rows = (0..<(1 + source.below(120))).map { _ in source.row(fields) }
        let table = StoredTable()
        let file = try await table.write("a.parquet", fields, rows)
        let found = try await table.read(file, as: fields)
        #expect(found == rows)
    }

    @Test(arguments: 1...40) func `any rows of a batch can be picked`(seed: UInt64) async throws {
        var source = RandomRows(seed: seed + 1000)
        let fields = source.fields(3)
        let rows = (0..<30).map { _ in source.row(fields) }
        let table = StoredTable()
        let file = try await table.write("a.parquet", fields, rows)
        let parquet = try await StoredParquetFile(file.path, size: file.fileSizeBytes, store: table.store)
        let batch = try await BatchReader(parquet, fields: fields, names: nil).batch(rowGroup: 0)
        let picked = (0..<source.below(40)).map { _ in UInt32(source.below(30)) }
        let gathered = batch.gather(rows: picked)
        #expect((0..<gathered.rowCount).map { gathered.row($0) } == picked.map { rows[Int($0)] })
        #expect(batch.prefix(7).rowCount == 7)
    }

    @Test(arguments: 1...20) func `columns of a batch are picked in any order`(seed: UInt64) async throws {
        var source = RandomRows(seed: seed + 3000)
        let fields = source.fields(4)
        let rows = (0..<20).map { _ in source.row(fields) }
        let table = StoredTable()
        let file = try await table.write("a.parquet", fields, rows)
        let parquet = try await StoredParquetFile(file.path, size: file.fileSizeBytes, store: table.store)
        let batch = try await BatchReader(parquet, fields: fields, names: nil).batch(rowGroup: 0)
        let kept = fields.indices.filter { _ in source.chance(60) }.reversed()
        let picked = try batch.selecting(ids: kept.map { fields[$0].id })
        #expect((0..<picked.rowCount).map { picked.row($0) } == rows.map { row in kept.map { row[$0] } })
        #expect(throws: DataError.self) { try batch.selecting(ids: [fields[0].id, 1 << 20]) }
    }

    @Test(arguments: 1...40) func `a column left out does not change the others`(seed: UInt64) async throws {
        var source = RandomRows(seed: seed + 2000)
        let fields = source.fields(5)
        let rows = (0..<25).map { _ in source.row(fields) }
        let table = StoredTable()
        let file = try await table.write("a.parquet", fields, rows)
        let kept = fields.indices.filter { _ in source.chance(50) }.reversed()
        let found = try await table.read(file, as: kept.map { fields[$0] })
        #expect(found == rows.map { row in kept.map { row[$0] } })
    }

    @Test func `JSON lines spell every type`() async throws {
        let fields: [NestedField] = [
            .required(1, "id", .long), .optional(2, "price", .decimal(precision: 9, scale: 2)),
            .optional(3, "at", .timestamptz), .optional(4, "raw", .binary),
            .optional(5, "ratio", .double), .optional(6, "tags", .list(elementID: 7, .string)),
            .optional(8, "counts", .map(keyID: 9, .string, valueID: 10, .int)),
            .optional(11, "place", .structure([.optional(12, "city \"x\"", .string)])),
        ]
        let table = StoredTable()
        let file = try await table.write(
            "a.parquet", fields,
            [
                [
                    .primitive(.long(1)), .primitive(.decimal(unscaled: 1250, scale: 2)),
                    .primitive(.timestamptz(1_700_000_000_000_000)), .primitive(.binary([0xCA, 0xFE])),
                    .primitive(.double(.nan)), .list([.primitive(.string("a\n")), .null]),
                    .map([.init(key: .primitive(.string("k")), value: .primitive(.int(7)))]),
                    .structure([.primitive(.string("Köln"))]),
                ], [.primitive(.long(-2)), .null, .null, .null, .primitive(.double(0.1)), .list([]), .map([]), .null],
            ])
        let parquet = try await StoredParquetFile(file.path, size: file.fileSizeBytes, store: table.store)
        let batch = try await BatchReader(parquet, fields: fields, names: nil).batch(rowGroup: 0)
        var text: [UInt8] = []
        batch.appendJSONLines(to: &text)
        #expect(
            String(decoding: text, as: UTF8.self) == #"""
                {"id":1,"price":"12.50","at":"2023-11-14T22:13:20.000000+00:00","raw":"cafe","ratio":"NaN","tags":["a\n",null],"counts":{"keys":["k"],"values":[7]},"place":{"city \"x\"":"Köln"}}
                {"id":-2,"price":null,"at":null,"raw":null,"ratio":0.1,"tags":[],"counts":{"keys":[],"values":[]},"place":null}

                """#)
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            _ = try JSONValue.parse(String(line))
        }
    }

    @Test func `vectors whose buffers contradict each other are refused`() throws {
        let list = NestedField.optional(1, "l", .list(elementID: 2, .int))
        let element = try ColumnVector(
            field: .optional(2, "element", .int), count: 3, values: .int([1, 2, 3]))
        _ = try ColumnVector(field: list, count: 2, values: .list(offsets: [0, 1, 3], element: element))
        for offsets: [UInt32] in [[0, 1, 2], [1, 1, 3], [0, 4, 3], [0, 3]] {
            #expect(throws: DataError.self) {
                try ColumnVector(field: list, count: 2, values: .list(offsets: offsets, element: element))
            }
        }
        #expect(throws: DataError.self) {
            try ColumnVector(field: .optional(2, "x", .long), count: 3, values: .int([1, 2, 3]))
        }
        #expect(throws: DataError.self) {
            try ColumnVector(field: .optional(2, "x", .int), count: 3, validity: [true], values: .int([1, 2, 3]))
        }
    }
}
