import Bytes
import Compression
import Testing

@Suite struct `Compression` {
    static let samples: [[UInt8]] = [
        [], [7], Array("hello hello hello hello".utf8), (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
        [UInt8](repeating: 0, count: 3_000_000),
    ]

    @Test(arguments: samples)
    func `every codec gives back what it was given`(bytes: [UInt8]) throws {
        let zstd = try Zstandard.compress(bytes)
        #expect(try Zstandard.decompress(zstd, limit: bytes.count) == bytes)
        for container in [Deflate.Container.gzip, .zlib, .raw] {
            let packed = try Deflate.compress(bytes, container: container)
            #expect(try Deflate.decompress(packed, container: container, limit: bytes.count) == bytes)
        }
        let snappy = try bytes.withUnsafeBytes { try Snappy.compress($0) }
        #expect(try snappy.withUnsafeBytes { try Snappy.decompress($0, limit: bytes.count) } == bytes)
    }

    @Test func `a bomb stops at the limit`() throws {
        let zeros = [UInt8](repeating: 0, count: 50_000_000)
        let limit = 1_000_000
        let zstd = try Zstandard.compress(zeros)
        #expect(throws: CompressionError.self) { try Zstandard.decompress(zstd, limit: limit) }
        let gzip = try Deflate.compress(zeros)
        #expect(throws: CompressionError.self) { try Deflate.decompress(gzip, limit: limit) }
        let snappy = try zeros.withUnsafeBytes { try Snappy.compress($0) }
        #expect(throws: CompressionError.self) {
            try snappy.withUnsafeBytes { try Snappy.decompress($0, limit: limit) }
        }
    }

    @Test func `several gzip members and zstd frames in a row are one text`() throws {
        let one = Array("one ".utf8)
        let two = Array("two".utf8)
        let gzip = try Deflate.compress(one) + Deflate.compress(two)
        #expect(try Deflate.decompress(gzip, limit: 100) == one + two)
        let zstd = try Zstandard.compress(one) + Zstandard.compress(two)
        #expect(try Zstandard.decompress(zstd, limit: 100) == one + two)
    }

    @Test func `every truncation is an error`() throws {
        let bytes = Array("some text that is compressed, some text that is compressed".utf8)
        let zstd = try Zstandard.compress(bytes)
        let gzip = try Deflate.compress(bytes)
        let snappy = try bytes.withUnsafeBytes { try Snappy.compress($0) }
        for cut in 0..<zstd.count where cut > 0 {
            #expect(throws: CompressionError.self) { try Zstandard.decompress(Array(zstd[..<cut]), limit: 1000) }
        }
        for cut in 0..<gzip.count {
            #expect(throws: CompressionError.self) { try Deflate.decompress(Array(gzip[..<cut]), limit: 1000) }
        }
        for cut in 0..<snappy.count {
            #expect(throws: CompressionError.self) {
                try snappy[..<cut].withUnsafeBytes { try Snappy.decompress($0, limit: 1000) }
            }
        }
    }

    @Test func `a snappy block that states a length it cannot have is refused before memory is reserved`() {
        // A varint of 2^31 - 1 and one literal byte.
        let lie: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00, 0x41]
        #expect(throws: CompressionError.self) { try lie.withUnsafeBytes { try Snappy.decompress($0, limit: Int.max) } }
    }
}
