import AvroFormat

/// Reads one block of a manifest: what `AvroDecoder` does, for the few types that manifests are made of, without a call
/// into another module for each value.
///
/// Every length is checked against the bytes that remain before it is used.
struct ManifestCursor {
    /// The block; `base` points into it for as long as the cursor is used.
    let block: [UInt8]
    private let base: UnsafeRawBufferPointer
    private(set) var offset = 0

    /// - Parameter base: the bytes of `block`.
    init(_ block: [UInt8], _ base: UnsafeRawBufferPointer) {
        self.block = block
        self.base = base
    }

    var remaining: Int { base.count - offset }

    func corrupt(_ message: String) -> AvroError { AvroError(.corrupt, "at byte \(offset): \(message)") }

    @inline(__always)
    mutating func readLong() throws(AvroError) -> Int64 {
        guard offset < base.count else { throw corrupt("the bytes end within an integer") }
        let first = base[offset]
        if first < 0x80 {
            offset += 1
            return Int64(first >> 1) ^ -Int64(first & 1)
        }
        return try readLongRest()
    }

    private mutating func readLongRest() throws(AvroError) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var position = offset
        while position < base.count {
            let byte = base[position]
            position += 1
            if shift == 63 && byte > 1 { throw corrupt("an integer is longer than 64 bits") }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 {
                offset = position
                return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
            }
            shift += 7
            guard shift <= 63 else { throw corrupt("an integer is longer than ten bytes") }
        }
        throw corrupt("the bytes end within an integer")
    }

    mutating func readInt() throws(AvroError) -> Int32 {
        guard let value = Int32(exactly: try readLong()) else { throw corrupt("a number is outside 32 bits") }
        return value
    }

    /// Takes `count` bytes, which may be any number.
    @inline(__always)
    mutating func take(_ count: Int64) throws(AvroError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= Int64(remaining) else {
            throw corrupt("\(count) bytes needed, \(remaining) remain")
        }
        defer { offset += Int(count) }
        return UnsafeRawBufferPointer(rebasing: base[offset..<offset + Int(count)])
    }

    /// Length-prefixed.
    @inline(__always)
    mutating func readBytes() throws(AvroError) -> UnsafeRawBufferPointer {
        try take(try readLong())
    }

    mutating func readString() throws(AvroError) -> String {
        guard let text = String(validating: try readBytes(), as: UTF8.self) else {
            throw corrupt("a string is not UTF-8")
        }
        return text
    }

    /// The number of items in the next block of an array; 0 at its end. No item is of size zero.
    mutating func readItemCount() throws(AvroError) -> Int {
        var count = try readLong()
        if count < 0 {
            guard count != .min else { throw corrupt("an impossible item count") }
            count = -count
            _ = try readLong()
        }
        guard count <= Int64(remaining) else {
            throw AvroError(.tooLarge, "at byte \(offset): \(count) items stated, \(remaining) bytes remain")
        }
        return Int(count)
    }

    /// Reads what is rare with the general decoder.
    mutating func withDecoder<Value>(
        _ body: (inout AvroDecoder) throws(AvroError) -> Value
    ) throws(AvroError) -> Value {
        var decoder = AvroDecoder(block, in: offset..<base.count)
        let value = try body(&decoder)
        offset = decoder.offset
        return value
    }

    /// The map that follows, kept as it is: one run of keys and values, the keys rising. Nil, and nothing read, when the
    /// bytes are of another shape.
    ///
    /// - Parameter isBytes: whether the values are length-prefixed bytes, or numbers.
    mutating func readFieldMap(isBytes: Bool) throws(AvroError) -> EncodedFieldMap? {
        let before = offset
        let count = try readLong()
        guard count > 0, count <= Int64(remaining) else {
            offset = before
            return nil
        }
        let start = offset
        var last = Int64(Int32.min) - 1
        for _ in 0..<count {
            let key = try readLong()
            guard key > last, key <= Int64(Int32.max) else {
                offset = before
                return nil
            }
            last = key
            if isBytes { _ = try readBytes() } else { _ = try readLong() }
        }
        let end = offset
        guard try readLong() == 0 else {
            offset = before
            return nil
        }
        return EncodedFieldMap(bytes: block, start: start, end: end, count: Int(count))
    }
}
