/// CRC-32C (Castagnoli), the checksum of log frames.
public enum CRC32C {
    private static let crc = SlicedCRC(polynomial: 0x82F6_3B78)

    public static func checksum(_ bytes: some ContiguousBytesCollection, seed: UInt32 = 0) -> UInt32 {
        bytes.withContiguousBytes { crc.checksum($0, seed: seed) }
    }

    public static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        crc.checksum(bytes, seed: seed)
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
