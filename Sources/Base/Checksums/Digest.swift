import COpenSSL

/// Cryptographic digests, by OpenSSL.
public enum Digest {
    /// 32 bytes.
    public static func sha256(_ bytes: some ContiguousBytesCollection) -> [UInt8] {
        compute(EVP_sha256(), bytes, size: 32)
    }

    /// 16 bytes. Only for protocols that ask for it (S3 `Content-MD5`), never for security.
    public static func md5(_ bytes: some ContiguousBytesCollection) -> [UInt8] {
        compute(EVP_md5(), bytes, size: 16)
    }

    /// HMAC-SHA256 of RFC 2104: 32 bytes.
    public static func hmacSHA256(key: [UInt8], _ message: some ContiguousBytesCollection) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 32
        message.withContiguousBytes { bytes in
            _ = HMAC(
                EVP_sha256(), key, Int32(key.count), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                bytes.count,
                &result, &length)
        }
        return result
    }

    /// Compares without telling by its time where two secrets differ.
    public static func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    private static func compute(
        _ algorithm: OpaquePointer?, _ message: some ContiguousBytesCollection, size: Int
    ) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        let done = message.withContiguousBytes { bytes in
            EVP_Digest(bytes.baseAddress, bytes.count, &result, nil, algorithm, nil)
        }
        precondition(done == 1, "OpenSSL could not compute a digest: out of memory, or the algorithm is disabled")
        return result
    }
}
