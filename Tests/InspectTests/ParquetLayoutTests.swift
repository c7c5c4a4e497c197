import Foundation
import Inspect
import JSONFormat
import ParquetFormat
import Testing

/// What docs/formats/parquet.md says of the files we write.
@Suite struct `The layout of Parquet files` {
    private static let rowCount = 20_000

    private func write(_ options: ParquetWriterOptions, in directory: TemporaryDirectory) throws -> String {
        let schema = try ParquetSchema(fields: [
            .primitive("id", .int64, .required), .primitive("flag", .boolean, .required),
            .primitive("ratio", .double, .required), .string("kind", .required), .string("url", .required),
        ])
        var writer = try ParquetWriter(schema: schema, options: options)
        let rows = 0..<Self.rowCount
        let urls = rows.map { Array("https://example.org/pages/\($0 / 3 * 7919)".utf8) }
        try writer.appendRowGroup(
            [
                LeafColumn(schema.leaves[0], values: .int64(rows.map { Int64($0) * 3 })),
                LeafColumn(schema.leaves[1], values: .boolean(rows.map { $0 < 15_000 })),
                LeafColumn(schema.leaves[2], values: .double(rows.map { Double($0).squareRoot() })),
                LeafColumn(
                    schema.leaves[3], values: .byteArray(ByteArrayColumn(rows.map { Array("k\($0 % 7)".utf8) }))),
                LeafColumn(schema.leaves[4], values: .byteArray(ByteArrayColumn(urls))),
            ], rowCount: Self.rowCount)
        return try directory.write(try writer.finish().bytes, "layout.parquet")
    }

    private func columns(_ footer: JSONValue) throws -> [JSONValue] {
        try #require(footer["row_groups"]?.array?.first?["columns"]?.array)
    }

    @Test func `chunks come first, then bloom filters, column indexes, offset indexes and the footer`() async throws {
        let directory = try TemporaryDirectory()
        var options = ParquetWriterOptions()
        options.columns["kind"] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
        options.columns["id"] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
        let footer = try await inspected("parquet", "footer", try write(options, in: directory))
        let columns = try columns(footer)
        func offsets(_ key: String) -> [Int64] { columns.compactMap { $0[key]?.integer } }
        let ends = columns.compactMap { column in
            column["offset"]?.integer.flatMap { start in column["total_compressed_size"]?.integer.map { start + $0 } }
        }
        #expect(offsets("offset") == [4] + ends.dropLast())
        #expect(offsets("bloom_filter_offset").count == 2)
        let places =
            [ends.last] + offsets("bloom_filter_offset") + offsets("column_index_offset")
            + offsets("offset_index_offset")
        let known = places.compactMap(\.self)
        #expect(known == known.sorted())
        let (size, footerSize) = (
            try #require(footer["file size"]?.integer), try #require(footer["footer size"]?.integer)
        )
        #expect(try #require(known.last) < size - 8 - footerSize)
    }

    @Test(arguments: [
        (ParquetProfile.compatible, ["PLAIN", "PLAIN", "PLAIN", "RLE_DICTIONARY", "RLE_DICTIONARY"]),
        (.compact, ["DELTA_BINARY_PACKED", "RLE", "BYTE_STREAM_SPLIT", "RLE_DICTIONARY", "DELTA_BYTE_ARRAY"]),
    ])
    func `a profile chooses the encodings`(profile: ParquetProfile, expected: [String]) async throws {
        let directory = try TemporaryDirectory()
        var options = ParquetWriterOptions()
        options.profile = profile
        let file = try write(options, in: directory)
        let pages = try await inspected("parquet", "pages", file)
        let chunks = try #require(pages["column chunks"]?.array)
        #expect(chunks.map { $0["pages"]?.array?.last?["encoding"]?.string } == expected)
        let columns = try columns(try await inspected("parquet", "footer", file))
        #expect(columns.map { $0["dictionary"] == true } == expected.map { $0 == "RLE_DICTIONARY" })
        #expect(columns[3]["distinct_count"] == 7)
    }

    @Test(arguments: [ParquetDataPageVersion.v1, .v2])
    func `pages are of the version that was asked for, and hold at most so many rows`(
        version: ParquetDataPageVersion
    ) async throws {
        let directory = try TemporaryDirectory()
        var options = ParquetWriterOptions()
        options.dataPageVersion = version
        options.pageRows = 8000
        let pages = try await inspected("parquet", "pages", try write(options, in: directory), "--column", "id")
        let data = try #require(pages["column chunks"]?.array?.first?["pages"]?.array)
        #expect(data.map { $0["type"] } == Array(repeating: version == .v1 ? "DATA_PAGE" : "DATA_PAGE_V2", count: 3))
        #expect(data.map { $0["values"] } == [8000, 8000, 4000])
        #expect(data.map { $0["first row"] } == [0, 8000, 16000])
        #expect(data.map { $0["rows"] } == (version == .v1 ? [.null, .null, .null] : [8000, 8000, 4000]))
    }

    @Test func `a sort order is recorded as far as it is true`() async throws {
        let directory = try TemporaryDirectory()
        var options = ParquetWriterOptions()
        options.sortingColumns = [
            SortingColumn(leafIndex: 0, isDescending: false, nullsFirst: true),
            SortingColumn(leafIndex: 2, isDescending: true, nullsFirst: true),
        ]
        let sorted = try await inspected("parquet", "footer", try write(options, in: directory))
        // Equal ids would have to differ in the second column; there are none.
        #expect(sorted["row_groups"]?.array?.first?["sorting_columns"]?.array?.first == "id asc nulls first")
        options.sortingColumns = [SortingColumn(leafIndex: 0, isDescending: true, nullsFirst: true)]
        let unsorted = try await inspected("parquet", "footer", try write(options, in: directory))
        #expect(unsorted["row_groups"]?.array?.first?["sorting_columns"] == [])
    }
}
