import CZstd
import Bytes

/// Zstandard frames (RFC 8878), by libzstd.
public enum Zstandard {
    public static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32 = 3) throws(CompressionError) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        var written = 0
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            written = ZSTD_compress(buffer.baseAddress, bound, bytes.baseAddress, bytes.count, level)
            count = ZSTD_isError(written) == 0 ? written : 0
        }
        guard ZSTD_isError(written) == 0 else {
            throw CompressionError(.failed, codec: "zstd", String(cString: ZSTD_getErrorName(written)))
        }
        return output
    }

    public static func compress(_ bytes: [UInt8], level: Int32 = 3) throws(CompressionError) -> [UInt8] {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(CompressionError) in try compress(raw, level: level) }
        }
        return try result.get()
    }

    /// Decompresses one or more frames. Reads the input as a stream, so that a header that lies about the size cannot
    /// make it reserve memory: the output grows with what really comes out, up to `limit` bytes.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        guard let stream = ZSTD_createDCtx() else { throw CompressionError(.failed, codec: "zstd", "out of memory") }
        defer { ZSTD_freeDCtx(stream) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(bytes.count * 4, 4096), 1 << 20))
        var consumed = 0
        var hint = 1
        while consumed < bytes.count || hint != 0 {
            var produced = 0
            let before = consumed
            hint = bytes.withUnsafeBytes { input in
                chunk.withUnsafeMutableBytes { buffer in
                    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: consumed)
                    var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
                    let result = ZSTD_decompressStream(stream, &target, &source)
                    consumed = source.pos
                    produced = target.pos
                    return result
                }
            }
            guard ZSTD_isError(hint) == 0 else {
                throw CompressionError(.corrupt, codec: "zstd", String(cString: ZSTD_getErrorName(hint)))
            }
            guard output.count + produced <= limit else {
                throw CompressionError(.tooLarge, codec: "zstd", "more than the \(limit) bytes allowed")
            }
            output.append(contentsOf: chunk[..<produced])
            if consumed == bytes.count && produced < chunk.count && hint != 0 {
                throw CompressionError(.corrupt, codec: "zstd", "the input ends inside a frame")
            }
            if consumed == before && produced == 0 && hint != 0 {
                throw CompressionError(.corrupt, codec: "zstd", "the input ends inside a frame")
            }
        }
        return output
    }
}
