/// The RLE / bit-packing hybrid (Encodings.md, RLE = 3), for levels and dictionary indices.
enum HybridEncoder {
    /// Bits that hold `maximum`, at least one: some readers do not take a width of 0.
    static func bitWidth(maximum: Int) -> Int { max(1, Int.bitWidth - maximum.leadingZeroBitCount) }

    static func encode<T: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafeBufferPointer<T>, bitWidth: Int, into sink: inout ByteSink
    ) {
        guard let base = values.baseAddress else { return }
        let count = values.count
        // A run costs its header and breaks the packing around it: for narrow values it must be longer to pay.
        let shortestRun = bitWidth <= 2 ? 32 : (bitWidth <= 4 ? 16 : 8)
        var packed = 0
        var index = 0
        while index < count {
            let value = base[index]
            let end = endOfRun(base, from: index, count: count, value)
            // Packed values come in groups of eight: the last group takes its rest from the run.
            let borrowed = (8 - (index - packed) & 7) & 7
            if end - index - borrowed >= shortestRun {
                pack(base + packed, index + borrowed - packed, bitWidth, &sink)
                repeated(value, end - index - borrowed, bitWidth, &sink)
                packed = end
            }
            index = end
        }
        pack(base + packed, count - packed, bitWidth, &sink)
    }

    @inline(__always)
    private static func endOfRun<T: FixedWidthInteger & UnsignedInteger>(
        _ base: UnsafePointer<T>, from index: Int, count: Int, _ value: T
    ) -> Int {
        var end = index + 1
        if MemoryLayout<T>.size == 1 {
            // Levels are mostly long runs: eight at a time.
            let raw = UnsafeRawPointer(base)
            let word = UInt64(truncatingIfNeeded: value) &* 0x0101_0101_0101_0101
            while end &+ 8 <= count && raw.loadUnaligned(fromByteOffset: end, as: UInt64.self) == word { end &+= 8 }
        }
        while end < count && base[end] == value { end &+= 1 }
        return end
    }

    /// One value `count` times.
    static func repeated<T: FixedWidthInteger & UnsignedInteger>(
        _ value: T, _ count: Int, _ bitWidth: Int, _ sink: inout ByteSink
    ) {
        sink.append(varint: UInt64(count) << 1)
        let target = sink.reserve(4)
        target.storeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian, as: UInt32.self)
        sink.advance((bitWidth + 7) / 8)
    }

    private static func pack<T: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<T>, _ count: Int, _ bitWidth: Int, _ sink: inout ByteSink
    ) {
        guard count > 0 else { return }
        let groups = (count + 7) / 8
        sink.append(varint: UInt64(groups) << 1 | 1)
        // Eight bytes more than needed: stores are whole words.
        let target = sink.reserve(groups * bitWidth + 8)
        if bitWidth <= 8 {
            packNarrow(values, count, bitWidth, target)
        } else {
            packWide(values, count, groups, bitWidth, target)
        }
        sink.advance(groups * bitWidth)
    }

    private static func packNarrow<T: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<T>, _ count: Int, _ bitWidth: Int, _ target: UnsafeMutableRawPointer
    ) {
        let width = UInt64(truncatingIfNeeded: bitWidth)
        var output = target
        var index = 0
        while index + 8 <= count {
            let group = values + index
            var word = UInt64(truncatingIfNeeded: group[0])
            word |= UInt64(truncatingIfNeeded: group[1]) &<< width
            word |= UInt64(truncatingIfNeeded: group[2]) &<< (width &* 2)
            word |= UInt64(truncatingIfNeeded: group[3]) &<< (width &* 3)
            word |= UInt64(truncatingIfNeeded: group[4]) &<< (width &* 4)
            word |= UInt64(truncatingIfNeeded: group[5]) &<< (width &* 5)
            word |= UInt64(truncatingIfNeeded: group[6]) &<< (width &* 6)
            word |= UInt64(truncatingIfNeeded: group[7]) &<< (width &* 7)
            output.storeBytes(of: word.littleEndian, as: UInt64.self)
            output += bitWidth
            index += 8
        }
        guard index < count else { return }
        var word: UInt64 = 0
        for slot in 0..<(count - index) {
            word |= UInt64(truncatingIfNeeded: values[index + slot]) &<< (width &* UInt64(slot))
        }
        output.storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    private static func packWide<T: FixedWidthInteger & UnsignedInteger>(
        _ values: UnsafePointer<T>, _ count: Int, _ groups: Int, _ bitWidth: Int, _ target: UnsafeMutableRawPointer
    ) {
        var word: UInt64 = 0
        var bits: UInt64 = 0
        var output = target
        let width = UInt64(bitWidth)
        for index in 0..<count {
            word |= UInt64(truncatingIfNeeded: values[index]) &<< bits
            bits &+= width
            if bits >= 32 {
                output.storeBytes(of: UInt32(truncatingIfNeeded: word).littleEndian, as: UInt32.self)
                output += 4
                word &>>= 32
                bits &-= 32
            }
        }
        // The rest of the last group is zero.
        let end = target + groups * bitWidth
        while output < end {
            let length = min(4, end - output)
            for position in 0..<length {
                output.storeBytes(
                    of: UInt8(truncatingIfNeeded: word &>> UInt64(8 * position)), toByteOffset: position,
                    as: UInt8.self)
            }
            output += length
            word &>>= 32
        }
    }
}
