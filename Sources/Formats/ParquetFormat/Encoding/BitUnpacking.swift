/// Unpacks integers packed from the least significant bit on, as bit-packed runs and delta miniblocks are.
enum BitUnpacking {
    /// Writes `count` values of `width` bits (0 to 64). `source` must hold at least `(count * width + 7) / 8` bytes.
    static func unpack<T: FixedWidthInteger & UnsignedInteger>(
        _ source: UnsafeRawBufferPointer, width: Int, count: Int, into target: UnsafeMutablePointer<T>
    ) {
        guard width > 0, let base = source.baseAddress else {
            target.update(repeating: 0, count: count)
            return
        }
        var index = 0
        if width <= 8 {
            index = unpackNarrow(base, source.count, UInt64(width), count, target)
        } else if width <= 56 {
            let mask: UInt64 = (1 &<< UInt64(width)) &- 1
            // As long as a whole word can be loaded at the value's first byte.
            let safe = source.count >= 8 ? min(count, ((source.count - 8) * 8) / width + 1) : 0
            var bit = 0
            while index < safe {
                let word = base.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self)
                target[index] = T(truncatingIfNeeded: (word &>> UInt64(bit & 7)) & mask)
                bit &+= width
                index &+= 1
            }
        }
        while index < count {
            target[index] = T(truncatingIfNeeded: value(base, source.count, width: width, at: index))
            index += 1
        }
    }

    /// Eight values take `width` whole bytes. Returns how many values it wrote.
    @inline(__always)
    private static func unpackNarrow<T: FixedWidthInteger & UnsignedInteger>(
        _ base: UnsafeRawPointer, _ size: Int, _ width: UInt64, _ count: Int, _ target: UnsafeMutablePointer<T>
    ) -> Int {
        let mask: UInt64 = (1 &<< width) &- 1
        var (index, offset) = (0, 0)
        while index &+ 8 <= count && offset &+ 8 <= size {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let group = target + index
            group[0] = T(truncatingIfNeeded: word & mask)
            group[1] = T(truncatingIfNeeded: word &>> width & mask)
            group[2] = T(truncatingIfNeeded: word &>> (width &* 2) & mask)
            group[3] = T(truncatingIfNeeded: word &>> (width &* 3) & mask)
            group[4] = T(truncatingIfNeeded: word &>> (width &* 4) & mask)
            group[5] = T(truncatingIfNeeded: word &>> (width &* 5) & mask)
            group[6] = T(truncatingIfNeeded: word &>> (width &* 6) & mask)
            group[7] = T(truncatingIfNeeded: word &>> (width &* 7) & mask)
            index &+= 8
            offset &+= Int(width)
        }
        return index
    }

    /// One value, bytewise: near the end of the source and for the widest values.
    private static func value(_ base: UnsafeRawPointer, _ size: Int, width: Int, at index: Int) -> UInt64 {
        var result: UInt64 = 0
        var filled = 0
        var bit = index * width
        while filled < width {
            guard bit >> 3 < size else { break }
            let byte = UInt64(base.load(fromByteOffset: bit >> 3, as: UInt8.self)) >> UInt64(bit & 7)
            let taken = min(8 - (bit & 7), width - filled)
            result |= (byte & ((1 << UInt64(taken)) - 1)) << UInt64(filled)
            filled += taken
            bit += taken
        }
        return result
    }
}
