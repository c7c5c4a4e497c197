import CChecksums

/// CRC-32C (Castagnoli), the checksum of log frames: by the processor's instruction where it has one.
public enum CRC32C {
    private static let crc = SlicedCRC(polynomial: 0x82F6_3B78)
    private static let hasInstruction = cchecksums_has_crc32c() != 0

    public static func checksum(_ bytes: some ContiguousBytesCollection, seed: UInt32 = 0) -> UInt32 {
        bytes.withContiguousBytes { checksum($0, seed: seed) }
    }

    public static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard hasInstruction else { return crc.checksum(bytes, seed: seed) }
        return ~cchecksums_crc32c(~seed, bytes.baseAddress, bytes.count)
    }

    /// The same without the instruction.
    static func portableChecksum(_ bytes: [UInt8], seed: UInt32) -> UInt32 {
        bytes.withUnsafeBytes { crc.checksum($0, seed: seed) }
    }
}

/// Bytes that lie in one piece.
public protocol ContiguousBytesCollection {
    func withContiguousBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R
}

extension [UInt8]: ContiguousBytesCollection {
    public func withContiguousBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withUnsafeBytes(body)
    }
}

extension ArraySlice<UInt8>: ContiguousBytesCollection {
    public func withContiguousBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withUnsafeBytes(body)
    }
}
