import Bytes
import Checksums
import Compression

/// How the blocks of a file are compressed.
public enum AvroCodec: String, Hashable, Sendable {
    case null
    case deflate
    case snappy
    case zstandard

    func compress(_ block: [UInt8]) throws(AvroError) -> [UInt8] {
        do {
            switch self {
            case .null: return block
            case .deflate: return try Deflate.compress(block, container: .raw)
            case .zstandard: return try Zstandard.compress(block)
            case .snappy:
                let result = block.withUnsafeBytes { raw in
                    Result { () throws(CompressionError) in try Snappy.compress(raw) }
                }
                var output = try result.get()
                output.appendBigEndian(CRC32.checksum(block))
                return output
            }
        } catch {
            throw AvroError(.corrupt, "a block could not be compressed: \(error)")
        }
    }

    func decompress(_ block: ArraySlice<UInt8>, limit: Int) throws(AvroError) -> [UInt8] {
        do {
            switch self {
            case .null: return Array(block)
            case .deflate:
                // PyIceberg cuts one byte too few off the zlib trailer: three bytes are left after the stream.
                return try Deflate.decompress(Array(block), container: .raw, limit: limit, trailingBytesMax: 4)
            case .zstandard: return try Zstandard.decompress(Array(block), limit: limit)
            case .snappy: break
            }
        } catch {
            throw AvroError(error.code == .tooLarge ? .tooLarge : .corrupt, "a block is damaged: \(error)")
        }
        return try decompressSnappy(block, limit: limit)
    }

    /// A Snappy block followed by the big-endian CRC-32 of what it decompresses to.
    private func decompressSnappy(_ block: ArraySlice<UInt8>, limit: Int) throws(AvroError) -> [UInt8] {
        guard block.count >= 4 else { throw AvroError(.corrupt, "a snappy block has no checksum") }
        let result = block.dropLast(4).withUnsafeBytes { raw in
            Result { () throws(CompressionError) in try Snappy.decompress(raw, limit: limit) }
        }
        let output: [UInt8]
        do {
            output = try result.get()
        } catch {
            throw AvroError(error.code == .tooLarge ? .tooLarge : .corrupt, "a block is damaged: \(error)")
        }
        let stated = block.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        guard CRC32.checksum(output) == stated else { throw AvroError(.corrupt, "a snappy block fails its checksum") }
        return output
    }
}
