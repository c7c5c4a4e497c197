/// DELTA_BINARY_PACKED (Encodings.md): differences of integers in blocks of miniblocks.
enum DeltaDecoder {
    /// Reads at most `countMax` integers and leaves the cursor behind them.
    static func decode(_ cursor: inout ByteCursor, countMax: Int) throws(ParquetError) -> [Int64] {
        let what = "delta encoding"
        let blockSize = try cursor.varint(what)
        let miniblocks = try cursor.varint(what)
        let total = try cursor.varint(what)
        var value = try cursor.zigzag(what)
        guard blockSize > 0, blockSize <= 1 << 20, miniblocks > 0, miniblocks <= blockSize,
            blockSize.isMultiple(of: miniblocks), (blockSize / miniblocks).isMultiple(of: 8)
        else { throw ParquetError(.corrupt, at: what, "blocks of \(blockSize) in \(miniblocks) parts") }
        guard total <= UInt64(countMax) else {
            throw ParquetError(.corrupt, at: what, "\(total) integers where there are at most \(countMax)")
        }
        let count = Int(total)
        guard count > 0 else { return [] }
        let perMiniblock = Int(blockSize / miniblocks)
        var result = [value]
        var deltas = [UInt64](repeating: 0, count: perMiniblock)
        while result.count < count {
            let minimum = try cursor.zigzag(what)
            let widths = try cursor.take(Int(miniblocks), what)
            for width in widths.map(Int.init) {
                guard result.count < count else { break }
                guard width <= 64 else { throw ParquetError(.corrupt, at: what, "a bit width of \(width)") }
                let taken = min(perMiniblock, count - result.count)
                let stated = perMiniblock * width / 8
                let needed = (taken * width + 7) / 8
                // The last miniblock may lack its padding.
                let bytes = try cursor.take(max(needed, min(stated, cursor.rest.count)), what)
                deltas.withUnsafeMutableBufferPointer { buffer in
                    if let base = buffer.baseAddress {
                        BitUnpacking.unpack(bytes, width: width, count: taken, into: base)
                    }
                }
                for index in 0..<taken {
                    value = value &+ minimum &+ Int64(bitPattern: deltas[index])
                    result.append(value)
                }
            }
        }
        return result
    }

    /// DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes.
    static func decodeByteArrays(
        _ cursor: inout ByteCursor, count: Int
    ) throws(ParquetError) -> (lengths: [Int], bytes: UnsafeRawBufferPointer) {
        let lengths = try decode(&cursor, countMax: count)
        guard lengths.count == count else {
            throw ParquetError(.corrupt, at: "delta lengths", "\(lengths.count) lengths for \(count) values")
        }
        var total = 0
        for length in lengths {
            guard length >= 0, length <= Int64(cursor.rest.count - total) else {
                throw ParquetError(.corrupt, at: "delta lengths", "a length of \(length)")
            }
            total += Int(length)
        }
        return (lengths.map(Int.init), try cursor.take(total, "delta lengths"))
    }

    /// DELTA_BYTE_ARRAY: how much of the value before begins each value, and what follows.
    static func decodePrefixed(
        _ source: UnsafeRawBufferPointer, count: Int, bytesMax: Int, _ receive: (UnsafeRawBufferPointer) -> Void
    ) throws(ParquetError) {
        var cursor = ByteCursor(source)
        let prefixes = try decode(&cursor, countMax: count)
        guard prefixes.count == count else {
            throw ParquetError(.corrupt, at: "delta prefixes", "\(prefixes.count) prefixes for \(count) values")
        }
        let (lengths, suffixes) = try decodeByteArrays(&cursor, count: count)
        var current: [UInt8] = []
        var (offset, total) = (0, 0)
        for index in 0..<count {
            let prefix = prefixes[index]
            guard prefix >= 0, prefix <= Int64(current.count) else {
                throw ParquetError(.corrupt, at: "delta prefixes", "a prefix of \(prefix) of \(current.count) bytes")
            }
            current.removeSubrange(Int(prefix)...)
            current.append(contentsOf: suffixes[offset..<(offset + lengths[index])])
            offset += lengths[index]
            total += current.count
            guard total <= bytesMax else {
                throw ParquetError(.tooLarge, at: "delta prefixes", "more than \(bytesMax) bytes")
            }
            current.withUnsafeBytes(receive)
        }
    }
}
