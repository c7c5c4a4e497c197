/// DELTA_BINARY_PACKED (Encodings.md): differences of integers, in blocks of 128 in four miniblocks.
///
/// Differences wrap at the width of the type: some readers refuse more bits than the type has.
enum DeltaEncoder {
    private static let blockSize = 128
    private static let miniblockSize = 32
    private static let miniblocks = blockSize / miniblockSize

    static func encode<T: FixedWidthInteger & SignedInteger>(
        _ values: UnsafeBufferPointer<T>, into sink: inout ByteSink
    ) {
        sink.append(varint: UInt64(blockSize))
        sink.append(varint: UInt64(miniblocks))
        sink.append(varint: UInt64(values.count))
        guard let base = values.baseAddress, values.count > 0 else {
            sink.append(varint: 0)
            return
        }
        sink.append(varint: zigzag(Int64(base[0])))
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: blockSize) { scratch in
            guard let deltas = scratch.baseAddress else { return }
            var next = 1
            while next < values.count {
                let count = min(blockSize, values.count - next)
                let minimum = differences(base + next, count, into: deltas)
                sink.append(varint: zigzag(Int64(minimum)))
                appendMiniblocks(deltas, count, minimum, to: &sink)
                next += count
            }
        }
    }

    @inline(__always)
    private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

    /// What separates each value from the one before it, and the smallest of these.
    @inline(__always)
    private static func differences<T: FixedWidthInteger & SignedInteger>(
        _ values: UnsafePointer<T>, _ count: Int, into deltas: UnsafeMutablePointer<UInt64>
    ) -> T {
        var minimum = T.max
        for index in 0..<count {
            let delta = values[index] &- values[index &- 1]
            minimum = min(minimum, delta)
            deltas[index] = UInt64(truncatingIfNeeded: delta)
        }
        return minimum
    }

    @inline(__always)
    private static func appendMiniblocks<T: FixedWidthInteger & SignedInteger>(
        _ deltas: UnsafeMutablePointer<UInt64>, _ count: Int, _ minimum: T, to sink: inout ByteSink
    ) {
        let mask: UInt64 = T.bitWidth == 64 ? .max : 1 &<< UInt64(T.bitWidth) &- 1
        let base = UInt64(truncatingIfNeeded: minimum)
        for index in 0..<count { deltas[index] = (deltas[index] &- base) & mask }
        // The rest of the last miniblock is padding, and miniblocks without values have width 0 and no bytes.
        for index in count..<blockSize { deltas[index] = 0 }
        // The widths, at most 64 bits for each value, and the rest of the last word.
        let widths = sink.reserve(miniblocks + blockSize * 8 + 8)
        var target = widths + miniblocks
        for miniblock in 0..<miniblocks {
            let part = UnsafePointer(deltas + miniblock * miniblockSize)
            var union: UInt64 = 0
            for index in 0..<miniblockSize { union |= part[index] }
            let width = 64 - union.leadingZeroBitCount
            widths.storeBytes(of: UInt8(truncatingIfNeeded: width), toByteOffset: miniblock, as: UInt8.self)
            pack(part, width: UInt64(width), into: target)
            target += miniblockSize / 8 * width
        }
        sink.advance(target - widths)
    }

    /// Writes whole words: up to seven bytes behind the miniblock.
    @inline(__always)
    private static func pack(_ values: UnsafePointer<UInt64>, width: UInt64, into target: UnsafeMutableRawPointer) {
        guard width > 0 else { return }
        var output = target
        var (word, filled): (UInt64, UInt64) = (0, 0)
        for index in 0..<miniblockSize {
            let value = values[index]
            word |= value &<< filled
            filled &+= width
            if filled >= 64 {
                output.storeBytes(of: word.littleEndian, as: UInt64.self)
                output += 8
                filled &-= 64
                word = filled == 0 ? 0 : value &>> (width &- filled)
            }
        }
        if filled > 0 { output.storeBytes(of: word.littleEndian, as: UInt64.self) }
    }
}
