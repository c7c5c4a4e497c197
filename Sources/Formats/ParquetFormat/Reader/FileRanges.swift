/// Parts of a file that were fetched. A part that is needed must lie inside one of them.
public struct FileRanges: Sendable {
    private struct Piece {
        let offset: Int64
        let bytes: [UInt8]
        var range: Range<Int64> { offset..<(offset + Int64(bytes.count)) }
    }

    /// By offset.
    private var pieces: [Piece] = []

    public init() {}

    /// Adds bytes that lie at an offset of the file.
    public mutating func insert(_ bytes: [UInt8], at offset: Int64) {
        precondition(offset >= 0 && offset <= Int64.max - Int64(bytes.count), "no place in a file")
        pieces.insert(Piece(offset: offset, bytes: bytes), at: end(before: offset))
    }

    public func contains(_ range: Range<Int64>) -> Bool { piece(range) != nil }

    /// The piece that holds a range, and where in it.
    func slice(_ range: Range<Int64>, _ place: @autoclosure () -> String) throws(ParquetError) -> ByteSlice {
        guard let piece = piece(range) else {
            throw ParquetError(
                .corrupt, at: place(),
                "bytes \(range.lowerBound) to \(range.upperBound) are not in the file or not fetched")
        }
        let start = Int(range.lowerBound - piece.offset)
        return ByteSlice(bytes: piece.bytes, range: start..<(start + range.count))
    }

    private func piece(_ range: Range<Int64>) -> Piece? {
        // Pieces may overlap: a longer one may begin before the nearest.
        pieces[..<end(before: range.lowerBound)].last {
            $0.range.lowerBound <= range.lowerBound && range.upperBound <= $0.range.upperBound
        }
    }

    /// The number of pieces that begin at an offset or before it.
    private func end(before offset: Int64) -> Int {
        var (low, high) = (0, pieces.count)
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Sorts ranges and joins those that overlap or lie at most `gapBytesMax` apart: fewer requests for a few bytes more.
    public static func coalesced(_ ranges: [Range<Int64>], gapBytesMax: Int64) -> [Range<Int64>] {
        var result: [Range<Int64>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = result.last, range.lowerBound - last.upperBound <= gapBytesMax {
                result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}

/// Some bytes of a buffer, kept without a copy.
struct ByteSlice: Sendable {
    let bytes: [UInt8]
    let range: Range<Int>

    init(bytes: [UInt8], range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    var copied: [UInt8] { Array(bytes[range]) }

    func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws(ParquetError) -> R) throws(ParquetError) -> R {
        try bytes.withUnsafeBufferPointer { buffer throws(ParquetError) in
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[range]))
        }
    }
}
