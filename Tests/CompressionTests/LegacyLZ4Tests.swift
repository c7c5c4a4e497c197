import Bytes
import Compression
import Testing

/// What old Parquet files call `LZ4`: three framings under one name.
@Suite struct LegacyLZ4Tests {
    static let text = Array("hello hello hello hello hello, lz4".utf8)
    static let raw = Hexadecimal.decode("6f68656c6c6f20060004502c206c7a34") ?? []
    /// As Arrow's frame codec makes it.
    static let frame = Hexadecimal.decode("04224d18604082100000006f68656c6c6f20060004502c206c7a3400000000") ?? []

    static func bigEndian(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBigEndian(UInt32(value))
        return bytes
    }

    static func legacy(_ bytes: [UInt8], limit: Int) throws -> [UInt8] {
        try bytes.withUnsafeBytes { try LZ4.decompressLegacy($0, limit: limit) }
    }

    /// Each chunk: its size, then its blocks after their lengths.
    static let hadoop = bigEndian(34) + bigEndian(raw.count) + raw
    static let twoChunks = hadoop + hadoop
    static let twoBlocks = bigEndian(68) + bigEndian(raw.count) + raw + bigEndian(raw.count) + raw

    @Test(
        arguments: [
            (raw, 1), (frame, 1), (hadoop, 1), (twoChunks, 2), (twoBlocks, 2), (frame + frame, 2),
        ] as [([UInt8], Int)])
    func `every framing is told apart and read`(bytes: [UInt8], repeats: Int) throws {
        let expected = Array(repeatElement(Self.text, count: repeats).joined())
        #expect(try Self.legacy(bytes, limit: expected.count) == expected)
        #expect(try Self.legacy(bytes, limit: 1 << 40) == expected)
        #expect(throws: CompressionError.self) { try Self.legacy(bytes, limit: expected.count - 1) }
    }

    @Test(arguments: [frame, hadoop, twoBlocks] as [[UInt8]])
    func `every truncation is an error or shorter`(bytes: [UInt8]) {
        let whole = Self.text.count * (bytes == Self.twoBlocks ? 2 : 1)
        for cut in 0..<bytes.count {
            // As a page reader does, who knows the size.
            do { #expect(try Self.legacy(Array(bytes[..<cut]), limit: whole).count < whole) } catch {
                #expect(error is CompressionError)
            }
        }
    }

    @Test func `every flipped bit gives an error or bytes within the limit`() {
        for bytes in [Self.raw, Self.frame, Self.hadoop, Self.twoChunks] {
            for bit in 0..<(bytes.count * 8) {
                var damaged = bytes
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                do { #expect(try Self.legacy(damaged, limit: 100).count <= 100) } catch {
                    #expect(error is CompressionError)
                }
            }
        }
    }
}
