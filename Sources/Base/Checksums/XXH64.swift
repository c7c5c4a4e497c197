import CXXHash

/// The 64-bit xxHash, by libxxhash: the hash of Parquet's bloom filters (with seed 0). Not for security.
public enum XXH64 {
    public static func hash(_ bytes: some ContiguousBytesCollection, seed: UInt64 = 0) -> UInt64 {
        bytes.withContiguousBytes { hash($0, seed: seed) }
    }

    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        CXXHash.XXH64(bytes.baseAddress, bytes.count, seed)
    }
}
