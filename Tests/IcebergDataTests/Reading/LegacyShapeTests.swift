import IcebergSpec
import ParquetFormat
import Testing

@testable import IcebergData

/// Files of writers that knew neither field ids nor today's ways to store things.
@Suite struct `Files of old writers` {
    private static func read(
        _ nodes: [SchemaNode], _ columns: (ParquetSchema) -> [LeafColumn], as fields: [NestedField],
        names: NameMapping? = nil, unidentified: UnidentifiedColumns = .absent
    ) async throws -> [[RowValue]] {
        let schema = try ParquetSchema(fields: nodes)
        var writer = try ParquetWriter(schema: schema)
        let made = columns(schema)
        try writer.append(try RowGroup(columns: made, rowCount: made[0].rowCount))
        let table = StoredTable()
        let file = try await table.put("old.parquet", try writer.finish().bytes, recordCount: made[0].rowCount)
        return try await table.read(file, as: fields, names: names, unidentified: unidentified)
    }

    private static func ints(_ numbers: Int32...) -> RowValue { .list(numbers.map { .primitive(.int($0)) }) }

    private static let listField = [NestedField.optional(1, "l", .list(elementID: 2, .int))]

    /// Four rows: [1, 2], [], null, [3].
    private static func listColumn(_ schema: ParquetSchema) -> [LeafColumn] {
        let leaf = schema.leaves[0]
        let present = leaf.maxDefinitionLevel
        return [
            LeafColumn(
                leaf, values: .int32([1, 2, 3]), definitionLevels: [present, present, 1, 0, present],
                repetitionLevels: [0, 1, 0, 0, 0])
        ]
    }

    static let listShapes: [SchemaNode] = [
        .group(
            "l", logical: .list, fieldID: 1,
            fields: [.group("list", .repeated, fields: [.primitive("element", .int32, .required, fieldID: 2)])]),
        .group(
            "l", logical: .list, fieldID: 1,
            fields: [.group("bag", .repeated, fields: [.primitive("array_element", .int32, fieldID: 2)])]),
        .group("l", logical: .list, fieldID: 1, fields: [.primitive("element", .int32, .repeated, fieldID: 2)]),
        .group("l", logical: .list, fieldID: 1, fields: [.primitive("array", .int32, .repeated)]),
    ]

    @Test(arguments: listShapes) func `a list is found in every shape`(node: SchemaNode) async throws {
        let rows = try await Self.read([node], Self.listColumn, as: Self.listField)
        #expect(rows == [[Self.ints(1, 2)], [Self.ints()], [.null], [Self.ints(3)]])
    }

    static let structListShapes: [(SchemaNode)] = [
        .group(
            "l", logical: .list, fieldID: 1,
            fields: [.group("array", .repeated, fieldID: 2, fields: [.primitive("x", .int32, .required, fieldID: 3)])]),
        .group(
            "l", logical: .list, fieldID: 1,
            fields: [.group("l_tuple", .repeated, fieldID: 2, fields: [.primitive("x", .int32, .required, fieldID: 3)])]
        ),
    ]

    @Test(arguments: structListShapes)
    func `a repeated group named for it is the element itself`(node: SchemaNode) async throws {
        let fields = [
            NestedField.optional(1, "l", .list(elementID: 2, .structure([.required(3, "x", .int)])))
        ]
        let rows = try await Self.read([node], Self.listColumn, as: fields)
        let one = RowValue.structure([.primitive(.int(1))])
        #expect(rows[0] == [.list([one, .structure([.primitive(.int(2))])])])
        #expect(rows[1...2] == [[.list([])], [.null]])
    }

    @Test func `a repeated field on its own is a list that is never null`() async throws {
        let rows = try await Self.read(
            [.primitive("l", .int32, .repeated, fieldID: 1)],
            { schema in
                [
                    LeafColumn(
                        schema.leaves[0], values: .int32([1, 2, 3]), definitionLevels: [1, 1, 0, 1],
                        repetitionLevels: [0, 1, 0, 0])
                ]
            }, as: Self.listField)
        #expect(rows == [[Self.ints(1, 2)], [Self.ints()], [Self.ints(3)]])
    }

    @Test(arguments: [LogicalType.map, .mapKeyValue])
    func `maps have any names inside, and may lack values`(logical: LogicalType) async throws {
        let fields = [NestedField.optional(1, "m", .map(keyID: 2, .int, valueID: 3, .int))]
        let key = SchemaNode.primitive("k", .int32, .required, fieldID: 2)
        let value = SchemaNode.primitive("v", .int32, fieldID: 3)
        let node = SchemaNode.group(
            "m", logical: logical, fieldID: 1, fields: [.group("map", .repeated, fields: [key, value])])
        let rows = try await Self.read(
            [node],
            { schema in
                [
                    LeafColumn(
                        schema.leaves[0], values: .int32([1, 2]), definitionLevels: [2, 2, 1],
                        repetitionLevels: [0, 1, 0]),
                    LeafColumn(
                        schema.leaves[1], values: .int32([10]), definitionLevels: [3, 2, 1],
                        repetitionLevels: [0, 1, 0]),
                ]
            }, as: fields)
        #expect(
            rows == [
                [
                    .map([
                        .init(key: .primitive(.int(1)), value: .primitive(.int(10))),
                        .init(key: .primitive(.int(2)), value: .null),
                    ])
                ], [.map([])],
            ])
        let set = SchemaNode.group(
            "m", logical: logical, fieldID: 1, fields: [.group("map", .repeated, fields: [key])])
        let keys = try await Self.read(
            [set],
            { schema in
                [LeafColumn(schema.leaves[0], values: .int32([5]), definitionLevels: [2], repetitionLevels: [0])]
            }, as: fields)
        #expect(keys == [[.map([.init(key: .primitive(.int(5)), value: .null)])]])
    }

    @Test func `columns without ids are found by a name mapping, nested ones too`() async throws {
        let nodes: [SchemaNode] = [
            .primitive("Old Name", .int64),
            .group("s", fields: [.primitive("a.b", .int64)]),
            .list("l", element: .primitive("element", .int64)),
        ]
        let names = try NameMapping(fields: [
            .init(fieldID: 7, names: ["id", "Old Name"]),
            .init(fieldID: 1, names: ["s"], fields: [.init(fieldID: 2, names: ["a.b"])]),
            .init(fieldID: 3, names: ["l"], fields: [.init(fieldID: 4, names: ["element"])]),
        ])
        let columns = { (schema: ParquetSchema) in
            [
                LeafColumn(schema.leaves[0], values: .int64([5])),
                LeafColumn(schema.leaves[1], values: .int64([6]), definitionLevels: [2]),
                LeafColumn(schema.leaves[2], values: .int64([7]), definitionLevels: [3], repetitionLevels: [0]),
            ]
        }
        let fields: [NestedField] = [
            .optional(1, "s", .structure([.optional(2, "b", .long)])), .optional(7, "renamed", .long),
            .optional(3, "l", .list(elementID: 4, .long)), .optional(9, "id", .long),
        ]
        let five = RowValue.primitive(.long(5))
        let seven = RowValue.list([.primitive(.long(7))])
        let rows = try await Self.read(nodes, columns, as: fields, names: names)
        #expect(rows == [[.structure([.primitive(.long(6))]), five, seven, .null]])
        // Without a mapping nothing is known of them, unless the caller says that positions count.
        #expect(try await Self.read(nodes, columns, as: fields) == [[.null, .null, .null, .null]])
        let byPosition: [NestedField] = [
            .optional(1, "first", .long), .optional(2, "second", .structure([.optional(11, "a.b", .long)])),
            .optional(3, "third", .list(elementID: 12, .long)),
        ]
        let positional = try await Self.read(nodes, columns, as: byPosition, unidentified: .byPosition)
        #expect(positional == [[five, .structure([.primitive(.long(6))]), seven]])
    }

    struct Storage: Sendable, CustomTestStringConvertible {
        let name: String
        let node: SchemaNode
        let values: ColumnValues
        let type: IcebergType
        let expected: [Datum]
        var testDescription: String { name }
    }

    private static func fixed(_ width: Int, _ bytes: [UInt8]) -> ColumnValues {
        var column = FixedLengthByteArrayColumn(width: width)
        for start in stride(from: 0, to: bytes.count, by: width) {
            bytes[start..<(start + width)].withUnsafeBytes { column.append($0) }
        }
        return .fixedLengthByteArray(column)
    }

    static let storages: [Storage] = {
        func timestamp(_ unit: LogicalType.TimeUnit) -> LogicalType { .timestamp(unit: unit, isAdjustedToUTC: true) }
        func time(_ unit: LogicalType.TimeUnit) -> LogicalType { .time(unit: unit, isAdjustedToUTC: false) }
        func node(_ type: PhysicalType, _ logical: LogicalType? = nil) -> SchemaNode {
            .primitive("x", type, .required, logical: logical, fieldID: 1)
        }
        let decimal = IcebergType.decimal(precision: 30, scale: 2)
        let stored = LogicalType.decimal(precision: 9, scale: 2)
        let amounts: [Datum] = [.decimal(unscaled: -250, scale: 2), .decimal(unscaled: 7, scale: 2)]
        return [
            Storage(
                name: "milliseconds", node: node(.int64, timestamp(.milliseconds)), values: .int64([-1, 5]),
                type: .timestamptz, expected: [.timestamptz(-1000), .timestamptz(5000)]),
            Storage(
                name: "nanoseconds", node: node(.int64, timestamp(.nanoseconds)), values: .int64([-1, 5999]),
                type: .timestamp, expected: [.timestamp(-1), .timestamp(5)]),
            Storage(
                name: "microseconds as nanoseconds", node: node(.int64, timestamp(.microseconds)), values: .int64([-1]),
                type: .timestamptzNanos, expected: [.timestamptzNanos(-1000)]),
            Storage(
                name: "INT96", node: node(.int96),
                values: .int96([
                    Int96(low: 1_500, middle: 0, high: 2_440_589), Int96(low: 0, middle: 0, high: 2_440_587),
                ]),
                type: .timestamptz, expected: [.timestamptz(86_400_000_001), .timestamptz(-86_400_000_000)]),
            Storage(
                name: "INT96 as nanoseconds", node: node(.int96),
                values: .int96([Int96(low: 1_500, middle: 0, high: 2_440_589)]), type: .timestampNanos,
                expected: [.timestampNanos(86_400_000_001_500)]),
            Storage(
                name: "the last INT96 that fits nanoseconds", node: node(.int96), values: .int96([lastNanosecond()]),
                type: .timestampNanos, expected: [.timestampNanos(.max)]),
            Storage(
                name: "time in milliseconds", node: node(.int32, time(.milliseconds)), values: .int32([1]), type: .time,
                expected: [.time(1000)]),
            Storage(
                name: "time in nanoseconds", node: node(.int64, time(.nanoseconds)), values: .int64([1999]),
                type: .time, expected: [.time(1)]),
            Storage(
                name: "decimal in INT32", node: node(.int32, stored), values: .int32([-250, 7]), type: decimal,
                expected: amounts),
            Storage(
                name: "decimal in INT64", node: node(.int64, stored), values: .int64([-250, 7]), type: decimal,
                expected: amounts),
            Storage(
                name: "decimal in FIXED", node: node(.fixedLengthByteArray(width: 3), stored),
                values: fixed(3, [0xFF, 0xFF, 0x06, 0, 0, 7]), type: decimal, expected: amounts),
            Storage(
                name: "decimal in BYTE_ARRAY", node: node(.byteArray, stored),
                values: .byteArray(
                    ByteArrayColumn([[0xFF, 0x06], [0] + [UInt8](repeating: 0, count: 18) + [7]])), type: decimal,
                expected: amounts),
            Storage(
                name: "unsigned", node: node(.int32, .integer(bitWidth: 32, isSigned: false)), values: .int32([-1]),
                type: .long, expected: [.long(4_294_967_295)]),
            Storage(
                name: "small integer", node: node(.int32, .integer(bitWidth: 8, isSigned: true)), values: .int32([-3]),
                type: .long, expected: [.long(-3)]),
            Storage(
                name: "float", node: node(.float), values: .float([0.5]), type: .double, expected: [.double(0.5)]),
            Storage(
                name: "fixed as binary", node: node(.fixedLengthByteArray(width: 2)), values: fixed(2, [1, 2, 3, 4]),
                type: .binary, expected: [.binary([1, 2]), .binary([3, 4])]),
            Storage(
                name: "enumeration", node: node(.byteArray, .enumeration),
                values: .byteArray(ByteArrayColumn(utf8: ["A"])),
                type: .string, expected: [.string("A")]),
        ]
    }()

    @Test(arguments: storages) func `values come from every storage`(_ storage: Storage) async throws {
        let rows = try await Self.read(
            [storage.node], { [LeafColumn($0.leaves[0], values: storage.values)] },
            as: [.required(1, "x", storage.type)])
        #expect(rows == storage.expected.map { [.primitive($0)] })
    }

    /// 2262-04-11T23:47:16.854775807, and what follows.
    private static func lastNanosecond(plus more: UInt64 = 0) -> Int96 {
        let ofDay = 85_636_854_775_807 + more
        return Int96(low: UInt32(truncatingIfNeeded: ofDay), middle: UInt32(ofDay >> 32), high: 2_440_588 + 106_751)
    }

    @Test(arguments: [1, 192, 193, 1_000_000]) func `an INT96 beyond nanoseconds is an error`(more: UInt64) async throws
    {
        let error = await #expect(throws: DataError.self) {
            try await Self.read(
                [.primitive("x", .int96, .required, fieldID: 1)],
                { [LeafColumn($0.leaves[0], values: .int96([Self.lastNanosecond(plus: more)]))] },
                as: [.required(1, "x", .timestampNanos)])
        }
        #expect(error?.code == .malformed)
    }

    @Test func `a decimal of more than 128 bits is an error`() async throws {
        let error = await #expect(throws: DataError.self) {
            try await Self.read(
                [.primitive("x", .byteArray, .required, logical: .decimal(precision: 38, scale: 0), fieldID: 1)],
                { [LeafColumn($0.leaves[0], values: .byteArray(ByteArrayColumn([[UInt8](repeating: 1, count: 17)])))] },
                as: [.required(1, "x", .decimal(precision: 38, scale: 0))])
        }
        #expect(error?.code == .malformed)
        #expect(error?.place == "s3://lake/old.parquet, row group 0, column x")
    }

    @Test func `a variant is carried as its two binaries, a shredded one is refused`() async throws {
        let parts: [SchemaNode] = [
            .primitive("metadata", .byteArray, .required), .primitive("value", .byteArray, .required),
        ]
        let columns = { (schema: ParquetSchema) in
            schema.leaves.enumerated().map { index, leaf in
                LeafColumn(leaf, values: .byteArray(ByteArrayColumn([[UInt8(index)]])), definitionLevels: [1, 0])
            }
        }
        let fields = [NestedField.optional(1, "v", .variant)]
        let node = SchemaNode.group("v", logical: .variant(version: 1), fieldID: 1, fields: parts)
        let rows = try await Self.read([node], columns, as: fields)
        #expect(rows == [[.structure([.primitive(.binary([0])), .primitive(.binary([1]))])], [.null]])
        let shredded = SchemaNode.group(
            "v", logical: .variant(version: 1), fieldID: 1,
            fields: parts + [.primitive("typed_value", .byteArray, .required)])
        let error = await #expect(throws: DataError.self) { try await Self.read([shredded], columns, as: fields) }
        #expect(error?.code == .unsupported)
    }
}
