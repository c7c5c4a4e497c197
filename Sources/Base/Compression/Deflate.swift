import CZlib
import Bytes

/// gzip (RFC 1952) and raw deflate (RFC 1951), by zlib.
public enum Deflate {
    public enum Container: Sendable {
        /// With header and checksum. Reading takes several members in a row.
        case gzip
        /// With the short header and Adler-32 of RFC 1950.
        case zlib
        /// Neither header nor checksum: Avro's `deflate` codec.
        case raw

        var windowBits: Int32 {
            switch self {
            case .gzip: 15 + 16
            case .zlib: 15
            case .raw: -15
            }
        }
    }

    public static func compress(
        _ bytes: [UInt8], container: Container = .gzip, level: Int32 = 6
    ) throws(CompressionError) -> [UInt8] {
        var stream = z_stream()
        guard czlib_deflate_init(&stream, level, container.windowBits) == Z_OK else {
            throw CompressionError(.failed, codec: "deflate", "out of memory")
        }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        var status = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            input.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(bound)
                status = deflate(&stream, Z_FINISH)
                count = bound - Int(stream.avail_out)
            }
        }
        guard status == Z_STREAM_END else { throw CompressionError(.failed, codec: "deflate", "could not compress") }
        return output
    }

    /// Decompresses to at most `limit` bytes; the input must end where the stream ends.
    ///
    /// - Parameter trailingBytesMax: bytes after the end of the stream that are ignored: some writers leave a few.
    public static func decompress(
        _ bytes: [UInt8], container: Container = .gzip, limit: Int, trailingBytesMax: Int = 0
    ) throws(CompressionError) -> [UInt8] {
        if container == .gzip, let text = decompressAtOnce(bytes, limit: limit) { return text }
        var stream = z_stream()
        guard czlib_inflate_init(&stream, container.windowBits) == Z_OK else {
            throw CompressionError(.failed, codec: "deflate", "out of memory")
        }
        defer { inflateEnd(&stream) }
        var input = bytes
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(max(bytes.count * 4, 4096), 1 << 20))
        var consumed = 0
        while true {
            var produced = 0
            let status = input.withUnsafeMutableBufferPointer { source in
                chunk.withUnsafeMutableBufferPointer { target in
                    stream.next_in = source.baseAddress.map { $0 + consumed }
                    stream.avail_in = UInt32(source.count - consumed)
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    consumed = source.count - Int(stream.avail_in)
                    produced = target.count - Int(stream.avail_out)
                    return status
                }
            }
            guard output.count + produced <= limit else {
                throw CompressionError(.tooLarge, codec: "deflate", "more than the \(limit) bytes allowed")
            }
            output.append(contentsOf: chunk[..<produced])
            switch status {
            case Z_STREAM_END:
                if bytes.count - consumed <= trailingBytesMax { return output }
                guard container == .gzip, inflateReset(&stream) == Z_OK else {
                    throw CompressionError(.corrupt, codec: "deflate", "bytes after the end of the stream")
                }
            case Z_OK where consumed < bytes.count || produced == chunk.count:
                continue
            default:
                throw CompressionError(.corrupt, codec: "deflate", "the stream is damaged or cut short")
            }
        }
    }

    /// A gzip file that is one member and as long as its last bytes say; nil for any other.
    private static func decompressAtOnce(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        let size = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        // No byte stands for more than 1,032.
        guard bytes.count >= 18, size <= limit, size <= bytes.count * 1032 else { return nil }
        var stream = z_stream()
        guard czlib_inflate_init(&stream, Container.gzip.windowBits) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        var isWhole = false
        let text = [UInt8](unsafeUninitializedCapacity: size) { output, count in
            bytes.withUnsafeBufferPointer { input in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(size)
                isWhole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0
                count = size - Int(stream.avail_out)
            }
        }
        return isWhole ? text : nil
    }
}
