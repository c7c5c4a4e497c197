import ParquetFormat
import Testing

/// A sort order is recorded only as far as the rows keep it.
@Suite struct SortingTests {
    static let fields: [SchemaNode] = [
        .primitive("a", .int32), .string("b"), .primitive("x", .double),
        .primitive("u", .int32, logical: .integer(bitWidth: 32, isSigned: false)),
        .list("l", element: .primitive("element", .int32)),
    ]

    static func ascending(_ leaf: Int) -> SortingColumn {
        SortingColumn(leafIndex: leaf, isDescending: false, nullsFirst: true)
    }

    static func recorded(
        a: [Int32?], b: [String?], x: [Double]? = nil, u: [Int32]? = nil, claimed: [SortingColumn]
    ) throws -> [SortingColumn] {
        let schema = try ParquetSchema(fields: fields)
        var columns = schema.leaves.map(LeafColumn.init)
        for row in a.indices {
            if let value = a[row] { columns[0].append(value) } else { columns[0].appendNull() }
            if let value = b[row] { columns[1].append(utf8: value) } else { columns[1].appendNull() }
            columns[2].append(x?[row] ?? 0)
            columns[3].append(u?[row] ?? 0)
            columns[4].appendMissing(definition: 0)
        }
        var options = ParquetWriterOptions()
        options.sortingColumns = claimed
        var writer = try ParquetWriter(schema: schema, options: options)
        try writer.appendRowGroup(columns, rowCount: a.count)
        return try ParquetReader(try writer.finish().bytes).metadata.rowGroups[0].sortingColumns
    }

    @Test func `an order that is kept is recorded`() throws {
        let claimed = [Self.ascending(0), SortingColumn(leafIndex: 1, isDescending: true, nullsFirst: false)]
        let recorded = try Self.recorded(
            a: [nil, nil, 1, 1, 1, 2], b: ["z", nil, "c", "c", "b", "x"], claimed: claimed)
        #expect(recorded == claimed)
    }

    @Test func `only the columns that keep it are recorded`() throws {
        let claimed = [Self.ascending(0), Self.ascending(1)]
        #expect(try Self.recorded(a: [1, 1, 2], b: ["b", "a", "c"], claimed: claimed) == [Self.ascending(0)])
        #expect(try Self.recorded(a: [2, 1], b: ["a", "b"], claimed: claimed) == [])
    }

    @Test func `nulls stand where the order says`() throws {
        let last = SortingColumn(leafIndex: 0, isDescending: false, nullsFirst: false)
        #expect(try Self.recorded(a: [1, nil], b: ["", ""], claimed: [last]) == [last])
        #expect(try Self.recorded(a: [1, nil], b: ["", ""], claimed: [Self.ascending(0)]) == [])
        #expect(try Self.recorded(a: [nil, 1], b: ["", ""], claimed: [last]) == [])
        #expect(try Self.recorded(a: [1, nil, 2], b: ["", "", ""], claimed: [last]) == [])
    }

    @Test func `unsigned numbers, NaNs and lists are compared as what they are`() throws {
        let (a, b): ([Int32?], [String?]) = ([0, 0], ["", ""])
        #expect(try Self.recorded(a: a, b: b, u: [5, -1], claimed: [Self.ascending(3)]).count == 1)
        #expect(try Self.recorded(a: a, b: b, u: [-1, 5], claimed: [Self.ascending(3)]).isEmpty)
        #expect(try Self.recorded(a: a, b: b, x: [1, .nan], claimed: [Self.ascending(2)]).isEmpty)
        #expect(try Self.recorded(a: a, b: b, x: [-1, -0.0], claimed: [Self.ascending(2)]).count == 1)
        #expect(try Self.recorded(a: a, b: b, claimed: [Self.ascending(4)]).isEmpty)
    }
}
