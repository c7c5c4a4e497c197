/// A reflected 32-bit CRC with initial value and final exclusive-or of all ones. Slicing by eight: eight bytes a step.
struct SlicedCRC: Sendable {
    private let table: [UInt32]

    /// - Parameter polynomial: the generator, bit-reversed.
    init(polynomial: UInt32) {
        var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 8)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            tables[0][index] = value
        }
        for index in 0..<256 {
            for table in 1..<8 {
                let before = tables[table - 1][index]
                tables[table][index] = before >> 8 ^ tables[0][Int(before & 255)]
            }
        }
        table = tables.flatMap { $0 }
    }

    func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            var crc = ~seed
            var offset = 0
            while bytes.count - offset >= 8 {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
                let first = table[1792 + Int(word & 255)] ^ table[1536 + Int(word >> 8 & 255)]
                let second = table[1280 + Int(word >> 16 & 255)] ^ table[1024 + Int(word >> 24 & 255)]
                let third = table[768 + Int(word >> 32 & 255)] ^ table[512 + Int(word >> 40 & 255)]
                let fourth = table[256 + Int(word >> 48 & 255)] ^ table[Int(word >> 56)]
                crc = first ^ second ^ third ^ fourth
                offset += 8
            }
            while offset < bytes.count {
                crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[offset])) & 255)]
                offset += 1
            }
            return ~crc
        }
    }
}
