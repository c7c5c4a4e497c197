/// Reads from raw bytes of a page, and never past their end.
struct ByteCursor {
    private(set) var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    mutating func take(_ count: Int, _ what: String) throws(ParquetError) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= rest.count else {
            throw ParquetError(.corrupt, at: what, "\(count) bytes needed, \(rest.count) remain")
        }
        let taken = UnsafeRawBufferPointer(rebasing: rest[..<count])
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        return taken
    }

    mutating func byte(_ what: String) throws(ParquetError) -> UInt8 { try take(1, what)[0] }

    /// A four-byte length and that many bytes.
    mutating func lengthPrefixed(_ what: String) throws(ParquetError) -> UnsafeRawBufferPointer {
        let length = UInt32(littleEndian: try take(4, what).loadUnaligned(as: UInt32.self))
        return try take(Int(length), what)
    }

    mutating func varint(_ what: String) throws(ParquetError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte(what)
            guard shift < 63 || next <= 1 else {
                throw ParquetError(.corrupt, at: what, "a number of more than 64 bits")
            }
            value |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    mutating func zigzag(_ what: String) throws(ParquetError) -> Int64 {
        let raw = try varint(what)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }
}
