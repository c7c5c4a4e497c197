import Checksums
import ParquetFormat
import Testing

/// Filters as they lie in the file, asked by the words of the specification.
@Suite struct BloomFilterWritingTests {
    /// The header is Thrift: `numBytes`, then three unions of one empty member.
    struct Filter {
        var words: [UInt32]

        init(_ file: [UInt8], _ chunk: ColumnChunkMetadata) throws {
            let start = Int(try #require(chunk.bloomFilterOffset))
            let bytes = Array(file[start..<(start + Int(try #require(chunk.bloomFilterLength)))])
            var (at, shift, number) = (1, 0, 0)
            #expect(bytes[0] == 0x15)
            while true {
                number |= Int(bytes[at] & 0x7F) << shift
                shift += 7
                at += 1
                if bytes[at - 1] & 0x80 == 0 { break }
            }
            #expect(Array(bytes[at..<(at + 13)]) == [0x1C, 0x1C, 0, 0, 0x1C, 0x1C, 0, 0, 0x1C, 0x1C, 0, 0, 0])
            let bits = bytes[(at + 13)...]
            #expect(bits.count == number / 2)
            words = stride(from: bits.startIndex, to: bits.endIndex, by: 4).map { index in
                (0..<4).reduce(0) { $0 | UInt32(bits[index + $1]) << UInt32(8 * $1) }
            }
        }

        static let salt: [UInt32] = [
            0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
        ]

        func contains(_ bytes: [UInt8]) -> Bool {
            let hash = XXH64.hash(bytes)
            let block = Int(((hash >> 32) * UInt64(words.count / 8)) >> 32)
            return (0..<8).allSatisfy { word in
                words[block * 8 + word] & 1 << ((UInt32(truncatingIfNeeded: hash) &* Self.salt[word]) >> 27) != 0
            }
        }
    }

    static func file(
        _ node: SchemaNode, _ values: ColumnValues, _ filter: ParquetBloomFilterOptions, dictionary: Bool = true
    ) throws -> ([UInt8], ColumnChunkMetadata) {
        let schema = try ParquetSchema(fields: [node])
        var options = ParquetWriterOptions()
        options.dictionary = dictionary
        options.columns[node.name] = ParquetColumnOptions(bloomFilter: filter)
        var writer = try ParquetWriter(schema: schema, options: options)
        try writer.appendRowGroup([LeafColumn(schema.leaves[0], values: values)], rowCount: values.count)
        let bytes = try writer.finish().bytes
        let reader = try ParquetReader(bytes)
        #expect(try reader.rowGroup(0).columns[0].values == values)
        return (bytes, reader.metadata.rowGroups[0].columns[0])
    }

    static func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }

    @Test(arguments: [0.5, 0.1, 0.01, 0.001], [true, false])
    func `what is there is found, and what is not is rarely`(rate: Double, dictionary: Bool) throws {
        // Each value twice: the filter is sized for half of what is written.
        let values = (0..<20_000).map { "value \($0 / 2)" }
        let (file, chunk) = try Self.file(
            .string("s"), .byteArray(ByteArrayColumn(utf8: values)), ParquetBloomFilterOptions(falsePositiveRate: rate),
            dictionary: dictionary)
        let filter = try Filter(file, chunk)
        #expect(values.allSatisfy { filter.contains(Array($0.utf8)) })
        let wrong = (0..<20_000).filter { filter.contains(Array("absent \($0)".utf8)) }.count
        #expect(Double(wrong) <= Double(20_000) * rate * 1.3 + 20)
        // 10,000 distinct values, each with its share of bits, rounded up to a power of two.
        #expect(filter.words.count * 32 <= 10_000 * 64)
    }

    @Test func `numbers are found by their bytes, and both zeros by either`() throws {
        let (integers, chunk) = try Self.file(
            .primitive("n", .int64), .int64([5, -7, .max]), ParquetBloomFilterOptions())
        let filter = try Filter(integers, chunk)
        for value: Int64 in [5, -7, .max] { #expect(filter.contains(Self.bytes(value))) }
        #expect(!filter.contains(Self.bytes(Int64(6))))
        let (doubles, other) = try Self.file(.primitive("x", .double), .double([0.0]), ParquetBloomFilterOptions())
        #expect(try Filter(doubles, other).contains(Self.bytes(-0.0)))
    }

    @Test func `a filter has at most the bytes allowed, and none is written that excludes nothing`() throws {
        let values = ColumnValues.int32((0..<30_000).map { $0 })
        let (file, chunk) = try Self.file(
            .primitive("n", .int32), values, ParquetBloomFilterOptions(bytesMax: 16_384 + 100))
        #expect(try Filter(file, chunk).words.count * 4 == 16_384)
        let (_, full) = try Self.file(.primitive("n", .int32), values, ParquetBloomFilterOptions(bytesMax: 32))
        #expect(full.bloomFilterOffset == nil)
        #expect(full.bloomFilterLength == nil)
    }

    @Test func `a stated number of distinct values decides the size`() throws {
        let values = ColumnValues.int32((0..<1000).map { $0 })
        let options = ParquetBloomFilterOptions(distinctValues: 1)
        let (file, chunk) = try Self.file(.primitive("n", .int32), values, options, dictionary: false)
        // One value takes one block, in which a thousand set too many bits.
        #expect(chunk.bloomFilterOffset == nil)
        #expect(!file.isEmpty)
    }
}
