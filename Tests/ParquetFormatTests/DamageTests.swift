import ParquetFormat
import Testing

/// Whatever happens to a file, reading it gives values or a `ParquetError`.
@Suite struct DamageTests {
    /// One column of every shape of value, with nulls and a map: small, because every bit of it is flipped.
    static func smallSchema() throws -> ParquetSchema {
        try ParquetSchema(fields: [
            .primitive("flag", .boolean, .optional), .primitive("n", .int32, .required), .string("text"),
            .primitive("uuid", .fixedLengthByteArray(width: 4), .optional),
            .map("m", key: .string("key"), value: .primitive("value", .double)),
        ])
    }

    static func smallFile(_ codec: ParquetCodec, variety: UInt64, checksums: Bool = false) throws -> [UInt8] {
        var options = ParquetWriterOptions(codec: codec)
        options.pageRows = 8
        options.pageChecksums = checksums
        let schema = try smallSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 3), variety: variety)
        return try write([random.rows(schema, count: 12)], schema, options).bytes
    }

    /// Reads every column; false when an error was found on the way.
    static func readsAll(_ bytes: [UInt8]) -> Bool {
        do {
            let reader = try ParquetReader(bytes, decodedBytesMax: 64 << 20)
            var isWhole = true
            for group in reader.metadata.rowGroups.indices {
                for leaf in reader.schema.leaves.indices {
                    // An error in one column must not hide what another does.
                    do { _ = try reader.column(rowGroup: group, leaf: leaf) } catch { isWhole = false }
                }
            }
            return isWhole
        } catch {
            return false
        }
    }

    @Test(arguments: [ParquetCodec.uncompressed, .zstd(level: 1)])
    func `every truncation is an error`(codec: ParquetCodec) throws {
        let file = try Self.smallFile(codec, variety: 4)
        let read = (0..<file.count).filter { Self.readsAll(Array(file[..<$0])) }
        #expect(read == [])
    }

    @Test(
        arguments: [
            (.uncompressed, 4), (.uncompressed, 100_000), (.snappy, 4), (.gzip(level: 1), 4), (.zstd(level: 1), 4),
        ] as [(ParquetCodec, UInt64)])
    func `every flipped bit gives an error or values`(codec: ParquetCodec, variety: UInt64) throws {
        try Self.expectNoTrap(try Self.smallFile(codec, variety: variety))
    }

    /// The encodings that the default profile does not write, and the codecs it is not given above.
    static let layouts =
        [ParquetEncoding.rle, .deltaBinaryPacked, .deltaLengthByteArray, .deltaByteArray, .byteStreamSplit].map {
            EncodingTests.Layout(encoding: $0, version: .v2, codec: .uncompressed)
        }
        + [ParquetCodec.lz4Raw, .brotli(level: 1)].map {
            EncodingTests.Layout(encoding: .plain, version: .v1, codec: $0)
        }

    @Test(arguments: layouts)
    func `every flipped bit of every encoding gives an error or values`(layout: EncodingTests.Layout) throws {
        let schema = try Self.smallSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 3), variety: 100_000)
        var options = EncodingTests.options(layout, schema)
        options.pageChecksums = false
        try Self.expectNoTrap(try write([random.rows(schema, count: 12)], schema, options).bytes)
    }

    private static func expectNoTrap(_ file: [UInt8]) throws {
        let metadata = try ParquetReader(file).metadata
        var (refused, read) = (0, 0)
        for leaf in metadata.schema.leaves.indices {
            let range = try metadata.columnChunkRange(rowGroup: 0, leaf: leaf)
            var chunk = Array(file[Int(range.lowerBound)..<Int(range.upperBound)])
            for bit in 0..<(chunk.count * 8) {
                chunk[bit / 8] ^= 1 << UInt8(bit % 8)
                do {
                    _ = try metadata.decode(chunk, rowGroup: 0, leaf: leaf, decodedBytesMax: 64 << 20)
                    read += 1
                } catch {
                    refused += 1
                }
                chunk[bit / 8] ^= 1 << UInt8(bit % 8)
            }
        }
        // Without checksums damage to a value goes unseen, damage to the structure does not.
        #expect(refused > 0)
        #expect(read > 0)
        #expect(readsAll(file))
    }

    @Test func `every flipped bit of the footer gives an error or values`() throws {
        var file = try Self.smallFile(.uncompressed, variety: 4)
        let length = try FileMetadata.footerLength(tail: file.suffix(8))
        var refused = 0
        for bit in ((file.count - 8 - length) * 8)..<(file.count * 8) {
            file[bit / 8] ^= 1 << UInt8(bit % 8)
            refused += Self.readsAll(file) ? 0 : 1
            file[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(refused > 0)
        #expect(Self.readsAll(file))
    }

    @Test func `with checksums a flipped bit in a page body is found`() throws {
        let file = try Self.smallFile(.uncompressed, variety: 100_000, checksums: true)
        let range = try ParquetReader(file).metadata.columnChunkRange(rowGroup: 0, leaf: 1)
        var damaged = file
        damaged[Int(range.upperBound) - 1] ^= 1
        let error = #expect(throws: ParquetError.self) {
            try ParquetReader(damaged).column(rowGroup: 0, leaf: 1)
        }
        #expect(error?.place == "row group 0, column n, page 1, checksum")
    }

    @Test func `every flipped bit of an indexed file gives an error or rows, when it is read by a predicate`() throws {
        let schema = try Self.smallSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 5), variety: 1000)
        var options = ParquetWriterOptions(codec: .uncompressed)
        options.pageRows = 8
        options.columns["text"] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions(bytesMax: 32))
        var file = try write([random.rows(schema, count: 20)], schema, options).bytes
        let predicate = ColumnPredicate.or([
            .test(leaf: 1, .less(.integer(0))), .test(leaf: 2, .equal(.bytes(Array("x".utf8)))),
        ])
        func reads() -> Bool {
            do {
                let reader = try ParquetReader(file, decodedBytesMax: 1 << 20)
                for leaf in reader.schema.leaves.indices {
                    _ = try reader.read(rowGroup: 0, leaves: [leaf], where: predicate)
                }
                return true
            } catch {
                return false
            }
        }
        #expect(reads())
        var refused = 0
        for bit in stride(from: 0, to: file.count * 8, by: 3) {
            file[bit / 8] ^= 1 << UInt8(bit % 8)
            refused += reads() ? 0 : 1
            file[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        #expect(refused > 100)
    }

    @Test(arguments: [ParquetProfile.compatible, .compact])
    func `with checksums every flipped bit of every page body is refused`(profile: ParquetProfile) throws {
        var options = ParquetWriterOptions(codec: .uncompressed)
        options.pageRows = 8
        options.pageChecksums = true
        options.profile = profile
        options.dataPageVersion = profile == .compact ? .v2 : .v1
        let schema = try Self.smallSchema()
        var random = RandomRows(generator: SeededGenerator(seed: 3), variety: 100_000)
        let file = try write([random.rows(schema, count: 12)], schema, options).bytes
        let metadata = try ParquetReader(file).metadata
        for leaf in schema.leaves.indices {
            let range = try metadata.columnChunkRange(rowGroup: 0, leaf: leaf)
            var chunk = Array(file[Int(range.lowerBound)..<Int(range.upperBound)])
            var bodies: [Range<Int>] = []
            try metadata.forEachPage(of: chunk, rowGroup: 0, leaf: leaf) { page in
                let start = Int(page.offset - range.lowerBound) + page.headerSize
                bodies.append(start..<(start + page.compressedSize))
            }
            #expect(bodies.last?.upperBound == chunk.count)
            for bit in bodies.joined().flatMap({ byte in (0..<8).map { byte * 8 + $0 } }) {
                chunk[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: ParquetError.self) { try metadata.decode(chunk, rowGroup: 0, leaf: leaf) }
                chunk[bit / 8] ^= 1 << UInt8(bit % 8)
            }
        }
    }

    @Test(arguments: 1...40)
    func `random bytes in place of the footer are no trap`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let footer = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(throws: ParquetError.self) { try FileMetadata(footer: footer) }
    }

    @Test func `structures nested without end are refused`() {
        // Field 16 (unknown), a structure, in it field 1, a structure, and so on.
        let footer = [0x0C, 0x20] + [UInt8](repeating: 0x1C, count: 100_000)
        let error = #expect(throws: ParquetError.self) { try FileMetadata(footer: footer) }
        #expect(error?.code == .tooLarge)
    }

    @Test func `a list longer than the file is refused before it is made`() {
        // Field 2, a list of structures, of 2^34 elements.
        let error = #expect(throws: ParquetError.self) {
            try FileMetadata(footer: [0x29, 0xFC, 0x80, 0x80, 0x80, 0x80, 0x40])
        }
        #expect(error?.code == .corrupt)
    }

    @Test func `what a chunk expands to is limited`() throws {
        let schema = try ParquetSchema(fields: [.string("s", .required)])
        let text = String(repeating: "x", count: 10_000)
        let values = ByteArrayColumn(utf8: repeatElement(text, count: 5000))
        var writer = try ParquetWriter(schema: schema)
        try writer.appendRowGroup([LeafColumn(schema.leaves[0], values: .byteArray(values))], rowCount: 5000)
        let file = try writer.finish().bytes
        #expect(file.count < 20_000)
        #expect(try ParquetReader(file).column(rowGroup: 0, leaf: 0).values == .byteArray(values))
        let error = #expect(throws: ParquetError.self) {
            try ParquetReader(file, decodedBytesMax: 1 << 20).column(rowGroup: 0, leaf: 0)
        }
        #expect(error?.code == .tooLarge)
    }
}
