import ParquetFormat
import Testing

/// What the writer can be asked for, read again.
@Suite struct EncodingTests {
    struct Layout: CustomTestStringConvertible {
        var encoding: ParquetEncoding
        var version: ParquetDataPageVersion
        var codec: ParquetCodec

        var testDescription: String { "\(encoding), \(version), \(codec)" }
    }

    static let codecs: [ParquetCodec] = [
        .uncompressed, .snappy, .gzip(level: 1), .zstd(level: 1), .lz4Raw, .brotli(level: 1),
    ]

    static let layouts: [Layout] = ParquetEncoding.allCases.flatMap { encoding in
        [ParquetDataPageVersion.v1, .v2].flatMap { version in
            codecs.map { Layout(encoding: encoding, version: version, codec: $0) }
        }
    }

    static func options(_ layout: Layout, _ schema: ParquetSchema) -> ParquetWriterOptions {
        var options = ParquetWriterOptions(codec: layout.codec)
        options.dataPageVersion = layout.version
        options.pageRows = 100
        options.pageChecksums = true
        for leaf in schema.leaves where layout.encoding.fits(leaf.physicalType) {
            options.columns[leaf.name] = ParquetColumnOptions(encoding: layout.encoding)
        }
        return options
    }

    @Test(arguments: layouts)
    func `every type comes back in every encoding, page version and codec`(layout: Layout) throws {
        let schema = try everyTypeSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 1), variety: 40)
        let groups = [random.rows(schema, count: 350), random.rows(schema, count: 1)]
        let reader = try ParquetReader(try write(groups, schema, Self.options(layout, schema)).bytes)
        for (index, group) in groups.enumerated() { #expect(try reader.rowGroup(index) == group) }
        for leaf in schema.leaves where layout.encoding.fits(leaf.physicalType) && layout.encoding != .dictionary {
            let encodings = reader.metadata.rowGroups[0].columns[leaf.index].encodings
            #expect(encodings.contains(Self.thriftCode(layout.encoding)), "\(leaf.name)")
        }
    }

    private static func thriftCode(_ encoding: ParquetEncoding) -> Int32 {
        switch encoding {
        case .plain: 0
        case .rle: 3
        case .deltaBinaryPacked: 5
        case .deltaLengthByteArray: 6
        case .deltaByteArray: 7
        case .dictionary: 8
        case .byteStreamSplit: 9
        }
    }

    @Test(arguments: 1...20)
    func `random rows come back in the compact profile`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let schema = try everyTypeSchema()
        var options = ParquetWriterOptions(codec: Self.codecs.randomElement(using: &generator) ?? .snappy)
        options.profile = .compact
        options.dataPageVersion = Bool.random(using: &generator) ? .v1 : .v2
        options.pageRows = Int.random(in: 1...300, using: &generator)
        options.pageBytes = Int.random(in: 1...3000, using: &generator)
        options.sizeStatistics = Bool.random(using: &generator)
        let nullChance: Double = [0, 0.1, 0.9, 1].randomElement(using: &generator) ?? 0
        let variety = UInt64.random(in: 1...400, using: &generator)
        let count = Int.random(in: 1...600, using: &generator)
        var random = RandomRows(generator: generator, variety: variety, nullChance: nullChance)
        let rows = random.rows(schema, count: count)
        #expect(try ParquetReader(try write([rows], schema, options).bytes).rowGroup(0) == rows)
    }

    // MARK: - Values at the edges

    static let counts = [0, 1, 2, 8, 31, 32, 33, 34, 127, 128, 129, 130, 257, 1000]

    @Test(arguments: counts)
    func `differences of the widest integers wrap and come back`(count: Int) throws {
        let edges: [Int64] = [.min, .max, 0, -1, 1, .max, .min, .min, 7, 7, 7]
        let wide = (0..<count).map { edges[$0 % edges.count] }
        let narrow = wide.map { $0 == .min ? Int32.min : ($0 == .max ? Int32.max : Int32($0)) }
        let schema = try ParquetSchema(fields: [
            .primitive("wide", .int64, .required), .primitive("narrow", .int32, .required),
        ])
        try Self.expectBack(schema, [.int64(wide), .int32(narrow)], .deltaBinaryPacked, count)
    }

    @Test(arguments: counts)
    func `differences of every bit width come back`(count: Int) throws {
        // From zero difference to all 64 bits: each block has four widths.
        let wide = (0..<count).map { index in
            Int64(truncatingIfNeeded: UInt64(index) &* 0x9E37_79B9_7F4A_7C15 >> UInt64(index / 16 % 64))
        }
        let schema = try ParquetSchema(fields: [.primitive("wide", .int64, .required)])
        try Self.expectBack(schema, [.int64(wide)], .deltaBinaryPacked, count)
    }

    @Test(arguments: counts, [ParquetEncoding.deltaByteArray, .deltaLengthByteArray])
    func `byte arrays that share beginnings come back`(count: Int, encoding: ParquetEncoding) throws {
        let words = ["", "a", "ab", "a longer beginning than eight bytes", "a longer beginning, and more", "b", ""]
        let column = ByteArrayColumn(utf8: (0..<count).map { words[$0 % words.count] + words[$0 / 7 % words.count] })
        let schema = try ParquetSchema(fields: [.string("s", .required)])
        try Self.expectBack(schema, [.byteArray(column)], encoding, count)
    }

    private static func expectBack(
        _ schema: ParquetSchema, _ values: [ColumnValues], _ encoding: ParquetEncoding, _ count: Int
    ) throws {
        var options = ParquetWriterOptions(codec: .uncompressed)
        for leaf in schema.leaves { options.columns[leaf.name] = ParquetColumnOptions(encoding: encoding) }
        var writer = try ParquetWriter(schema: schema, options: options)
        let columns = zip(schema.leaves, values).map { LeafColumn($0, values: $1) }
        try writer.appendRowGroup(columns, rowCount: count)
        let reader = try ParquetReader(try writer.finish().bytes)
        if count > 0 { #expect(try reader.rowGroup(0).columns == columns) }
    }

    // MARK: - Choices

    @Test func `the compact profile takes the encoding that is smaller`() throws {
        let count = 5000
        let schema = try ParquetSchema(fields: [
            .primitive("clock", .int64, .required), .primitive("ratio", .double, .required),
            .string("path", .required), .primitive("flag", .boolean, .required), .string("kind", .required),
        ])
        var generator = SeededGenerator(seed: 1)
        let columns = zip(
            schema.leaves,
            [
                .int64(
                    (0..<count).map {
                        1_700_000_000_000_000 + Int64($0) * 1000 + Int64.random(in: 0...99, using: &generator)
                    }),
                .double((0..<count).map { _ in Double.random(in: 1...2, using: &generator) }),
                .byteArray(ByteArrayColumn(utf8: (0..<count).map { "/a/long/folder/of/many/files/\(100_000 + $0)" })),
                .boolean((0..<count).map { $0 < 4000 }),
                .byteArray(ByteArrayColumn(utf8: (0..<count).map { "kind \($0 * 7 % 10)" })),
            ] as [ColumnValues]
        ).map { LeafColumn($0, values: $1) }
        var sizes: [Int] = []
        for profile in [ParquetProfile.compatible, .compact] {
            var options = ParquetWriterOptions()
            options.profile = profile
            var writer = try ParquetWriter(schema: schema, options: options)
            try writer.appendRowGroup(columns, rowCount: count)
            let file = try writer.finish()
            sizes.append(file.bytes.count)
            let reader = try ParquetReader(file.bytes)
            #expect(try reader.rowGroup(0).columns == columns)
            let encodings = reader.metadata.rowGroups[0].columns.map(\.encodings)
            #expect(
                encodings
                    == (profile == .compatible
                        ? [[0, 3], [0, 3], [0, 3], [0, 3], [0, 3, 8]] : [[5, 3], [9, 3], [7, 3], [3], [0, 3, 8]]))
        }
        #expect(sizes[1] * 10 < sizes[0] * 9)
    }

    static let refused: [ParquetWriterOptions] = [
        with("s", .rle), with("s", .deltaBinaryPacked), with("n", .deltaLengthByteArray), with("flag", .dictionary),
        with("flag", .byteStreamSplit), ParquetWriterOptions(codec: .zstd(level: 23)),
        ParquetWriterOptions(codec: .gzip(level: 10)), ParquetWriterOptions(codec: .brotli(level: 12)),
        ParquetWriterOptions(codec: .brotli(level: -1)), filtered(ParquetBloomFilterOptions(falsePositiveRate: 0)),
        filtered(ParquetBloomFilterOptions(falsePositiveRate: 1)),
        filtered(ParquetBloomFilterOptions(falsePositiveRate: .nan)),
        filtered(ParquetBloomFilterOptions(bytesMax: 31)),
        filtered(ParquetBloomFilterOptions(bytesMax: 128 << 20 + 1)),
        filtered(ParquetBloomFilterOptions(distinctValues: -1)),
    ]

    private static func with(_ name: String, _ encoding: ParquetEncoding) -> ParquetWriterOptions {
        var options = ParquetWriterOptions()
        options.columns[name] = ParquetColumnOptions(encoding: encoding)
        return options
    }

    private static func filtered(_ filter: ParquetBloomFilterOptions) -> ParquetWriterOptions {
        var options = ParquetWriterOptions()
        options.columns["n"] = ParquetColumnOptions(bloomFilter: filter)
        return options
    }

    @Test(arguments: refused)
    func `options that fit no column are refused`(options: ParquetWriterOptions) throws {
        let schema = try ParquetSchema(fields: [
            .string("s"), .primitive("n", .int32), .primitive("flag", .boolean),
        ])
        let error = #expect(throws: ParquetError.self) {
            _ = try ParquetWriter(schema: schema, options: options)
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `columns inside lists and maps are found by their name in the table too`() throws {
        let schema = try ParquetSchema(fields: [
            .map("m", key: .string("key"), value: .group("value", .optional, fields: [.primitive("n", .int32)])),
            .list("l", element: .list("element", element: .primitive("element", .int64))),
            .group("s", .required, fields: [.string("list")]),
        ])
        #expect(schema.tableNames == ["m.key", "m.value.n", "l.element.element", "s.list"])
        var options = ParquetWriterOptions()
        for name in ["m.key", "m.key_value.value.n", "l.element.element", "s.list"] {
            options.columns[name] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
        }
        var random = RandomRows(generator: SeededGenerator(seed: 1), variety: 40)
        let file = try write([random.rows(schema, count: 100)], schema, options)
        let chunks = try ParquetReader(file.bytes).metadata.rowGroups[0].columns
        #expect(chunks.allSatisfy { $0.bloomFilterOffset != nil })
    }

    @Test func `options of columns that are not in the schema are ignored`() throws {
        let schema = try ParquetSchema(fields: [.string("s")])
        _ = try ParquetWriter(schema: schema, options: Self.with("gone", .rle)).finish()
    }
}
