import CZlib
import Glibc

/// A text in gzip, made of pieces that are compressed each by itself, so that those a later text still has are taken over
/// instead of compressed again: for large documents that change in a few places.
///
/// One member like any other (RFC 1952): each piece begins with an empty window and ends on a byte, as a full flush leaves it
/// (RFC 1951), which costs a few percent of size.
public struct PiecewiseGzip: Sendable {
    private struct Piece: Sendable {
        /// In the text.
        let range: Range<Int>
        /// In `bytes`.
        let packed: Range<Int>
        let checksum: UInt
    }

    public static let pieceBytes = 128 << 10
    private static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255]
    /// An empty last block.
    private static let end: [UInt8] = [3, 0]

    /// The whole file.
    public let bytes: [UInt8]
    private let text: [UInt8]
    /// Of each region.
    private let regions: [[Piece]]

    /// - Parameters:
    ///   - starts: where in the text something begins that may move as a whole, ascending: pieces are counted from there, and
    ///     compared with those of the same region of `previous`.
    ///   - previous: what the text has grown from.
    public init(
        _ text: [UInt8], starts: [Int] = [], after previous: PiecewiseGzip? = nil, level: Int32 = 1
    ) throws(CompressionError) {
        let packer = try PiecePacker(level: level)
        var bytes = Self.header
        var checksum: UInt = crc32(0, nil, 0)
        var regions: [[Piece]] = []
        let bounds = [0] + starts + [text.count]
        for (number, (start, end)) in zip(bounds, bounds.dropFirst()).enumerated() {
            precondition(start <= end, "regions ascend")
            var pieces: [Piece] = []
            for offset in stride(from: start, to: end, by: Self.pieceBytes) {
                let range = offset..<min(offset + Self.pieceBytes, end)
                let first = bytes.count
                let sum: UInt
                if let known = previous?.piece(number, pieces.count), let previous,
                    Self.isSame(text, range, previous.text, known.range)
                {
                    bytes += previous.bytes[known.packed]
                    sum = known.checksum
                } else {
                    sum = try packer.append(text, range, to: &bytes)
                }
                pieces.append(Piece(range: range, packed: first..<bytes.count, checksum: sum))
                checksum = crc32_combine(checksum, sum, range.count)
            }
            regions.append(pieces)
        }
        bytes += Self.end
        for number in [UInt32(truncatingIfNeeded: checksum), UInt32(truncatingIfNeeded: text.count)] {
            for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        self.bytes = bytes
        self.text = text
        self.regions = regions
    }

    private func piece(_ region: Int, _ number: Int) -> Piece? {
        guard region < regions.count, number < regions[region].count else { return nil }
        return regions[region][number]
    }

    private static func isSame(_ one: [UInt8], _ range: Range<Int>, _ other: [UInt8], _ place: Range<Int>) -> Bool {
        guard range.count == place.count else { return false }
        return one.withUnsafeBytes { one in
            other.withUnsafeBytes { other in
                guard let left = one.baseAddress, let right = other.baseAddress else { return true }
                return memcmp(left + range.lowerBound, right + place.lowerBound, range.count) == 0
            }
        }
    }
}

/// Compresses one piece after the other.
private struct PiecePacker: ~Copyable {
    // zlib remembers where it lies.
    private let stream: UnsafeMutablePointer<z_stream>

    init(level: Int32) throws(CompressionError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard czlib_deflate_init(stream, level, Deflate.Container.raw.windowBits) == Z_OK else {
            stream.deallocate()
            throw CompressionError(.failed, codec: "deflate", "out of memory")
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// - Returns: the CRC-32 of the piece.
    func append(_ text: [UInt8], _ range: Range<Int>, to bytes: inout [UInt8]) throws(CompressionError) -> UInt {
        var status = deflateReset(stream)
        // What a flush adds is not in zlib's bound.
        let bound = Int(deflateBound(stream, UInt(range.count))) + 16
        var checksum: UInt = 0
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            text.withUnsafeBufferPointer { text in
                let piece = UnsafeBufferPointer(rebasing: text[range])
                checksum = crc32(0, piece.baseAddress, UInt32(piece.count))
                stream.pointee.next_in = UnsafeMutablePointer(mutating: piece.baseAddress)
                stream.pointee.avail_in = UInt32(piece.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(bound)
                if status == Z_OK { status = deflate(stream, Z_SYNC_FLUSH) }
                count = bound - Int(stream.pointee.avail_out)
            }
        }
        guard status == Z_OK, stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 else {
            throw CompressionError(.failed, codec: "deflate", "could not compress")
        }
        bytes += packed
        return checksum
    }
}
