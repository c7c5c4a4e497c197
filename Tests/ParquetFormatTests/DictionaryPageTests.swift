import ParquetFormat
import Testing

/// Indices of dictionary pages are read in batches, which cut runs of both kinds anywhere.
@Suite struct DictionaryPageTests {
    @Test(arguments: [1, 2, 7, 300, 3000], [ParquetDataPageVersion.v1, .v2])
    func `runs of every length come back across batches`(variety: Int, version: ParquetDataPageVersion) throws {
        let schema = try ParquetSchema(fields: [.primitive("n", .int64, .required)])
        var generator = SeededGenerator(seed: UInt64(variety))
        var values: [Int64] = []
        while values.count < 40_000 {
            let length = Bool.random(using: &generator) ? 1 : Int.random(in: 1...3000, using: &generator)
            let value = Int64.random(in: 0..<Int64(variety), using: &generator)
            values.append(contentsOf: repeatElement(value, count: length))
        }
        var options = ParquetWriterOptions()
        options.dataPageVersion = version
        options.pageRows = 1 << 20
        var writer = try ParquetWriter(schema: schema, options: options)
        try writer.appendRowGroup([LeafColumn(schema.leaves[0], values: .int64(values))], rowCount: values.count)
        let file = try writer.finish().bytes
        #expect(try ParquetReader(file).column(rowGroup: 0, leaf: 0).values == .int64(values))
        let error = #expect(throws: ParquetError.self) {
            try ParquetReader(file, decodedBytesMax: values.count * 4).column(rowGroup: 0, leaf: 0)
        }
        #expect(error?.code == .tooLarge)
    }
}
