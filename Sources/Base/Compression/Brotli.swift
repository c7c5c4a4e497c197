import Bytes
import CBrotli

/// Brotli streams (RFC 7932), by libbrotli.
public enum Brotli {
    /// - Parameter level: 0 (fast) to 11 (small).
    public static func compress(
        _ bytes: UnsafeRawBufferPointer, level: Int32 = 4
    ) throws(CompressionError) -> [UInt8] {
        var result: Result<Int, CompressionError> = .success(0)
        let output = [UInt8](unsafeUninitializedCapacity: compressBound(bytes.count)) { buffer, count in
            result = Result { () throws(CompressionError) in
                try compress(bytes, level: level, into: UnsafeMutableRawBufferPointer(buffer))
            }
            if case .success(let written) = result { count = written }
        }
        _ = try result.get()
        return output
    }

    /// The most that `count` bytes take when they are compressed.
    public static func compressBound(_ count: Int) -> Int { max(16, BrotliEncoderMaxCompressedSize(count)) }

    /// Compresses into `target`, which must have `compressBound` bytes, and returns how many were written.
    public static func compress(
        _ bytes: UnsafeRawBufferPointer, level: Int32, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        guard (BROTLI_MIN_QUALITY...BROTLI_MAX_QUALITY).contains(level) else {
            throw CompressionError(.failed, codec: "brotli", "a level of \(level), allowed are 0 to 11")
        }
        var written = target.count
        let done = BrotliEncoderCompress(
            level, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, bytes.count,
            bytes.bindMemory(to: UInt8.self).baseAddress, &written, target.bindMemory(to: UInt8.self).baseAddress)
        guard done != 0 else { throw CompressionError(.failed, codec: "brotli", "could not compress") }
        return written
    }

    /// Decompresses to at most `limit` bytes. The output grows with what really comes out.
    public static func decompress(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(CompressionError) -> [UInt8] {
        var decoder = try Decoder(bytes)
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(bytes.count * 4, 4096), 1 << 20))
        while true {
            let result = chunk.withUnsafeMutableBytes { buffer in
                Result { () throws(CompressionError) in try decoder.next(into: buffer) }
            }
            let (written, isFinished) = try result.get()
            guard output.count + written <= limit else { throw tooLarge(limit) }
            output.append(contentsOf: chunk[..<written])
            if isFinished { return output }
        }
    }

    /// Decompresses into `target` and returns how much of it was filled.
    public static func decompress(
        _ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) throws(CompressionError) -> Int {
        var decoder = try Decoder(bytes)
        let (written, isFinished) = try decoder.next(into: target)
        guard isFinished else { throw tooLarge(target.count) }
        return written
    }

    private static func tooLarge(_ limit: Int) -> CompressionError {
        CompressionError(.tooLarge, codec: "brotli", "more than the \(limit) bytes allowed")
    }

    private struct Decoder: ~Copyable {
        private let state: OpaquePointer
        private var next: UnsafePointer<UInt8>?
        private var remaining: Int

        init(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) {
            guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else {
                throw CompressionError(.failed, codec: "brotli", "out of memory")
            }
            self.state = state
            next = bytes.bindMemory(to: UInt8.self).baseAddress
            remaining = bytes.count
        }

        deinit { BrotliDecoderDestroyInstance(state) }

        mutating func next(
            into target: UnsafeMutableRawBufferPointer
        ) throws(CompressionError) -> (written: Int, isFinished: Bool) {
            var output = target.bindMemory(to: UInt8.self).baseAddress
            var room = target.count
            switch BrotliDecoderDecompressStream(state, &remaining, &next, &room, &output, nil) {
            case BROTLI_DECODER_RESULT_SUCCESS:
                guard remaining == 0 else { throw corrupt("bytes after the end of the stream") }
                return (target.count - room, true)
            case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: return (target.count - room, false)
            case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: throw corrupt("the input ends inside the stream")
            default: throw corrupt(String(cString: BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state))))
            }
        }

        private func corrupt(_ message: String) -> CompressionError {
            CompressionError(.corrupt, codec: "brotli", message)
        }
    }
}
