import ParquetFormat
import Testing

@Suite struct TablePropertiesTests {
    static func options(_ properties: [String: String]) throws -> ParquetWriterOptions {
        try ParquetWriterOptions(
            tableProperties: Dictionary(uniqueKeysWithValues: properties.map { ("write.parquet.\($0)", $1) }))
    }

    @Test func `a table that says nothing is written by default`() throws {
        #expect(
            try ParquetWriterOptions(tableProperties: ["write.format.default": "parquet"]) == ParquetWriterOptions())
    }

    @Test(
        arguments: [
            ("zstd", nil, .zstd(level: 1)), ("ZSTD", "7", .zstd(level: 7)), ("zstd", "99", .zstd(level: 22)),
            ("gzip", nil, .gzip(level: 6)), ("gzip", "12", .gzip(level: 9)), ("brotli", "3", .brotli(level: 3)),
            ("brotli", "-4", .brotli(level: 0)), ("snappy", "3", .snappy), ("lz4", nil, .lz4Raw),
            ("uncompressed", nil, .uncompressed), ("none", nil, .uncompressed), (nil, "5", .zstd(level: 5)),
        ] as [(String?, String?, ParquetCodec)])
    func `codec and level are taken`(name: String?, level: String?, codec: ParquetCodec) throws {
        var properties: [String: String] = [:]
        properties["compression-codec"] = name
        properties["compression-level"] = level
        #expect(try Self.options(properties).codec == codec)
    }

    @Test func `sizes and bloom filters are taken`() throws {
        let options = try Self.options([
            "row-group-size-bytes": "1000", "page-size-bytes": "100", "page-row-limit": "10", "dict-size-bytes": "50",
            "bloom-filter-enabled.column.a.b": "true", "bloom-filter-fpp.column.a.b": "0.05",
            "bloom-filter-ndv.column.a.b": "7", "bloom-filter-max-bytes": "4096",
            "bloom-filter-enabled.column.c": "TRUE", "bloom-filter-enabled.column.d": "false",
        ])
        #expect(options.rowGroupBytes == 1000)
        #expect(options.pageBytes == 100)
        #expect(options.pageRows == 10)
        #expect(options.dictionaryBytesMax == 50)
        #expect(
            options.columns == [
                "a.b": ParquetColumnOptions(
                    bloomFilter: ParquetBloomFilterOptions(
                        falsePositiveRate: 0.05, distinctValues: 7, bytesMax: 4096)),
                "c": ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions(bytesMax: 4096)),
            ])
    }

    @Test(
        arguments: [
            ("compression-codec", "lzo"), ("compression-level", "high"), ("row-group-size-bytes", "0"),
            ("page-size-bytes", "-1"), ("page-row-limit", "many"), ("dict-size-bytes", ""),
            ("bloom-filter-max-bytes", "1M"), ("bloom-filter-fpp.column.c", "1"), ("bloom-filter-ndv.column.c", "x"),
        ])
    func `what is no codec and no number is refused by its name`(name: String, value: String) {
        let error = #expect(throws: ParquetError.self) {
            _ = try Self.options(["bloom-filter-enabled.column.c": "true", name: value])
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.place == "table property write.parquet.\(name)")
    }
}
