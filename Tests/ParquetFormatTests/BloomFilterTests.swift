import ParquetFormat
import Testing

/// Bloom filters of other writers in the parquet-testing collection.
@Suite(.enabled(if: CorpusTests.folder != nil, "the parquet-testing corpus is absent"))
struct BloomFilterTests {
    @Test(arguments: ["data_index_bloom_encoding_stats.parquet", "data_index_bloom_encoding_with_length.parquet"])
    func `a filter proves absence, and never of a value that is there`(name: String) throws {
        let reader = try ParquetReader(try CorpusTests.bytes(name))
        let column = try reader.column(rowGroup: 0, leaf: 0)
        let texts = try #require(column.values.byteArrays)
        for index in 0..<texts.count {
            let predicate = ColumnPredicate.test(leaf: 0, .equal(.bytes(Array(texts[index]))))
            #expect(try reader.read(rowGroup: 0, leaves: [0], where: predicate).rowCount >= 1)
        }
        // Between the bounds, so that only the filter can exclude it.
        let absent = ColumnPredicate.test(
            leaf: 0, .isIn([.bytes(Array("absent".utf8)), .bytes(Array("nowhere".utf8))]))
        var options = RangeReadOptions()
        options.gapBytesMax = 0
        var scan = try RowGroupScan(reader.metadata, rowGroup: 0, leaves: [0], where: absent, options: options)
        let bytes = try CorpusTests.bytes(name)
        let pages = try reader.metadata.columnChunkRange(rowGroup: 0, leaf: 0)
        while case .fetch(let ranges) = try scan.next() {
            for range in ranges {
                #expect(!range.overlaps(pages), "the filter says it all")
                scan.supply(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]), at: range.lowerBound)
            }
        }
        guard case .finished(let selected) = try scan.next() else { return }
        #expect(selected.rowCount == 0)
    }

    @Test func `the collection's filter answers as it says`() throws {
        let filter = try BloomFilter(try CorpusTests.bytes("bloom_filter.xxhash.bin"))
        for word in ["hello", "parquet", "bloom", "filter"] { #expect(filter.mayContain(Array(word.utf8)), "\(word)") }
        #expect(!filter.mayContain(Array("absent".utf8)))
    }

    @Test func `every truncation of a filter is an error`() throws {
        let bytes = try CorpusTests.bytes("bloom_filter.xxhash.bin")
        for count in bytes.indices {
            #expect(throws: ParquetError.self) { try BloomFilter(Array(bytes[..<count])) }
        }
    }
}
