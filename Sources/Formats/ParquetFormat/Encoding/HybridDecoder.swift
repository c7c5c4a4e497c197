/// Decodes the RLE / bit-packing hybrid, and the older BIT_PACKED levels.
enum HybridDecoder {
    /// Writes exactly `count` values; runs beyond them are ignored.
    ///
    /// - Throws: `.corrupt` when the input ends before.
    static func decode<T: FixedWidthInteger & UnsignedInteger>(
        _ source: UnsafeRawBufferPointer, width: Int, count: Int, into target: UnsafeMutablePointer<T>, _ what: String
    ) throws(ParquetError) {
        guard width >= 0, width <= T.bitWidth else {
            throw ParquetError(.corrupt, at: what, "a bit width of \(width)")
        }
        var cursor = ByteCursor(source)
        var done = 0
        while done < count {
            let header = try cursor.varint(what)
            if header & 1 == 1 {
                let groups = header >> 1
                let wanted = count - done
                guard groups > 0, groups <= UInt64(Int32.max) else {
                    throw ParquetError(.corrupt, at: what, "a run of \(groups) groups")
                }
                let taken = min(wanted, Int(groups) * 8)
                // Some writers leave out the padding of the last group.
                let stated = Int(groups) * width
                let needed = (taken * width + 7) / 8
                let bytes = try cursor.take(max(needed, min(stated, cursor.rest.count)), what)
                BitUnpacking.unpack(bytes, width: width, count: taken, into: target + done)
                done += taken
            } else {
                let length = header >> 1
                guard length > 0 else { throw ParquetError(.corrupt, at: what, "an empty run") }
                let bytes = try cursor.take((width + 7) / 8, what)
                var value: UInt64 = 0
                for (index, byte) in bytes.enumerated() { value |= UInt64(byte) << UInt64(8 * index) }
                guard value <= UInt64(T.max) else { throw ParquetError(.corrupt, at: what, "a run of \(value)") }
                let taken = length < UInt64(count - done) ? Int(length) : count - done
                (target + done).update(repeating: T(truncatingIfNeeded: value), count: taken)
                done += taken
            }
        }
    }

    /// Whether the first run repeats one value often enough, so that nothing else need be read.
    static func isOneRun(_ source: UnsafeRawBufferPointer, width: Int, of value: UInt8, count: Int) -> Bool {
        var cursor = ByteCursor(source)
        do throws(ParquetError) {
            let header = try cursor.varint("run")
            guard header & 1 == 0, header >> 1 >= UInt64(count), width <= 8 else { return false }
            return try cursor.byte("run") == value
        } catch {
            return false
        }
    }

    /// BIT_PACKED (deprecated): packed from the most significant bit on. Returns the bytes taken.
    static func decodeBitPacked(
        _ source: UnsafeRawBufferPointer, width: Int, count: Int, into target: UnsafeMutablePointer<UInt8>
    ) throws(ParquetError) -> Int {
        let size = (count * width + 7) / 8
        guard size <= source.count else { throw ParquetError(.corrupt, at: "levels", "cut short") }
        for index in 0..<count {
            var value: UInt8 = 0
            for bit in (index * width)..<((index + 1) * width) {
                value = value << 1 | (source[bit / 8] >> UInt8(7 - bit % 8) & 1)
            }
            target[index] = value
        }
        return size
    }
}
