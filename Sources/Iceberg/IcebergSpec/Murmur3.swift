/// MurmurHash3, x86, 32 bits, seed 0: the hash of `bucket` (specification: "Appendix B: 32-bit Hash Requirements").
enum Murmur3 {
    static func hash(_ bytes: [UInt8]) -> Int32 {
        bytes.withUnsafeBytes { hash($0) }
    }

    static func hash(_ value: Int64) -> Int32 {
        withUnsafeBytes(of: value.littleEndian) { hash($0) }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int32 {
        var state: UInt32 = 0
        let blocks = bytes.count / 4
        for index in 0..<blocks {
            let block = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
            state ^= mix(block)
            state = rotate(state, 13) &* 5 &+ 0xE654_6B64
        }
        var tail: UInt32 = 0
        for index in stride(from: bytes.count - 1, through: blocks * 4, by: -1) {
            tail = tail << 8 | UInt32(bytes[index])
        }
        state ^= mix(tail)
        state ^= UInt32(truncatingIfNeeded: bytes.count)
        state = (state ^ state >> 16) &* 0x85EB_CA6B
        state = (state ^ state >> 13) &* 0xC2B2_AE35
        return Int32(bitPattern: state ^ state >> 16)
    }

    private static func mix(_ block: UInt32) -> UInt32 {
        rotate(block &* 0xCC9E_2D51, 15) &* 0x1B87_3593
    }

    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value << count | value >> (32 - count)
    }
}
