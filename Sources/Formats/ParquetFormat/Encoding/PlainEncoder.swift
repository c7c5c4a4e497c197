/// PLAIN encoding (Encodings.md): numbers little-endian, booleans as bits, byte arrays after their length.
enum PlainEncoder {
    static func encode(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        switch view.type {
        case .boolean: encodeBits(view.words(UInt8.self, range), into: &sink)
        case .byteArray: encodeByteArrays(view, range, into: &sink)
        case .int32, .int64, .int96, .float, .double, .fixedLengthByteArray:
            sink.append(
                UnsafeRawBufferPointer(
                    start: view.base + range.lowerBound * view.stride, count: range.count * view.stride))
        }
    }

    /// The dictionary page: the first occurrence of every entry.
    static func encode(_ view: ValueView, entries: [UInt32], into sink: inout ByteSink) {
        for entry in entries {
            let (start, length) = view.value(Int(entry))
            if view.offsets != nil { sink.append(littleEndian: UInt32(length)) }
            sink.append(UnsafeRawBufferPointer(start: start, count: length))
        }
    }

    private static func encodeBits(_ values: UnsafeBufferPointer<UInt8>, into sink: inout ByteSink) {
        var byte: UInt8 = 0
        for (index, value) in values.enumerated() {
            byte |= (value & 1) << UInt8(index & 7)
            if index & 7 == 7 || index == values.count - 1 {
                sink.append(byte: byte)
                byte = 0
            }
        }
    }

    private static func encodeByteArrays(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        guard let offsets = view.offsets else { return }
        let total = view.plainBytes(range)
        var target = sink.reserve(total)
        var start = Int(offsets[range.lowerBound])
        for index in range {
            let end = Int(offsets[index &+ 1])
            let length = end &- start
            target.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, as: UInt32.self)
            copyShort(target + 4, view.base + start, length)
            target += 4 &+ length
            start = end
        }
        sink.advance(total)
    }
}
