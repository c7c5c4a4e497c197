/// DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY (Encodings.md).
enum DeltaByteArrayEncoder {
    /// All lengths, then all bytes. Only for byte arrays of any length.
    static func encodeLengths(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        guard let offsets = view.offsets, !range.isEmpty else {
            DeltaEncoder.encode(UnsafeBufferPointer<Int32>(start: nil, count: 0), into: &sink)
            return
        }
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: range.count) { lengths in
            for index in 0..<range.count {
                let position = range.lowerBound &+ index
                lengths[index] = Int32(truncatingIfNeeded: offsets[position &+ 1] &- offsets[position])
            }
            DeltaEncoder.encode(UnsafeBufferPointer(lengths), into: &sink)
        }
        let (start, end) = (Int(offsets[range.lowerBound]), Int(offsets[range.upperBound]))
        sink.append(UnsafeRawBufferPointer(start: view.base + start, count: end - start))
    }

    /// How much of the value before begins each value, and then what follows as above.
    static func encodePrefixes(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * range.count + 1) { scratch in
            let prefixes = UnsafeMutableBufferPointer(rebasing: scratch[..<range.count])
            let suffixes = UnsafeMutableBufferPointer(rebasing: scratch[range.count..<(2 * range.count)])
            var (before, beforeLength) = (view.base, 0)
            var suffixBytes = 0
            for index in 0..<range.count {
                let (start, length) = view.value(range.lowerBound &+ index)
                let shared = commonPrefix(before, start, min(beforeLength, length))
                prefixes[index] = Int32(truncatingIfNeeded: shared)
                suffixes[index] = Int32(truncatingIfNeeded: length &- shared)
                suffixBytes &+= length &- shared
                (before, beforeLength) = (start, length)
            }
            DeltaEncoder.encode(UnsafeBufferPointer(prefixes), into: &sink)
            DeltaEncoder.encode(UnsafeBufferPointer(suffixes), into: &sink)
            var target = sink.reserve(suffixBytes)
            for index in 0..<range.count {
                let (start, _) = view.value(range.lowerBound &+ index)
                let length = Int(suffixes[index])
                copyShort(target, start + Int(prefixes[index]), length)
                target += length
            }
            sink.advance(suffixBytes)
        }
    }

    @inline(__always)
    private static func commonPrefix(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ limit: Int) -> Int {
        var length = 0
        while length &+ 8 <= limit {
            let difference =
                left.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
                ^ right.loadUnaligned(fromByteOffset: length, as: UInt64.self).littleEndian
            if difference != 0 { return length &+ difference.trailingZeroBitCount / 8 }
            length &+= 8
        }
        while length < limit,
            left.load(fromByteOffset: length, as: UInt8.self) == right.load(fromByteOffset: length, as: UInt8.self)
        {
            length &+= 1
        }
        return length
    }
}
