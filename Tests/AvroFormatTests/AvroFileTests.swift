import JSONFormat
import Testing

@testable import AvroFormat

private let sync = [UInt8](0..<16)

private let person = AvroSchema.record(
    AvroRecordSchema(
        name: "person",
        fields: [
            AvroField("id", .long(nil), id: 1),
            AvroField("name", .optional(.string(nil)), id: 2),
            AvroField("tags", .array(AvroArraySchema(.int(nil), elementID: 4)), id: 3),
            AvroField("key", .fixed(name: "k2", size: 2, nil), id: 5),
            AvroField("amount", .optional(.bytes(.decimal(precision: 9, scale: 2))), id: 6),
        ]))

private func write(_ codec: AvroCodec, rows: Int, blockBytes: Int = 1 << 20) throws -> [UInt8] {
    var writer = AvroFileWriter(
        schema: person, metadata: [("owner", "nobody")], codec: codec, sync: sync, blockBytes: blockBytes)
    for row in 0..<rows {
        try writer.append { encoder in
            encoder.write(Int64(row) &* 7_919 &- 40_000)
            encoder.write(optional: row % 3 == 0 ? nil : "name \(row) ü") { $0.write($1) }
            encoder.write(items: Array(0..<(row % 4))) { $0.write(Int32($1)) }
            encoder.write(fixed: [UInt8(row & 255), 9])
            encoder.write(optional: row % 2 == 0 ? [1, 2] : nil) { $0.write($1) }
        }
    }
    return try writer.finish()
}

@Suite struct AvroFileTests {
    @Test(arguments: [AvroCodec.null, .deflate, .snappy, .zstandard])
    func `what is written is read back`(codec: AvroCodec) throws {
        var file = try AvroFileReader(try write(codec, rows: 500, blockBytes: 700))
        #expect(file.schema == person)
        #expect(file.codec == codec)
        #expect(file.text("owner") == "nobody")
        let rows = try file.readAllJSON()
        #expect(rows.count == 500)
        #expect(
            rows[7]
                == [
                    "id": 15433, "name": "name 7 ü", "tags": [0, 1, 2], "key": "0709", "amount": nil,
                ])
        #expect(rows[6]["name"] == .null && rows[6]["amount"] == "0102")
    }

    @Test func `the same calls give the same bytes`() throws {
        #expect(try write(.deflate, rows: 20) == write(.deflate, rows: 20))
    }

    @Test(arguments: [AvroCodec.null, .deflate, .snappy, .zstandard])
    func `a file cut anywhere is refused or reads as fewer rows`(codec: AvroCodec) throws {
        let whole = try write(codec, rows: 40, blockBytes: 100)
        for length in 0..<whole.count {
            var rows = 0
            do {
                var file = try AvroFileReader(Array(whole[..<length]))
                rows = try file.readAllJSON().count
            } catch {
                continue
            }
            #expect(rows < 40)
        }
    }

    @Test func `no flipped bit makes the reader fail otherwise than by an error`() throws {
        let whole = try write(.null, rows: 6)
        for index in whole.indices {
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << UInt8(bit)
                do {
                    var file = try AvroFileReader(damaged)
                    _ = try file.readAllJSON()
                } catch {
                    continue
                }
            }
        }
    }

    @Test(arguments: ["bzip2", "xz", "lz5"])
    func `a codec that is not supported is named`(codec: String) throws {
        var header = AvroEncoder()
        header.write(items: [("avro.schema", "\"int\""), ("avro.codec", codec)]) {
            $0.write($1.0)
            $0.write($1.1)
        }
        let error = #expect(throws: AvroError.self) { try AvroFileReader(AvroFileReader.magic + header.bytes + sync) }
        #expect(error?.code == .unsupportedCodec && error?.message.contains(codec) == true)
    }

    @Test func `a snappy block with a wrong checksum is refused`() throws {
        var bytes = try write(.snappy, rows: 3)
        bytes[bytes.count - 17] ^= 1
        var file = try AvroFileReader(bytes)
        #expect(throws: AvroError(.corrupt, "a snappy block fails its checksum")) { try file.readAllJSON() }
    }

    @Test func `counts of items that take no bytes are bounded`() throws {
        let schema = AvroSchema.array(AvroArraySchema(.null))
        for (count, allowed) in [(Int64(1 << 16), true), (1 << 16 + 1, false), (.max, false), (-.max, false)] {
            var encoder = AvroEncoder()
            encoder.write(count)
            if count < 0 { encoder.write(Int64(0)) }
            encoder.write(Int64(0))
            var decoder = AvroDecoder(encoder.bytes)
            let accepted = (try? decoder.readJSON(schema)) != nil
            #expect(accepted == allowed)
        }
    }

    @Test func `a block that states more objects than bytes is refused`() throws {
        let schema = AvroSchema.record(AvroRecordSchema(name: "r", fields: [AvroField("a", .int(nil), id: nil)]))
        var writer = AvroFileWriter(schema: schema, codec: .null, sync: sync)
        try writer.append { $0.write(Int32(1)) }
        var bytes = try writer.finish()
        // The object count is the first byte after the header, which ends with the first sync marker.
        let count = bytes.count - 16 - 1 - 2
        #expect(bytes[count] == 2)
        bytes[count] = 200
        bytes[count + 1] = 2
        #expect(throws: AvroError.self) {
            var file = try AvroFileReader(bytes)
            _ = try file.readAllJSON()
        }
    }

    @Test(arguments: [AvroCodec.deflate, .zstandard])
    func `a block that swells beyond all measure is refused, stored or repeated bytes are not`(codec: AvroCodec) throws
    {
        func file(_ content: [UInt8], _ codec: AvroCodec) throws -> [UInt8] {
            var writer = AvroFileWriter(schema: .bytes(nil), codec: codec, sync: sync, blockBytes: 64 << 20)
            try writer.append { $0.write(content) }
            return try writer.finish()
        }
        func read(_ bytes: [UInt8]) throws -> Int {
            var file = try AvroFileReader(bytes)
            var block = try #require(try file.nextBlock())
            return try block.decoder.readBytes().count
        }
        let large = [UInt8](repeating: 7, count: 24 << 20)
        #expect(try read(file(large, .null)) == large.count)
        #expect(try read(file(Array(large.prefix(8 << 20)), codec)) == 8 << 20)
        let error = #expect(throws: AvroError.self) { try read(file(large, codec)) }
        #expect(error?.code == .tooLarge)
    }
}

@Suite struct AvroIntegerTests {
    @Test(arguments: [0, -1, 1, 63, 64, -64, -65, .max, .min, 1 << 40] as [Int64])
    func `integers come back`(value: Int64) throws {
        var encoder = AvroEncoder()
        encoder.write(value)
        var decoder = AvroDecoder(encoder.bytes)
        #expect(try decoder.readLong() == value)
        #expect(decoder.isAtEnd)
    }

    @Test func `integers of more than 64 bits are refused`() {
        var tooLarge = AvroDecoder([UInt8](repeating: 0xFF, count: 9) + [2])
        #expect(throws: AvroError.self) { try tooLarge.readLong() }
        var tooLong = AvroDecoder([UInt8](repeating: 0x80, count: 11))
        #expect(throws: AvroError.self) { try tooLong.readLong() }
    }
}
