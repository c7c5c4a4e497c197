import ParquetFormat
import Testing

@Suite struct SummaryTests {
    static func column(_ node: SchemaNode, _ groups: [ColumnValues]) throws -> (ColumnSummary, ParquetReader) {
        let schema = try ParquetSchema(fields: [node])
        var writer = try ParquetWriter(schema: schema)
        for values in groups {
            try writer.appendRowGroup([LeafColumn(schema.leaves[0], values: values)], rowCount: values.count)
        }
        let file = try writer.finish()
        return (file.summary.columns[0], try ParquetReader(file.bytes))
    }

    static func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }

    @Test func `numbers are compared over row groups, with their sign`() throws {
        let (summary, reader) = try Self.column(.primitive("n", .int32), [.int32([5, -7]), .int32([3, 900])])
        #expect(summary.min == ColumnBound(bytes: Self.bytes(Int32(-7)), isExact: true))
        #expect(summary.max == ColumnBound(bytes: Self.bytes(Int32(900)), isExact: true))
        #expect(summary.valueCount == 4)
        #expect(summary.nullCount == 0)
        #expect(reader.metadata.rowGroups[1].columns[0].statistics?.min?.bytes == Self.bytes(Int32(3)))
    }

    @Test func `unsigned numbers are compared without a sign`() throws {
        let node = SchemaNode.primitive("n", .int32, logical: .integer(bitWidth: 32, isSigned: false))
        let (summary, _) = try Self.column(node, [.int32([5, -7])])
        #expect(summary.min?.bytes == Self.bytes(Int32(5)))
        #expect(summary.max?.bytes == Self.bytes(Int32(-7)))
    }

    @Test func `NaNs are counted and never bounds, and zeros enclose both signs`() throws {
        let (summary, _) = try Self.column(.primitive("x", .double), [.double([.nan, 0.0]), .double([.nan, -0.0])])
        #expect(summary.nanCount == 2)
        #expect(summary.min?.bytes == Self.bytes(-0.0))
        #expect(summary.max?.bytes == Self.bytes(0.0))
        let (onlyNaN, _) = try Self.column(.primitive("x", .float), [.float([.nan])])
        #expect(onlyNaN.min == nil)
        #expect(onlyNaN.nanCount == 1)
    }

    @Test func `text is compared as unsigned bytes`() throws {
        let (summary, _) = try Self.column(.string("s"), [.byteArray(ByteArrayColumn(utf8: ["é", "a", "ab", ""]))])
        #expect(summary.min?.bytes == [])
        #expect(summary.max?.bytes == Array("é".utf8))
    }

    @Test func `a long maximum is cut between characters and raised`() throws {
        let long = String(repeating: "a", count: 255) + "éz"
        let (summary, reader) = try Self.column(.string("s"), [.byteArray(ByteArrayColumn(utf8: [long]))])
        #expect(summary.min == ColumnBound(bytes: [UInt8](repeating: 97, count: 255), isExact: false))
        #expect(
            summary.max == ColumnBound(bytes: [UInt8](repeating: 97, count: 254) + [98], isExact: false))
        let statistics = reader.metadata.rowGroups[0].columns[0].statistics
        #expect(statistics?.max?.bytes == [UInt8](repeating: 97, count: 63) + [98])
        #expect(statistics?.max?.isExact == false)
    }

    @Test func `a maximum that cannot be raised is left out`() throws {
        let bytes = ByteArrayColumn([[UInt8](repeating: 0xFF, count: 300)])
        let (summary, _) = try Self.column(.primitive("b", .byteArray), [.byteArray(bytes)])
        #expect(summary.max == nil)
        #expect(summary.min?.bytes == [UInt8](repeating: 0xFF, count: 256))
    }

    @Test func `decimals in bytes are compared as signed numbers`() throws {
        let node = SchemaNode.primitive(
            "d", .fixedLengthByteArray(width: 2), logical: .decimal(precision: 4, scale: 0))
        let values = try FixedLengthByteArrayColumn(width: 2, bytes: [0x00, 0x05, 0xFF, 0xFB, 0x01, 0x00])
        let (summary, _) = try Self.column(node, [.fixedLengthByteArray(values)])
        #expect(summary.min?.bytes == [0xFF, 0xFB])
        #expect(summary.max?.bytes == [0x01, 0x00])
    }

    @Test func `nulls, empty lists and sizes are counted per leaf`() throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 11), variety: 20)
        let groups = [random.rows(schema, count: 200), random.rows(schema, count: 100)]
        let file = try write(groups, schema)
        let metadata = try ParquetReader(file.bytes).metadata
        #expect(file.summary.rowCount == 300)
        #expect(file.summary.fileSizeBytes == Int64(file.bytes.count))
        #expect(file.summary.splitOffsets == metadata.rowGroups.map { $0.columns[0].startOffset })
        for (index, column) in file.summary.columns.enumerated() {
            #expect(column.leaf == schema.leaves[index])
            #expect(column.valueCount == Int64(groups.reduce(0) { $0 + $1.columns[index].levelCount }))
            #expect(column.nullCount == Int64(groups.reduce(0) { $0 + $1.columns[index].nullCount }))
            #expect(
                column.compressedBytes == metadata.rowGroups.reduce(0) { $0 + $1.columns[index].totalCompressedSize })
        }
    }

    @Test func `few distinct values make a dictionary, many do not`() throws {
        let few = ColumnValues.byteArray(ByteArrayColumn(utf8: (0..<5000).map { "value \($0 % 10)" }))
        let many = ColumnValues.byteArray(ByteArrayColumn(utf8: (0..<5000).map { "value \($0)" }))
        let (_, fewReader) = try Self.column(.string("s"), [few])
        let (_, manyReader) = try Self.column(.string("s"), [many])
        #expect(fewReader.metadata.rowGroups[0].columns[0].dictionaryPageOffset == 4)
        #expect(manyReader.metadata.rowGroups[0].columns[0].dictionaryPageOffset == nil)
    }

    @Test(
        arguments: [
            (.int96, nil), (.fixedLengthByteArray(width: 12), .interval), (.fixedLengthByteArray(width: 2), .float16),
            (.byteArray, .geometry(crs: nil)), (.byteArray, .geography(crs: nil, algorithm: nil)),
        ] as [(PhysicalType, LogicalType?)])
    func `types without an order have no bounds`(type: PhysicalType, logical: LogicalType?) throws {
        let values: ColumnValues =
            switch type {
            case .int96: .int96([Int96(low: 1, middle: 2, high: 3)])
            case .byteArray: .byteArray(ByteArrayColumn(utf8: ["point"]))
            case .fixedLengthByteArray(let width):
                .fixedLengthByteArray(
                    try FixedLengthByteArrayColumn(width: width, bytes: [UInt8](repeating: 1, count: width)))
            default: ColumnValues(type)
            }
        let (summary, reader) = try Self.column(.primitive("v", type, logical: logical), [values])
        let chunk = reader.metadata.rowGroups[0].columns[0]
        #expect(summary.min == nil && summary.max == nil)
        #expect(chunk.statistics?.min == nil && chunk.statistics?.max == nil)
        #expect(chunk.statistics?.nullCount == 0)
        #expect(chunk.columnIndexOffset == nil)
        #expect(chunk.offsetIndexOffset != nil)
    }

    @Test func `distinct values are counted where a dictionary holds them all`() throws {
        let few = ColumnValues.byteArray(ByteArrayColumn(utf8: (0..<5000).map { "value \($0 % 10)" }))
        let (_, dictionary) = try Self.column(.string("s"), [few])
        #expect(dictionary.metadata.rowGroups[0].columns[0].statistics?.distinctCount == 10)
        let zeros = ColumnValues.double((0..<5000).map { $0 % 2 == 0 ? 0.0 : -0.0 })
        let (_, floats) = try Self.column(.primitive("x", .double), [zeros])
        #expect(floats.metadata.rowGroups[0].columns[0].statistics?.distinctCount == nil)
    }
}
