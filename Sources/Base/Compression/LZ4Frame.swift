import CLZ4

/// LZ4 frames (with header and content size), by liblz4. Blocks without a frame are another format.
public enum LZ4Frame {
    /// One frame that states the size of its content.
    public static func compress(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8] {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.contentSize = UInt64(bytes.count)
        let bound = LZ4F_compressFrameBound(bytes.count, &preferences)
        var written = 0
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            bytes.withUnsafeBytes { input in
                written = LZ4F_compressFrame(buffer.baseAddress, bound, input.baseAddress, input.count, &preferences)
            }
            count = LZ4F_isError(written) == 0 ? written : 0
        }
        guard LZ4F_isError(written) == 0 else {
            throw CompressionError(.failed, codec: "lz4", String(cString: LZ4F_getErrorName(written)))
        }
        return output
    }

    /// Decompresses exactly one frame. Reads the input as a stream: the output grows with what really comes out, up to
    /// `limit` bytes, whatever the header states.
    public static func decompress(_ bytes: [UInt8], limit: Int) throws(CompressionError) -> [UInt8] {
        var context: OpaquePointer?
        guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
            throw CompressionError(.failed, codec: "lz4", "out of memory")
        }
        defer { LZ4F_freeDecompressionContext(context) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(bytes.count * 4, 4096), 1 << 20))
        var consumed = 0
        while true {
            var produced = chunk.count
            var taken = bytes.count - consumed
            let hint = bytes.withUnsafeBytes { input in
                chunk.withUnsafeMutableBytes { buffer in
                    LZ4F_decompress(
                        context, buffer.baseAddress, &produced, input.baseAddress.map { $0 + consumed }, &taken, nil)
                }
            }
            guard LZ4F_isError(hint) == 0 else {
                throw CompressionError(.corrupt, codec: "lz4", String(cString: LZ4F_getErrorName(hint)))
            }
            guard output.count + produced <= limit else {
                throw CompressionError(.tooLarge, codec: "lz4", "more than the \(limit) bytes allowed")
            }
            output.append(contentsOf: chunk[..<produced])
            consumed += taken
            if hint == 0 { break }
            guard taken > 0 || produced > 0 else {
                throw CompressionError(.corrupt, codec: "lz4", "the input ends inside a frame")
            }
        }
        guard consumed == bytes.count else {
            throw CompressionError(.corrupt, codec: "lz4", "bytes after the end of the frame")
        }
        return output
    }
}
