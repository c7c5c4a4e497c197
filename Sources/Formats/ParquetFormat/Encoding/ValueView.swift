/// The present values of a column as raw memory, valid only inside `ColumnValues.withView`.
struct ValueView {
    let type: PhysicalType
    let base: UnsafeRawPointer
    /// Byte arrays: `count + 1` offsets from `base`.
    let offsets: UnsafePointer<UInt32>?
    let count: Int

    /// Bytes between values that have a fixed width in memory, 0 for byte arrays.
    var stride: Int { type == .boolean ? 1 : type.plainWidth ?? 0 }

    func words<T>(_ type: T.Type, _ range: Range<Int>) -> UnsafeBufferPointer<T> {
        UnsafeBufferPointer(start: base.assumingMemoryBound(to: T.self) + range.lowerBound, count: range.count)
    }

    func value(_ position: Int) -> (start: UnsafeRawPointer, length: Int) {
        guard let offsets else { return (base + position * stride, stride) }
        return (base + Int(offsets[position]), Int(offsets[position + 1] - offsets[position]))
    }

    /// What some values take in PLAIN encoding.
    func plainBytes(_ range: Range<Int>) -> Int {
        if let offsets { return Int(offsets[range.upperBound] - offsets[range.lowerBound]) + 4 * range.count }
        return type == .boolean ? (range.count + 7) / 8 : range.count * stride
    }

    /// The end of the longest range from `start` that takes at most `bytes` in PLAIN encoding, but one value at least.
    func plainEnd(from start: Int, bytes: Int) -> Int {
        guard offsets != nil else { return min(count, start + max(1, bytes / max(1, stride))) }
        var (low, high) = (min(start + 1, count), count)
        while low < high {
            let middle = (low + high + 1) / 2
            if plainBytes(start..<middle) <= bytes { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

extension ColumnValues {
    func withView<R>(_ body: (ValueView) throws(ParquetError) -> R) throws(ParquetError) -> R {
        switch self {
        case .boolean(let values): try Self.view(values, .boolean, body)
        case .int32(let values): try Self.view(values, .int32, body)
        case .int64(let values): try Self.view(values, .int64, body)
        case .int96(let values): try Self.view(values, .int96, body)
        case .float(let values): try Self.view(values, .float, body)
        case .double(let values): try Self.view(values, .double, body)
        case .fixedLengthByteArray(let column):
            try column.bytes.withUnsafeBufferPointer { bytes throws(ParquetError) in
                try body(
                    ValueView(
                        type: .fixedLengthByteArray(width: column.width), base: Self.pointer(bytes), offsets: nil,
                        count: column.count))
            }
        case .byteArray(let column):
            try column.bytes.withUnsafeBufferPointer { bytes throws(ParquetError) in
                try column.offsets.withUnsafeBufferPointer { offsets throws(ParquetError) in
                    try body(
                        ValueView(
                            type: .byteArray, base: Self.pointer(bytes), offsets: offsets.baseAddress,
                            count: column.count))
                }
            }
        }
    }

    private static func view<T, R>(
        _ values: [T], _ type: PhysicalType, _ body: (ValueView) throws(ParquetError) -> R
    ) throws(ParquetError) -> R {
        try values.withUnsafeBufferPointer { buffer throws(ParquetError) in
            try body(ValueView(type: type, base: pointer(buffer), offsets: nil, count: buffer.count))
        }
    }

    private static func pointer<T>(_ buffer: UnsafeBufferPointer<T>) -> UnsafeRawPointer {
        // An empty array may have no storage; its pointer is never read.
        guard let base = UnsafeRawPointer(buffer.baseAddress) ?? UnsafeRawPointer(bitPattern: 16) else {
            preconditionFailure("a non-zero address is no null pointer")
        }
        return base
    }
}
