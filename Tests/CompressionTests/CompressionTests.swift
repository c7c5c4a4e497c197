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
        let lz4 = try bytes.withUnsafeBytes { try LZ4.compress($0) }
        #expect(try lz4.withUnsafeBytes { try LZ4.decompress($0, limit: bytes.count) } == bytes)
        for level: Int32 in [0, 4, 11] where bytes.count < 1_000_000 || level < 11 {
            let brotli = try bytes.withUnsafeBytes { try Brotli.compress($0, level: level) }
            #expect(try brotli.withUnsafeBytes { try Brotli.decompress($0, limit: bytes.count) } == bytes)
        }
    }

    @Test(arguments: samples)
    func `gzip in pieces is gzip, whatever it takes over from an earlier text`(bytes: [UInt8]) throws {
        let first = try PiecewiseGzip(bytes, starts: [bytes.count / 3, bytes.count / 2])
        #expect(try Deflate.decompress(first.bytes, limit: bytes.count) == bytes)
        var changed = Array("a longer beginning".utf8) + bytes + [1, 2, 3]
        if changed.count > 400_000 { changed[300_000] = 77 }
        let starts = [18 + bytes.count / 3, 18 + bytes.count / 2]
        let second = try PiecewiseGzip(changed, starts: starts, after: first)
        #expect(try Deflate.decompress(second.bytes, limit: changed.count) == changed)
        #expect(second.bytes == (try PiecewiseGzip(changed, starts: starts)).bytes)
        let third = try PiecewiseGzip(Array(changed.dropLast(200_000)), after: second)
        #expect(try Deflate.decompress(third.bytes, limit: changed.count) == changed.dropLast(200_000))
    }

    @Test(arguments: [-1, 12] as [Int32])
    func `a brotli level that does not exist is refused`(level: Int32) {
        #expect(throws: CompressionError.self) {
            try [1, 2, 3].withUnsafeBytes { try Brotli.compress($0, level: level) }
        }
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
        let lz4 = try zeros.withUnsafeBytes { try LZ4.compress($0) }
        #expect(throws: CompressionError.self) { try lz4.withUnsafeBytes { try LZ4.decompress($0, limit: limit) } }
        let brotli = try zeros.withUnsafeBytes { try Brotli.compress($0, level: 1) }
        let error = #expect(throws: CompressionError.self) {
            try brotli.withUnsafeBytes { try Brotli.decompress($0, limit: limit) }
        }
        #expect(error?.code == .tooLarge)
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
        let lz4 = try bytes.withUnsafeBytes { try LZ4.compress($0) }
        let brotli = try bytes.withUnsafeBytes { try Brotli.compress($0) }
        for cut in 0..<lz4.count {
            #expect(throws: CompressionError.self) {
                let decoded = try lz4[..<cut].withUnsafeBytes { try LZ4.decompress($0, limit: 1000) }
                // A cut between two sequences is a shorter block: only the size, known from elsewhere, tells.
                if decoded.count < bytes.count { throw CompressionError(.corrupt, codec: "lz4", "short") }
            }
        }
        for cut in 0..<brotli.count {
            #expect(throws: CompressionError.self) {
                try brotli[..<cut].withUnsafeBytes { try Brotli.decompress($0, limit: 1000) }
            }
        }
    }

    @Test func `a snappy block that states a length it cannot have is refused before memory is reserved`() {
        // A varint of 2^31 - 1 and one literal byte.
        let lie: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00, 0x41]
        #expect(throws: CompressionError.self) { try lie.withUnsafeBytes { try Snappy.decompress($0, limit: Int.max) } }
    }
}
