import Compression
import Testing

@Suite struct LZ4FrameTests {
    private static let contents: [[UInt8]] = [
        [], [7], [UInt8](repeating: 1, count: 300_000), (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
    ]

    @Test(arguments: contents)
    func `what is compressed is decompressed`(content: [UInt8]) throws {
        let frame = try LZ4Frame.compress(content)
        #expect(try LZ4Frame.decompress(frame, limit: content.count) == content)
        // Bit 3 of the descriptor: the frame states its content's size.
        #expect(frame[4] & 8 == 8 || content.isEmpty)
        #expect(throws: CompressionError.self) { try LZ4Frame.decompress(frame + [0], limit: content.count) }
        guard !content.isEmpty else { return }
        #expect(throws: CompressionError.self) { try LZ4Frame.decompress(frame, limit: content.count - 1) }
    }

    @Test func `every truncation is refused`() throws {
        let frame = try LZ4Frame.compress(Array("a text that is short, short, short".utf8))
        for length in 0..<frame.count {
            #expect(throws: CompressionError.self) { try LZ4Frame.decompress(Array(frame[..<length]), limit: 1000) }
        }
    }
}
