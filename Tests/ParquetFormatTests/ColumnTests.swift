import ParquetFormat
import Testing

@Suite struct ColumnTests {
    static func rows(seed: UInt64, count: Int) throws -> RowGroup {
        var random = RandomRows(generator: SeededGenerator(seed: seed), variety: 50)
        return random.rows(try everyTypeSchema(), count: count)
    }

    @Test(arguments: 1...5)
    func `slices appended again are the whole`(seed: UInt64) throws {
        let rows = try Self.rows(seed: seed, count: 100)
        var joined = RowGroup(try everyTypeSchema())
        for start in stride(from: 0, to: 100, by: 7) {
            joined.append(rows.slice(rows: start..<min(start + 7, 100)))
        }
        #expect(joined == rows)
    }

    @Test(arguments: 1...5)
    func `gathering a permutation and its inverse gives the rows back`(seed: UInt64) throws {
        let rows = try Self.rows(seed: seed, count: 100)
        var generator = SeededGenerator(seed: seed)
        let permutation = (0..<100).map(UInt32.init).shuffled(using: &generator)
        var inverse = [UInt32](repeating: 0, count: 100)
        for (position, row) in permutation.enumerated() { inverse[Int(row)] = UInt32(position) }
        let gathered = rows.gather(rows: permutation)
        #expect(gathered.gather(rows: inverse) == rows)
        for position in [0, 50, 99] {
            let row = Int(permutation[position])
            #expect(gathered.slice(rows: position..<(position + 1)) == rows.slice(rows: row..<(row + 1)))
        }
    }

    @Test func `nulls appended after implicit levels keep the values before them`() throws {
        let leaf = try ParquetSchema(fields: [.string("s")]).leaves[0]
        var column = LeafColumn(leaf, values: .byteArray(ByteArrayColumn(utf8: ["a", "b"])))
        column.appendNull()
        column.append(utf8: "c")
        #expect(column.definitionLevels == [1, 1, 0, 1])
        var other = LeafColumn(leaf, values: .byteArray(ByteArrayColumn(utf8: ["x"])))
        other.append(column)
        #expect(other.definitionLevels == [1, 1, 1, 0, 1])
        #expect(other.rowCount == 5)
        #expect(other.nullCount == 1)
    }

    @Test(
        arguments: [
            ([], [0]), ([1, 1], []), ([0, 2], [0]), ([0, 2, 1, 1], [9]), ([0, 2], [1, 2, 3]),
        ] as [([UInt32], [UInt8])])
    func `offsets that do not partition the bytes are refused`(offsets: [UInt32], bytes: [UInt8]) {
        #expect(throws: ParquetError.self) { try ByteArrayColumn(offsets: offsets, bytes: bytes) }
    }

    @Test func `columns that contradict the schema are refused and nothing is written`() throws {
        let schema = try ParquetSchema(fields: [
            .primitive("n", .int32, .required), .string("s"), .list("l", element: .primitive("e", .int64)),
        ])
        let good = [
            LeafColumn(schema.leaves[0], values: .int32([1, 2])),
            LeafColumn(schema.leaves[1], values: .byteArray(ByteArrayColumn(utf8: ["a"])), definitionLevels: [0, 1]),
            LeafColumn(
                schema.leaves[2], values: .int64([5, 6]), definitionLevels: [3, 3, 0], repetitionLevels: [0, 1, 0]),
        ]
        let bad: [[LeafColumn]] = [
            [good[0]],
            [LeafColumn(schema.leaves[0], values: .int64([1, 2])), good[1], good[2]],
            [LeafColumn(schema.leaves[0], values: .int32([1])), good[1], good[2]],
            [good[0], good[0], good[2]],
            [good[0], LeafColumn(schema.leaves[1], values: good[1].values, definitionLevels: [1, 1]), good[2]],
            [good[0], LeafColumn(schema.leaves[1], values: good[1].values, definitionLevels: [1, 2]), good[2]],
            [
                good[0], good[1],
                LeafColumn(
                    schema.leaves[2], values: good[2].values, definitionLevels: [3, 3, 0], repetitionLevels: [1, 0, 0]),
            ],
            [
                good[0], good[1],
                LeafColumn(
                    schema.leaves[2], values: good[2].values, definitionLevels: [3, 3, 0], repetitionLevels: [0, 2, 0]),
            ],
            [good[0], good[1], LeafColumn(schema.leaves[2], values: good[2].values)],
        ]
        var writer = try ParquetWriter(schema: schema)
        for columns in bad {
            #expect(throws: ParquetError.self) { try writer.appendRowGroup(columns, rowCount: 2) }
        }
        try writer.appendRowGroup(good, rowCount: 2)
        #expect(try ParquetReader(try writer.finish().bytes).metadata.rowCount == 2)
    }
}
