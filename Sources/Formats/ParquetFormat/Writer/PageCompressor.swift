import CSnappy
import CZlib
import CZstd
import Compression

/// Compresses pages into one buffer that is used again and again; keeps the library's working memory between pages.
final class PageCompressor {
    let codec: ParquetCodec
    private let zstd: OpaquePointer?
    private var output = ByteSink(capacity: 1 << 16)

    init(_ codec: ParquetCodec) throws(ParquetError) {
        self.codec = codec
        if case .zstd = codec {
            zstd = ZSTD_createCCtx()
            guard zstd != nil else { throw ParquetError(.failed, at: "zstd", "out of memory") }
        } else {
            zstd = nil
        }
    }

    deinit { ZSTD_freeCCtx(zstd) }

    /// Hands the compressed bytes to `body`; they are valid only inside it.
    func withCompressed<R>(
        _ page: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(ParquetError) -> R {
        output.removeAll()
        switch codec {
        case .uncompressed: return body(page)
        case .snappy: try compressSnappy(page)
        case .gzip(let level): try compressGzip(page, level)
        case .zstd(let level): try compressZstd(page, level)
        case .lz4Raw:
            try compress(page, bound: LZ4.compressBound(page.count)) { target throws(CompressionError) in
                try LZ4.compress(page, into: target)
            }
        case .brotli(let level):
            try compress(page, bound: Brotli.compressBound(page.count)) { target throws(CompressionError) in
                try Brotli.compress(page, level: level, into: target)
            }
        }
        return body(output.bytes)
    }

    private func compress(
        _ page: UnsafeRawBufferPointer, bound: Int,
        _ compress: (UnsafeMutableRawBufferPointer) throws(CompressionError) -> Int
    ) throws(ParquetError) {
        do {
            output.advance(try compress(UnsafeMutableRawBufferPointer(start: output.reserve(bound), count: bound)))
        } catch {
            throw ParquetError(.failed, at: error.codec, error.message)
        }
    }

    private func compressZstd(_ page: UnsafeRawBufferPointer, _ level: Int32) throws(ParquetError) {
        let bound = ZSTD_compressBound(page.count)
        let written = ZSTD_compressCCtx(zstd, output.reserve(bound), bound, page.baseAddress, page.count, level)
        guard ZSTD_isError(written) == 0 else {
            throw ParquetError(.failed, at: "zstd", String(cString: ZSTD_getErrorName(written)))
        }
        output.advance(written)
    }

    private func compressSnappy(_ page: UnsafeRawBufferPointer) throws(ParquetError) {
        var length = snappy_max_compressed_length(page.count)
        let target = output.reserve(length).assumingMemoryBound(to: CChar.self)
        let source = page.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard snappy_compress(source, page.count, target, &length) == SNAPPY_OK else {
            throw ParquetError(.failed, at: "snappy", "could not compress")
        }
        output.advance(length)
    }

    private func compressGzip(_ page: UnsafeRawBufferPointer, _ level: Int32) throws(ParquetError) {
        var stream = z_stream()
        guard czlib_deflate_init(&stream, level, 15 + 16) == Z_OK else {
            throw ParquetError(.failed, at: "gzip", "out of memory, or a level other than -1 to 9")
        }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(page.count)))
        stream.next_out = output.reserve(bound).assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(bound)
        // zlib reads only; its type has no const.
        stream.next_in = UnsafeMutablePointer(mutating: page.bindMemory(to: UInt8.self).baseAddress)
        stream.avail_in = UInt32(page.count)
        guard deflate(&stream, Z_FINISH) == Z_STREAM_END else {
            throw ParquetError(.failed, at: "gzip", "could not compress")
        }
        output.advance(bound - Int(stream.avail_out))
    }
}
