import Bytes
import CLZ4

/// LZ4 by liblz4: the raw block format (lz4_Block_format.md), which Parquet calls `LZ4_RAW`, and for reading the
/// framings that old Parquet files call `LZ4`.
public enum LZ4 {
    /// Makes one raw block. It does not state its size: who reads it must know that.
    public static func compress(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> [UInt8] {
        let bound = compressBound(bytes.count)
        var result: Result<Int, CompressionError> = .success(0)
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            result = Result { () throws(CompressionError) in
                try compress(bytes, into: UnsafeMutableRawBufferPointer(buffer))
            }
            if case .success(let written) = result { count = written }
        }
        _ = try result.get()
        return output
    }

    /// The most that a block of `count` bytes takes when it is compressed.
    public static func compressBound(_ count: Int) -> Int { count + count / 255 + 16 }

    /// Makes one raw block in `target` and returns its length. `target` must have `compressBound` bytes.
    public static func compress(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        guard let count = Int32(exactly: bytes.count), count <= Int32(LZ4_MAX_INPUT_SIZE) else {
            throw CompressionError(.tooLarge, codec: "lz4", "\(bytes.count) bytes in one block")
        }
        // liblz4 takes no null pointers, not even for nothing.
        let source = bytes.baseAddress ?? UnsafeRawPointer(target.baseAddress)
        let written = LZ4_compress_default(
            source?.assumingMemoryBound(to: CChar.self), target.baseAddress?.assumingMemoryBound(to: CChar.self),
            count, Int32(clamping: target.count))
        guard written > 0 else { throw CompressionError(.failed, codec: "lz4", "could not compress") }
        return Int(written)
    }

    /// Decompresses one raw block to at most `limit` bytes.
    public static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) -> [UInt8] {
        try array(bytes, limit: limit, decompress)
    }

    /// Decompresses one raw block into `target` and returns how much of it was filled.
    ///
    /// - Throws: `.corrupt`, also when the block holds more than `target` does: the library does not tell these apart.
    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        guard let count = Int32(exactly: bytes.count), count > 0, let source = bytes.baseAddress else {
            throw CompressionError(.corrupt, codec: "lz4", "a block of \(bytes.count) bytes")
        }
        // An empty target still needs an address.
        var nothing: CChar = 0
        let written = withUnsafeMutablePointer(to: &nothing) { nowhere in
            LZ4_decompress_safe(
                source.assumingMemoryBound(to: CChar.self),
                target.baseAddress?.assumingMemoryBound(to: CChar.self) ?? nowhere, count,
                Int32(clamping: target.count))
        }
        guard written >= 0 else {
            throw CompressionError(
                .corrupt, codec: "lz4", "the block is damaged, or holds more than \(target.count) bytes")
        }
        return Int(written)
    }

    /// Decompresses what old Parquet files call `LZ4`, to at most `limit` bytes.
    public static func decompressLegacy(
        _ bytes: UnsafeRawBufferPointer, limit: Int
    ) throws(CompressionError) -> [UInt8] {
        try array(bytes, limit: limit, decompressLegacy)
    }

    /// Decompresses what old Parquet files call `LZ4` into `target` and returns how much of it was filled.
    ///
    /// Writers never agreed what that is (Compression.md of parquet-format, "LZ4"): blocks in Hadoop's framing, LZ4
    /// frames, or a raw block. A frame is known by its magic; the framing of Hadoop must account for every byte;
    /// what is neither is read as a raw block.
    public static func decompressLegacy(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        if bytes.count >= 4, UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)) == 0x184D_2204 {
            return try decompressFrames(bytes, into: target)
        }
        if let written = decompressHadoop(bytes, into: target) { return written }
        return try decompress(bytes, into: target)
    }

    // MARK: - Framings

    /// Chunks of a big-endian decompressed size and then blocks, each after its big-endian length, until that size is
    /// reached. Nil when the bytes are not of that form.
    private static func decompressHadoop(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var (offset, written) = (0, 0)
        func number() -> Int? {
            guard bytes.count - offset >= 4 else { return nil }
            defer { offset += 4 }
            return Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        while offset < bytes.count {
            guard let size = number(), size <= target.count - written else { return nil }
            let end = written + size
            while written < end {
                guard let length = number(), length > 0, length <= bytes.count - offset else { return nil }
                let block = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])
                offset += length
                do {
                    let filled = try decompress(
                        block, into: UnsafeMutableRawBufferPointer(rebasing: target[written..<end]))
                    guard filled > 0 else { return nil }
                    written += filled
                } catch {
                    return nil
                }
            }
        }
        return offset > 0 ? written : nil
    }

    /// One or more frames (lz4_Frame_format.md).
    private static func decompressFrames(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        var context: OpaquePointer?
        guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
            throw CompressionError(.failed, codec: "lz4", "out of memory")
        }
        defer { LZ4F_freeDecompressionContext(context) }
        var (offset, written) = (0, 0)
        var hint = 1
        while offset < bytes.count {
            var (taken, filled) = (bytes.count - offset, target.count - written)
            // A target that is full may still be owed the end of the frame.
            hint = LZ4F_decompress(
                context, target.baseAddress.map { $0 + written }, &filled, bytes.baseAddress.map { $0 + offset },
                &taken, nil)
            guard LZ4F_isError(hint) == 0 else {
                throw CompressionError(.corrupt, codec: "lz4", String(cString: LZ4F_getErrorName(hint)))
            }
            guard taken > 0 || filled > 0 else {
                throw CompressionError(.tooLarge, codec: "lz4", "more than the \(target.count) bytes allowed")
            }
            offset += taken
            written += filled
        }
        guard hint == 0 else { throw CompressionError(.corrupt, codec: "lz4", "the input ends inside a frame") }
        return written
    }

    // MARK: - Arrays

    /// Room is reserved for what the input can expand to, so that a large limit alone costs nothing.
    private static func array(
        _ bytes: UnsafeRawBufferPointer, limit: Int,
        _ decompress: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) throws(CompressionError) -> Int
    ) throws(CompressionError) -> [UInt8] {
        let (expanded, overflow) = bytes.count.multipliedReportingOverflow(by: 255)
        let room = min(max(limit, 0), overflow ? Int.max : expanded)
        var result: Result<Int, CompressionError> = .success(0)
        let output = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            result = Result { () throws(CompressionError) in
                try decompress(
                    bytes, UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<room]))
            }
            if case .success(let written) = result { count = written }
        }
        _ = try result.get()
        return output
    }
}
