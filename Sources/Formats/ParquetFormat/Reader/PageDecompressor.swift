import Compression
import CSnappy
import CZlib
import CZstd

/// Decompresses pages into a buffer that is used again and again.
final class PageDecompressor {
    private let codec: Int32
    private var zstd: OpaquePointer?

    /// Takes `CompressionCodec` of parquet.thrift.
    init(_ codec: Int32) throws(ParquetError) {
        self.codec = codec
        switch codec {
        case 0, 1, 2, 4, 5, 7: break
        case 6:
            zstd = ZSTD_createDCtx()
            guard zstd != nil else { throw ParquetError(.failed, at: "zstd", "out of memory") }
        case 3:
            throw ParquetError(
                .unsupported, at: "codec", "LZO; read are uncompressed, snappy, gzip, brotli, lz4, zstd and lz4_raw")
        default: throw ParquetError(.corrupt, at: "codec", "\(codec), which does not exist")
        }
    }

    deinit { ZSTD_freeDCtx(zstd) }

    var isUncompressed: Bool { codec == 0 }

    /// Appends exactly `size` bytes to `target`, or throws.
    func decompress(
        _ source: UnsafeRawBufferPointer, size: Int, into target: inout ByteSink
    ) throws(ParquetError) {
        guard size > 0 else { return }
        if codec == 4 { return try decompressBrotli(source, size, &target) }
        // What a codec can make of its input at most; a header that claims more lies, and nothing is reserved for it.
        let factor =
            switch codec {
            case 1: 64
            case 2: 1_100
            case 5, 7: 255
            default: 50_000
            }
        guard size <= ParquetLimits.pageBytesMax else {
            throw ParquetError(.tooLarge, at: "page", "\(size) bytes, \(ParquetLimits.pageBytesMax) allowed")
        }
        guard size <= source.count * factor + 64 else {
            throw ParquetError(.corrupt, at: "page", "\(source.count) bytes cannot hold \(size)")
        }
        let output = target.reserve(size)
        switch codec {
        case 0:
            guard source.count == size, let from = source.baseAddress else {
                throw ParquetError(.corrupt, at: "page", "\(source.count) bytes where \(size) are stated")
            }
            output.copyMemory(from: from, byteCount: size)
        case 1: try decompressSnappy(source, output, size)
        case 2: try decompressGzip(source, output, size)
        case 5, 7: try decompressLZ4(source, UnsafeMutableRawBufferPointer(start: output, count: size))
        default:
            let written = ZSTD_decompressDCtx(zstd, output, size, source.baseAddress, source.count)
            guard ZSTD_isError(written) == 0 else {
                throw ParquetError(.corrupt, at: "zstd", String(cString: ZSTD_getErrorName(written)))
            }
            try checkSize(written, size, "zstd")
        }
        target.advance(size)
    }

    /// Through a buffer that grows with what comes out: a few bytes can expand to gigabytes, so no claim is believed.
    private func decompressBrotli(
        _ source: UnsafeRawBufferPointer, _ size: Int, _ target: inout ByteSink
    ) throws(ParquetError) {
        guard size <= ParquetLimits.pageBytesMax else {
            throw ParquetError(.tooLarge, at: "page", "\(size) bytes, \(ParquetLimits.pageBytesMax) allowed")
        }
        let bytes: [UInt8]
        do throws(CompressionError) { bytes = try Brotli.decompress(source, limit: size) } catch { throw told(error) }
        try checkSize(bytes.count, size, "brotli")
        bytes.withUnsafeBytes { target.append($0) }
    }

    private func decompressLZ4(
        _ source: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(ParquetError) {
        let written: Int
        do throws(CompressionError) {
            written = try codec == 5 ? LZ4.decompressLegacy(source, into: output) : LZ4.decompress(source, into: output)
        } catch {
            throw told(error)
        }
        try checkSize(written, output.count, "lz4")
    }

    private func told(_ error: CompressionError) -> ParquetError {
        ParquetError(error.code == .failed ? .failed : .corrupt, at: error.codec, error.message)
    }

    private func checkSize(_ written: Int, _ size: Int, _ codec: String) throws(ParquetError) {
        guard written == size else {
            throw ParquetError(.corrupt, at: codec, "\(written) bytes came out where \(size) are stated")
        }
    }

    private func decompressSnappy(
        _ source: UnsafeRawBufferPointer, _ output: UnsafeMutableRawPointer, _ size: Int
    ) throws(ParquetError) {
        let from = source.baseAddress?.assumingMemoryBound(to: CChar.self)
        var length = 0
        guard snappy_uncompressed_length(from, source.count, &length) == SNAPPY_OK else {
            throw ParquetError(.corrupt, at: "snappy", "no valid length")
        }
        try checkSize(length, size, "snappy")
        guard
            snappy_uncompress(from, source.count, output.assumingMemoryBound(to: CChar.self), &length) == SNAPPY_OK
        else { throw ParquetError(.corrupt, at: "snappy", "the block is damaged") }
    }

    /// Takes several members in a row, as some writers make them.
    private func decompressGzip(
        _ source: UnsafeRawBufferPointer, _ output: UnsafeMutableRawPointer, _ size: Int
    ) throws(ParquetError) {
        var stream = z_stream()
        // 32: gzip or zlib, whichever the header says.
        guard czlib_inflate_init(&stream, 15 + 32) == Z_OK else {
            throw ParquetError(.failed, at: "gzip", "out of memory")
        }
        defer { inflateEnd(&stream) }
        // zlib reads only; its type has no const.
        stream.next_in = UnsafeMutablePointer(mutating: source.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(clamping: source.count)
        stream.next_out = output.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(clamping: size)
        while true {
            let status = inflate(&stream, Z_FINISH)
            guard status == Z_STREAM_END else { throw ParquetError(.corrupt, at: "gzip", "damaged or cut short") }
            if stream.avail_in == 0 || stream.avail_out == 0 { break }
            guard inflateReset(&stream) == Z_OK else { throw ParquetError(.failed, at: "gzip", "could not go on") }
        }
        try checkSize(size - Int(stream.avail_out), size, "gzip")
    }
}
