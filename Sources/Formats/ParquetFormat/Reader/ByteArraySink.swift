/// Byte arrays: PLAIN, by dictionary, or delta-encoded.
struct ByteArraySink: PageSink {
    /// Room behind the dictionary and the values, so that short values are copied as one 16-byte store.
    private static let slack = 16

    private var offsets: [UInt32] = [0]
    private var bytes: [UInt8] = []
    /// Entries one after the other, `slack` bytes behind them.
    private var dictionaryBytes: [UInt8] = []
    private var dictionary: [(start: UInt32, length: UInt32)] = []

    var byteCount: Int { bytes.count + offsets.count * 4 }
    var dictionaryCount: Int { dictionary.count }

    mutating func setDictionary(_ source: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        dictionary = []
        dictionaryBytes = []
        guard count <= source.count / 4 else {
            throw ParquetError(.corrupt, at: "dictionary", "\(count) entries in \(source.count) bytes")
        }
        var cursor = ByteCursor(source)
        for _ in 0..<count {
            let entry = try cursor.lengthPrefixed("dictionary")
            dictionary.append((UInt32(dictionaryBytes.count), UInt32(entry.count)))
            dictionaryBytes.append(contentsOf: entry)
        }
        dictionaryBytes.append(contentsOf: repeatElement(0, count: Self.slack))
    }

    mutating func plain(_ source: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        guard count > 0 else { return }
        guard count <= source.count / 4, let base = source.baseAddress else {
            throw ParquetError(.corrupt, at: "plain values", "\(count) values in \(source.count) bytes")
        }
        try checkRoom(source.count - 4 * count)
        let size = source.count
        var isDamaged = false
        bytes.append(addingCapacity: size - 4 * count + Self.slack) { span in
            span.withUnsafeMutableBufferPointer { buffer, filled in
                guard let target = buffer.baseAddress.map(UnsafeMutableRawPointer.init) else { return }
                let start = offsets[offsets.count - 1]
                var (at, written) = (0, 0)
                offsets.append(addingCapacity: count) { offsetSpan in
                    offsetSpan.withUnsafeMutableBufferPointer { offsetBuffer, offsetsFilled in
                        guard let offsetTarget = offsetBuffer.baseAddress else { return }
                        for position in 0..<count {
                            guard at &+ 4 <= size else { break }
                            let length = Int(
                                UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
                            at &+= 4
                            // The lengths of the values behind must fit too: the room reserved counts on it.
                            guard length <= size &- at &- 4 &* (count &- position &- 1) else { break }
                            if length <= 16 && at &+ 16 <= size {
                                let word = base.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
                                target.storeBytes(of: word, toByteOffset: written, as: SIMD16<UInt8>.self)
                            } else {
                                copyShort(target + written, base + at, length)
                            }
                            at &+= length
                            written &+= length
                            offsetTarget[position] = start &+ UInt32(truncatingIfNeeded: written)
                            offsetsFilled = position &+ 1
                        }
                        isDamaged = offsetsFilled < count
                    }
                }
                filled = written
            }
        }
        if isDamaged { throw ParquetError(.corrupt, at: "plain values", "a length reaches beyond the page") }
    }

    mutating func entries(_ indices: UnsafeBufferPointer<UInt32>, bytesMax: Int) throws(ParquetError) {
        let total = dictionary.withUnsafeBufferPointer { entries in
            var total = 0
            for index in indices { total &+= Int(entries[Int(index)].length) }
            return total
        }
        guard total <= bytesMax else { throw ParquetError(.tooLarge, at: "values", "more than \(bytesMax) bytes") }
        try checkRoom(total)
        let start = offsets[offsets.count - 1]
        dictionary.withUnsafeBufferPointer { entries in
            dictionaryBytes.withUnsafeBytes { source in
                bytes.append(addingCapacity: total + Self.slack) { span in
                    span.withUnsafeMutableBufferPointer { buffer, filled in
                        offsets.append(addingCapacity: indices.count) { offsetSpan in
                            offsetSpan.withUnsafeMutableBufferPointer { offsetBuffer, offsetsFilled in
                                guard let target = buffer.baseAddress, let offsetTarget = offsetBuffer.baseAddress,
                                    let base = source.baseAddress, let table = entries.baseAddress
                                else { return }
                                Self.copy(indices, table, base, to: target, start, offsetTarget)
                                offsetsFilled = indices.count
                            }
                        }
                        filled = total
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func copy(
        _ indices: UnsafeBufferPointer<UInt32>, _ table: UnsafePointer<(start: UInt32, length: UInt32)>,
        _ base: UnsafeRawPointer, to target: UnsafeMutablePointer<UInt8>, _ start: UInt32,
        _ offsets: UnsafeMutablePointer<UInt32>
    ) {
        var output = UnsafeMutableRawPointer(target)
        var end = start
        for position in 0..<indices.count {
            let entry = table[Int(indices[position])]
            let source = base + Int(entry.start)
            // Both sides have slack: short entries are one load and one store.
            if entry.length <= 16 {
                output.storeBytes(of: source.loadUnaligned(as: SIMD16<UInt8>.self), as: SIMD16<UInt8>.self)
            } else {
                copyShort(output, source, Int(entry.length))
            }
            output += Int(entry.length)
            end &+= entry.length
            offsets[position] = end
        }
    }

    mutating func encoded(
        _ encoding: Int32, _ source: UnsafeRawBufferPointer, count: Int, bytesMax: Int
    ) throws(ParquetError) {
        switch encoding {
        case Encoding.deltaLengthByteArray:
            var cursor = ByteCursor(source)
            let (lengths, values) = try DeltaDecoder.decodeByteArrays(&cursor, count: count)
            try checkRoom(values.count)
            bytes.append(contentsOf: values)
            var end = offsets[offsets.count - 1]
            for length in lengths {
                end += UInt32(length)
                offsets.append(end)
            }
        case Encoding.deltaByteArray:
            let room = min(bytesMax, Int(UInt32.max) - bytes.count)
            try DeltaDecoder.decodePrefixed(source, count: count, bytesMax: room) { value in
                bytes.append(contentsOf: value)
                offsets.append(UInt32(bytes.count))
            }
        default: throw encodingUnsupported(encoding, "byte array")
        }
    }

    mutating func reserve(factor: Double, bytesMax: Int) {
        offsets.reserveCapacity(expectedCount(offsets.count, factor, width: 4, bytesMax: bytesMax))
        bytes.reserveCapacity(expectedCount(bytes.count, factor, width: 1, bytesMax: bytesMax))
    }

    consuming func finish() -> ColumnValues {
        .byteArray(ByteArrayColumn(uncheckedOffsets: offsets, bytes: bytes))
    }

    private func checkRoom(_ extra: Int) throws(ParquetError) {
        guard extra <= Int(UInt32.max) - bytes.count else {
            throw ParquetError(.tooLarge, at: "values", "more than 4 GiB of bytes in one column chunk")
        }
    }
}

/// Byte arrays of one width.
struct FixedBytesSink: PageSink {
    private let width: Int
    private var bytes: [UInt8] = []
    private var dictionary: [UInt8] = []

    init(width: Int) { self.width = width }

    var byteCount: Int { bytes.count }
    var dictionaryCount: Int { dictionary.count / width }

    private func checked(
        _ source: UnsafeRawBufferPointer, _ count: Int
    ) throws(ParquetError) -> Slice<UnsafeRawBufferPointer> {
        guard count <= source.count / width else {
            throw ParquetError(.corrupt, at: "values", "\(count) values of \(width) bytes in \(source.count)")
        }
        return source[..<(count * width)]
    }

    mutating func plain(_ source: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: try checked(source, count)))
    }

    mutating func setDictionary(_ source: UnsafeRawBufferPointer, count: Int) throws(ParquetError) {
        dictionary = [UInt8](try checked(source, count))
    }

    mutating func entries(_ indices: UnsafeBufferPointer<UInt32>, bytesMax: Int) throws(ParquetError) {
        guard indices.count <= bytesMax / width else {
            throw ParquetError(.tooLarge, at: "values", "more than \(bytesMax) bytes")
        }
        for index in indices {
            bytes.append(contentsOf: dictionary[(Int(index) * width)..<((Int(index) + 1) * width)])
        }
    }

    mutating func encoded(
        _ encoding: Int32, _ source: UnsafeRawBufferPointer, count: Int, bytesMax: Int
    ) throws(ParquetError) {
        switch encoding {
        case Encoding.byteStreamSplit:
            guard count <= source.count / width else {
                throw ParquetError(.corrupt, at: "split values", "\(count) values in \(source.count) bytes")
            }
            bytes.append(contentsOf: try ByteStreamSplit.join(source, width: width, count: count))
        case Encoding.deltaByteArray:
            let width = width
            var isDamaged = false
            try DeltaDecoder.decodePrefixed(source, count: count, bytesMax: bytesMax) { value in
                if value.count == width { bytes.append(contentsOf: value) } else { isDamaged = true }
            }
            if isDamaged { throw ParquetError(.corrupt, at: "values", "a value that has not \(width) bytes") }
        default: throw encodingUnsupported(encoding, "fixed-length")
        }
    }

    mutating func reserve(factor: Double, bytesMax: Int) {
        bytes.reserveCapacity(expectedCount(bytes.count, factor, width: 1, bytesMax: bytesMax))
    }

    consuming func finish() -> ColumnValues {
        // Only whole values were appended, so this cannot fail.
        .fixedLengthByteArray(FixedLengthByteArrayColumn(width: width, unchecked: bytes))
    }
}
