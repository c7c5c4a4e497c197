import CSnappy
import Bytes

/// The raw Snappy block format, by libsnappy.
public enum Snappy {
    public static func compress(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> [UInt8] {
        var length = snappy_max_compressed_length(bytes.count)
        var status = SNAPPY_OK
        let output = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            status = buffer.withMemoryRebound(to: CChar.self) { target in
                snappy_compress(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, target.baseAddress, &length)
            }
            count = status == SNAPPY_OK ? length : 0
        }
        guard status == SNAPPY_OK else { throw CompressionError(.failed, codec: "snappy", "could not compress") }
        return output
    }

    /// Decompresses one block whose stated length is at most `limit` bytes.
    public static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) -> [UInt8] {
        let source = bytes.bindMemory(to: CChar.self)
        var length = 0
        guard snappy_uncompressed_length(source.baseAddress, source.count, &length) == SNAPPY_OK else {
            throw CompressionError(.corrupt, codec: "snappy", "the block states no valid length")
        }
        // No Snappy element makes more than 64 bytes of output from 2 bytes of input: a longer claim is a lie.
        guard length <= limit, length <= bytes.count * 64 else {
            throw CompressionError(.tooLarge, codec: "snappy", "\(length) bytes stated, \(limit) allowed")
        }
        var status = SNAPPY_OK
        let output = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            status = buffer.withMemoryRebound(to: CChar.self) { target in
                snappy_uncompress(source.baseAddress, source.count, target.baseAddress, &length)
            }
            count = status == SNAPPY_OK ? length : 0
        }
        guard status == SNAPPY_OK else { throw CompressionError(.corrupt, codec: "snappy", "the block is damaged") }
        return output
    }
}
