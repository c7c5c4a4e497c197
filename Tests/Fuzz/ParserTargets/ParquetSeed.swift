import ParquetFormat

/// Files of a dozen rows with a column of every physical type that is written, a map and a list.
enum ParquetSeed {
    static func schema() throws -> ParquetSchema {
        try ParquetSchema(fields: [
            .primitive("flag", .boolean, .optional, fieldID: 1), .primitive("n", .int32, .required, fieldID: 2),
            .primitive(
                "time", .int64, .optional, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: true), fieldID: 3),
            .primitive("ratio", .float, .optional), .primitive("amount", .double, .required),
            .string("text", .optional), .primitive("uuid", .fixedLengthByteArray(width: 4), .optional),
            .map("m", .optional, key: .string("key", .required), value: .string("value", .optional)),
            .list("l", .optional, element: .primitive("element", .int64, .optional)),
        ])
    }

    /// - Parameter variety: how many values there are to choose from: few make dictionaries, many do not.
    static func rows(_ schema: ParquetSchema, count: Int, variety: UInt64) throws -> RowGroup {
        let columns = schema.leaves.enumerated().map { index, leaf in
            var generator = SeededGenerator(UInt64(index))
            // The leaves of a map agree in where its entries begin.
            let isRepeated = leaf.maxRepetitionLevel > 0
            var column = LeafColumn(leaf)
            for row in 0..<count {
                if row % 4 == 1 && leaf.maxDefinitionLevel > 0 {
                    isRepeated ? column.appendMissing(definition: 0) : column.appendNull()
                    continue
                }
                for item in 0..<(isRepeated ? 1 + row % 3 : 1) {
                    append(generator.next() % variety, leaf, item == 0 ? 0 : 1, to: &column)
                }
            }
            return column
        }
        return try RowGroup(columns: columns, rowCount: count)
    }

    private static func append(_ number: UInt64, _ leaf: SchemaLeaf, _ repetition: UInt8, to column: inout LeafColumn) {
        switch leaf.physicalType {
        case .boolean: column.append(number & 1 == 1, repetition: repetition)
        case .int32: column.append(Int32(truncatingIfNeeded: number), repetition: repetition)
        case .int64: column.append(Int64(bitPattern: number), repetition: repetition)
        case .float: column.append(Float(number), repetition: repetition)
        case .double: column.append(Double(number), repetition: repetition)
        case .byteArray: column.append(utf8: "text \(number)", repetition: repetition)
        case .fixedLengthByteArray(let width):
            column.append((0..<width).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }, repetition: repetition)
        case .int96: preconditionFailure("int96 is read only")
        }
    }

    static func file(
        _ options: ParquetWriterOptions, rows count: Int = 12, variety: UInt64 = 4
    ) throws -> [UInt8] {
        let schema = try schema()
        var writer = try ParquetWriter(schema: schema, options: options)
        let group = try rows(schema, count: count, variety: variety)
        try writer.appendRowGroup(group.columns, rowCount: count)
        return try writer.finish().bytes
    }

    static func files() throws -> [(name: String, bytes: [UInt8])] {
        let codecs: [(String, ParquetCodec)] = [
            ("plain", .uncompressed), ("snappy", .snappy), ("gzip", .gzip(level: 1)), ("zstd", .zstd(level: 1)),
            ("lz4", .lz4Raw), ("brotli", .brotli(level: 4)),
        ]
        return try codecs.flatMap { name, codec in
            var options = ParquetWriterOptions(codec: codec)
            options.pageRows = 8
            options.pageChecksums = name == "zstd"
            options.columns["text"] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
            var compact = options
            compact.profile = .compact
            compact.dataPageVersion = .v2
            return [
                ("\(name)-dictionaries", try file(options)), ("\(name)-values", try file(options, variety: 1 << 40)),
                ("\(name)-compact", try file(compact, variety: 1 << 40)),
            ]
        }
    }
}
