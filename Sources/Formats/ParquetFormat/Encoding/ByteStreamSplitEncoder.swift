/// BYTE_STREAM_SPLIT (Encodings.md): the first bytes of all values, then the second ones, and so on.
enum ByteStreamSplitEncoder {
    static func encode(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        let (count, width) = (range.count, view.stride)
        guard count > 0 else { return }
        let source = view.base + range.lowerBound * width
        let target = sink.reserve(count * width)
        switch width {
        case 4: split(UInt32.self, source, count, target)
        case 8: split(UInt64.self, source, count, target)
        default:
            for stream in 0..<width {
                let output = target + stream * count
                for index in 0..<count {
                    output.storeBytes(
                        of: source.load(fromByteOffset: index &* width &+ stream, as: UInt8.self), toByteOffset: index,
                        as: UInt8.self)
                }
            }
        }
        sink.advance(count * width)
    }

    /// A word at a time: each value is loaded once.
    @inline(__always)
    private static func split<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type, _ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer
    ) {
        for index in 0..<count {
            var word = source.loadUnaligned(fromByteOffset: index &* MemoryLayout<T>.size, as: T.self).littleEndian
            for stream in 0..<MemoryLayout<T>.size {
                target.storeBytes(
                    of: UInt8(truncatingIfNeeded: word), toByteOffset: stream &* count &+ index, as: UInt8.self)
                word &>>= 8
            }
        }
    }
}
