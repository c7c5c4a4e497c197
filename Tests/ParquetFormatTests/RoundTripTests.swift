import ParquetFormat
import Testing

@Suite struct RoundTripTests {
    static let codecs: [ParquetCodec] = [.uncompressed, .snappy, .gzip(level: 6), .zstd(level: 1), .zstd(level: 19)]

    @Test(arguments: codecs, [3, 1_000_000] as [UInt64])
    func `every type comes back as it was written`(codec: ParquetCodec, variety: UInt64) throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: variety), variety: variety)
        let groups = [random.rows(schema, count: 700), random.rows(schema, count: 1), random.rows(schema, count: 333)]
        var options = ParquetWriterOptions(codec: codec)
        options.pageRows = 100
        options.pageChecksums = true
        let reader = try ParquetReader(try write(groups, schema, options).bytes)
        #expect(reader.schema == schema)
        #expect(reader.metadata.rowGroups.map(\.rowCount) == [700, 1, 333])
        for (index, group) in groups.enumerated() { #expect(try reader.rowGroup(index) == group) }
    }

    @Test(arguments: 1...25)
    func `random rows, page sizes and varieties come back`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let schema = try everyTypeSchema()
        var options = ParquetWriterOptions(codec: Self.codecs.randomElement(using: &generator) ?? .snappy)
        options.pageRows = Int.random(in: 1...300, using: &generator)
        options.pageBytes = Int.random(in: 1...3000, using: &generator)
        options.dictionary = Bool.random(using: &generator)
        options.dictionaryBytesMax = Int.random(in: 0...2000, using: &generator)
        options.pageIndex = Bool.random(using: &generator)
        let variety = UInt64.random(in: 1...400, using: &generator)
        let nullChance: Double = [0, 0.1, 0.9, 1].randomElement(using: &generator) ?? 0
        let count = Int.random(in: 0...600, using: &generator)
        var random = RandomRows(generator: generator, variety: variety, nullChance: nullChance)
        let rows = random.rows(schema, count: count)
        let reader = try ParquetReader(try write([rows], schema, options).bytes)
        #expect(reader.metadata.rowCount == Int64(count))
        #expect(reader.metadata.rowGroups.count == (count == 0 ? 0 : 1))
        if count > 0 { #expect(try reader.rowGroup(0) == rows) }
    }

    @Test func `rows appended one by one close row groups at the row limit`() throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 5), variety: 10)
        let rows = random.rows(schema, count: 250)
        var options = ParquetWriterOptions()
        options.rowGroupRows = 100
        var writer = try ParquetWriter(schema: schema, options: options)
        for row in 0..<50 { try writer.append(rows.slice(rows: row..<(row + 1))) }
        try writer.append(rows.slice(rows: 50..<250))
        let reader = try ParquetReader(try writer.finish().bytes)
        #expect(reader.metadata.rowGroups.map(\.rowCount) == [100, 100, 50])
        #expect(try reader.rowGroup(1) == rows.slice(rows: 100..<200))
    }

    @Test func `many rows appended at once are cut into row groups by their bytes`() throws {
        let schema = try ParquetSchema(fields: [.primitive("n", .int64, .required), .string("s", .required)])
        let columns = [
            LeafColumn(schema.leaves[0], values: .int64((0..<10_000).map { $0 })),
            LeafColumn(
                schema.leaves[1],
                values: .byteArray(ByteArrayColumn(utf8: (0..<10_000).map { "text \(1000 + $0 % 9)" }))),
        ]
        var options = ParquetWriterOptions()
        // A row takes 8 bytes, 9 bytes of text and an offset of 4.
        options.rowGroupBytes = 21_000
        var writer = try ParquetWriter(schema: schema, options: options)
        try writer.append(RowGroup(columns: columns, rowCount: 10_000))
        let reader = try ParquetReader(try writer.finish().bytes)
        let counts = reader.metadata.rowGroups.map(\.rowCount)
        #expect(counts.reduce(0, +) == 10_000)
        #expect(counts.dropLast().allSatisfy { (950...1000).contains($0) })
        #expect(try reader.rowGroup(1).columns[0].values.int64s?.first == counts[0])
    }

    @Test func `drained pieces are the file in order`() throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 6), variety: 10)
        let groups = (0..<3).map { _ in random.rows(schema, count: 100) }
        var writer = try ParquetWriter(schema: schema)
        var pieces: [UInt8] = []
        for group in groups {
            try writer.appendRowGroup(group.columns, rowCount: group.rowCount)
            pieces += writer.drain()
        }
        let last = try writer.finish()
        #expect(last.summary.fileSizeBytes == Int64(pieces.count + last.bytes.count))
        #expect(try pieces + last.bytes == write(groups, schema).bytes)
    }

    @Test func `a drained writer holds no more than one row group`() throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 8), variety: 1_000_000)
        var options = ParquetWriterOptions(codec: .uncompressed)
        options.rowGroupRows = 500
        options.pageIndex = false
        var writer = try ParquetWriter(schema: schema, options: options)
        var drained: [Int] = []
        for _ in 0..<40 {
            try writer.append(random.rows(schema, count: 100))
            drained.append(writer.drain().count)
            #expect(writer.finishedByteCount == 0)
        }
        #expect(writer.openByteCount < 100)
        let largest = try #require(drained.max())
        #expect(drained.filter { $0 > 4 }.count == 8)
        #expect(drained.reduce(0, +) > 7 * largest)
        // What remains is the footer.
        #expect(try writer.finish().bytes.count < largest)
    }

    @Test func `an optional column may leave out its levels when nothing is null`() throws {
        let schema = try ParquetSchema(fields: [.primitive("n", .int32, .optional)])
        let column = LeafColumn(schema.leaves[0], values: .int32([1, 2, 3]))
        var writer = try ParquetWriter(schema: schema)
        try writer.appendRowGroup([column], rowCount: 3)
        let back = try ParquetReader(try writer.finish().bytes).column(rowGroup: 0, leaf: 0)
        #expect(back == column)
        #expect(back.definitionLevels.isEmpty, "read as it was written")
    }

    @Test func `a chunk is decoded from its own bytes alone`() throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 7), variety: 10)
        let rows = random.rows(schema, count: 300)
        let file = try write([rows], schema).bytes
        let length = try FileMetadata.footerLength(tail: file.suffix(8))
        let metadata = try FileMetadata(footer: Array(file.dropLast(8).suffix(length)))
        for leaf in schema.leaves.indices {
            let range = try metadata.columnChunkRange(rowGroup: 0, leaf: leaf)
            let chunk = Array(file[Int(range.lowerBound)..<Int(range.upperBound)])
            #expect(try metadata.decode(chunk, rowGroup: 0, leaf: leaf) == rows.columns[leaf])
        }
    }

    @Test func `logical types and metadata survive`() throws {
        let types: [(PhysicalType, LogicalType)] = [
            (.byteArray, .string), (.byteArray, .enumeration), (.byteArray, .json), (.byteArray, .bson),
            (.fixedLengthByteArray(width: 16), .uuid), (.int32, .date),
            (.int32, .time(unit: .milliseconds, isAdjustedToUTC: true)),
            (.int64, .time(unit: .microseconds, isAdjustedToUTC: false)),
            (.int64, .timestamp(unit: .milliseconds, isAdjustedToUTC: true)),
            (.int64, .timestamp(unit: .microseconds, isAdjustedToUTC: false)),
            (.int64, .timestamp(unit: .nanoseconds, isAdjustedToUTC: true)),
            (.int32, .decimal(precision: 9, scale: 2)), (.int64, .integer(bitWidth: 64, isSigned: false)),
            (.int32, .integer(bitWidth: 8, isSigned: true)), (.fixedLengthByteArray(width: 2), .float16),
            (.fixedLengthByteArray(width: 12), .interval), (.int32, .unknown), (.byteArray, .geometry(crs: nil)),
            (.byteArray, .geometry(crs: "EPSG:25832")), (.byteArray, .geography(crs: nil, algorithm: nil)),
            (.byteArray, .geography(crs: "OGC:CRS84", algorithm: .karney)),
        ]
        let fields = types.enumerated().map { index, type in
            SchemaNode.primitive("c\(index)", type.0, .optional, logical: type.1, fieldID: Int32(index) + 100)
        }
        let schema = try ParquetSchema(fields: fields)
        var options = ParquetWriterOptions()
        options.keyValueMetadata = [ParquetKeyValue(key: "a", value: "b"), ParquetKeyValue(key: "c", value: nil)]
        options.sortingColumns = [SortingColumn(leafIndex: 5, isDescending: true, nullsFirst: false)]
        var writer = try ParquetWriter(schema: schema, options: options)
        var rows = RowGroup(schema)
        for index in rows.columns.indices { rows.columns[index].appendNull() }
        try writer.appendRowGroup(rows.columns, rowCount: 1)
        let metadata = try ParquetReader(try writer.finish().bytes).metadata
        #expect(metadata.schema == schema)
        #expect(metadata.keyValueMetadata == options.keyValueMetadata)
        #expect(metadata.rowGroups[0].sortingColumns == options.sortingColumns)
        #expect(metadata.createdBy == options.createdBy)
    }
}
