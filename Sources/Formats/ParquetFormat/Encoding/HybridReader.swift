/// Reads the RLE / bit-packing hybrid piece by piece.
struct HybridReader {
    private var cursor: ByteCursor
    private let width: Int
    private let what: String
    private var repeated: UInt32 = 0
    private var repeatedLeft = 0
    private var packed = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Values of the packed run, and how many of them were read.
    private var packedCount = 0
    private var packedDone = 0

    /// `width` is at most 32.
    init(_ source: UnsafeRawBufferPointer, width: Int, _ what: String) {
        cursor = ByteCursor(source)
        self.width = width
        self.what = what
    }

    /// Writes exactly `count` values.
    ///
    /// - Throws: `.corrupt` when the input ends before.
    mutating func read(_ count: Int, into target: UnsafeMutablePointer<UInt32>) throws(ParquetError) {
        var done = 0
        while done < count {
            if repeatedLeft > 0 {
                let taken = min(repeatedLeft, count - done)
                (target + done).update(repeating: repeated, count: taken)
                repeatedLeft -= taken
                done += taken
            } else if packedDone < packedCount {
                done += unpack(min(packedCount - packedDone, count - done), into: target + done)
            } else {
                try nextRun()
            }
        }
    }

    private mutating func nextRun() throws(ParquetError) {
        let header = try cursor.varint(what)
        guard header >> 1 > 0, header >> 1 <= UInt64(Int32.max) else {
            throw ParquetError(.corrupt, at: what, "a run of \(header >> 1)")
        }
        if header & 1 == 0 {
            repeatedLeft = Int(header >> 1)
            let bytes = try cursor.take((width + 7) / 8, what)
            repeated = 0
            for (index, byte) in bytes.enumerated() { repeated |= UInt32(byte) << UInt32(8 * index) }
            return
        }
        let groups = Int(header >> 1)
        // Some writers leave out the padding of the last group, or of more: what is there counts.
        packed = try cursor.take(min(groups * width, cursor.rest.count), what)
        packedCount = width == 0 ? groups * 8 : min(groups * 8, packed.count * 8 / width)
        packedDone = 0
        guard packedCount > 0 else { throw ParquetError(.corrupt, at: what, "cut short") }
    }

    /// Groups of eight begin at whole bytes; a rest of one group is read on its own. Returns how many it wrote.
    private mutating func unpack(_ count: Int, into target: UnsafeMutablePointer<UInt32>) -> Int {
        let inGroup = packedDone & 7
        let start = (packedDone >> 3) * width
        let rest = UnsafeRawBufferPointer(rebasing: packed[start...])
        guard inGroup > 0 else {
            BitUnpacking.unpack(rest, width: width, count: count, into: target)
            packedDone += count
            return count
        }
        let taken = min(8 - inGroup, count)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 8) { group in
            guard let base = group.baseAddress else { return }
            BitUnpacking.unpack(rest, width: width, count: inGroup + taken, into: base)
            target.update(from: base + inGroup, count: taken)
        }
        packedDone += taken
        return taken
    }
}
