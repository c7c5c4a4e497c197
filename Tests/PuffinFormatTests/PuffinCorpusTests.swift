import Bitmaps
import PuffinFormat
import Testing

private let java = "iceberg/spec-resources/iceberg-java/org/apache/iceberg"
private let rust = "iceberg/spec-resources/iceberg-rust"

/// Files of Iceberg's own libraries and of Trino.
@Suite(.enabled(if: Corpora.directory != nil, "ANALYTICS_CORPORA names no directory of foreign files"))
struct PuffinCorpusTests {
    private static let sample: [(type: PuffinBlobType, field: Int32, content: String)] = [
        ("some-blob", 1, "abcdefghi"),
        ("some-other-blob", 2, "some blob \0 binary data 🤯 that is not very very very very very very long, is it?"),
    ]

    @Test(arguments: ["\(java)/puffin/v1", "\(rust)/puffin/java-generated"])
    func `an empty file is read and written byte for byte`(folder: String) throws {
        let bytes = try Corpora.bytes("\(folder)/empty-puffin-uncompressed.bin")
        #expect(try PuffinReader(bytes).footer == PuffinFooter())
        #expect(try PuffinWriter().finish().bytes == bytes)
    }

    @Test(arguments: ["\(java)/puffin/v1", "\(rust)/puffin/java-generated"])
    func `an uncompressed file is read and written byte for byte`(folder: String) throws {
        let bytes = try Corpora.bytes("\(folder)/sample-metric-data-uncompressed.bin")
        let reader = try PuffinReader(bytes)
        try expectSample(reader, codec: nil)
        var writer = PuffinWriter(properties: reader.footer.properties)
        for blob in Self.sample {
            try writer.append(
                Array(blob.content.utf8), type: blob.type, fields: [blob.field], snapshotID: 2, sequenceNumber: 1)
        }
        #expect(try writer.finish().bytes == bytes)
    }

    /// Not written byte for byte: another release of Zstandard compressed it.
    @Test(arguments: ["\(java)/puffin/v1", "\(rust)/puffin/java-generated"])
    func `a compressed file is read`(folder: String) throws {
        let reader = try PuffinReader(try Corpora.bytes("\(folder)/sample-metric-data-compressed-zstd.bin"))
        try expectSample(reader, codec: .zstd)
    }

    private func expectSample(_ reader: PuffinReader, codec: PuffinCodec?) throws {
        #expect(reader.footer.properties == ["created-by": "Test 1234"])
        #expect(reader.footer.blobs.map(\.type) == Self.sample.map(\.type))
        #expect(reader.footer.blobs.map(\.fields) == Self.sample.map { [$0.field] })
        #expect(reader.footer.blobs.allSatisfy { $0.snapshotID == 2 && $0.sequenceNumber == 1 })
        #expect(reader.footer.blobs.allSatisfy { $0.compressionCodec == codec })
        for (index, blob) in Self.sample.enumerated() {
            #expect(String(decoding: try reader.blob(index), as: UTF8.self) == blob.content)
        }
    }

    /// The sets that Iceberg's `TestBitmapPositionDeleteIndex` wrote into these files.
    private static let vectors: [(name: String, ranges: [ClosedRange<UInt64>])] = [
        ("empty", []),
        ("small-alternating-values", [1...1, 3...3, 5...5, 7...7, 9...9]),
        ("small-and-large-values", [100...101, 2_147_483_747...2_147_483_748]),
        (
            "all-container-types",
            [
                5...5, 7...7, 65_537...66_535, 131_073...196_606,
                (1 << 32 + 10)...(1 << 32 + 10), (1 << 32 + 20)...(1 << 32 + 20),
                (1 << 32 + 65_546)...(1 << 32 + 66_035), (1 << 32 + 131_073)...(1 << 32 + 196_606),
            ]
        ),
    ]

    @Test(arguments: vectors.map(\.name))
    func `deletion vectors are read and written byte for byte`(name: String) throws {
        let bytes = try Corpora.bytes("\(java)/deletes/\(name)-position-index.bin")
        var expected = Bitmap64()
        for range in Self.vectors.first(where: { $0.name == name })?.ranges ?? [] { expected.insert(contentsOf: range) }
        #expect(try DeletionVector.decode(bytes, cardinality: Int64(expected.count)) == expected)
        #expect(try DeletionVector.encode(expected) == bytes)
    }

    @Test(arguments: [("64mapempty", 0), ("64map32bitvals", 10), ("64mapspreadvals", 100)])
    func `maps of other implementations are read`(name: String, count: Int) throws {
        let bytes = try Corpora.bytes("\(java)/deletes/\(name).bin")
        let bitmap = try Bitmap64(serialized: bytes)
        #expect(bitmap.count == count)
        // Theirs have no runs.
        #expect(bitmap.serialized().count <= bytes.count)
        #expect(try Bitmap64(serialized: bitmap.serialized()) == bitmap)
    }

    /// Its keys are no bitmap's: the file was once read and written as text.
    @Test func `a damaged map is refused`() throws {
        let bytes = try Corpora.bytes("\(java)/deletes/64maphighvals.bin")
        #expect(throws: BitmapError.self) { try Bitmap64(serialized: bytes) }
    }

    @Test(
        arguments: [
            ("111446_00010_8gkte-9a41c74f-3cae-4b67-a4e3-ec4437d1c988", [[0, 3, 6]]),
            ("111849_00012_8gkte-2ed65adb-8895-4026-bb5e-efcedbf874e5", [[2, 5], [0, 1, 3, 4, 6, 7]]),
        ] as [(String, [[UInt64]])])
    func `deletion vectors of Trino are read`(name: String, expected: [[UInt64]]) throws {
        let path = "iceberg/tables/iceberg-cxx/tables/deletion_vectors/data/dv-20260504_\(name).puffin"
        let reader = try PuffinReader(try Corpora.bytes(path))
        #expect(reader.footer.blobs.map(\.type) == expected.map { _ in .deletionVector })
        for (index, positions) in expected.enumerated() {
            let blob = reader.footer.blobs[index]
            #expect(try Array(DeletionVector.decode(reader.blob(index), cardinality: blob.cardinality)) == positions)
            #expect(blob.referencedDataFile?.hasSuffix(".parquet") == true)
            #expect(try DeletionVector.encode(Bitmap64(positions)) == reader.blob(index))
        }
    }
}
