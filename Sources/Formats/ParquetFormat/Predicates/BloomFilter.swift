import Checksums

/// A split block bloom filter as it lies in a file (BloomFilter.md): says whether a value is certainly absent.
public struct BloomFilter: Hashable, Sendable {
    /// Blocks of eight 32-bit words.
    let words: [UInt32]

    /// The first bytes of a filter, from which `byteCount(prefix:)` tells its length.
    static let prefixBytes = 32

    private static let salts: [UInt32] = [
        0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31,
    ]

    /// Reads header and bits.
    ///
    /// - Throws: `.corrupt`, `.unsupported` (another algorithm or hash), `.tooLarge`.
    public init(_ bytes: [UInt8]) throws(ParquetError) {
        let (start, size) = try Self.header(bytes)
        guard size <= bytes.count - start else {
            throw ParquetError(.corrupt, at: "bloom filter", "\(size) bytes stated, \(bytes.count - start) there")
        }
        words = bytes.withUnsafeBytes { raw in
            (0..<(size / 4)).map {
                UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: start + $0 * 4, as: UInt32.self))
            }
        }
    }

    /// Header and bits together, from the first `prefixBytes` of the filter or all of it.
    static func byteCount(prefix: [UInt8]) throws(ParquetError) -> Int {
        let (start, size) = try header(prefix)
        return start + size
    }

    /// False when no value of the column has this hash.
    public func mayContain(hash: UInt64) -> Bool {
        let block = Int(((hash >> 32) &* UInt64(words.count / 8)) >> 32) * 8
        let key = UInt32(truncatingIfNeeded: hash)
        for (index, salt) in Self.salts.enumerated() where words[block + index] & (1 << ((key &* salt) >> 27)) == 0 {
            return false
        }
        return true
    }

    /// False when the column does not hold the value: PLAIN bytes without a length.
    public func mayContain(_ value: [UInt8]) -> Bool { mayContain(hash: XXH64.hash(value)) }

    private static func header(_ bytes: [UInt8]) throws(ParquetError) -> (start: Int, size: Int) {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(ParquetError) in try header(raw) }
        }
        do { return try result.get() } catch { throw error.within("bloom filter") }
    }

    private static func header(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) -> (start: Int, size: Int) {
        var reader = ThriftReader(bytes)
        var size: Int32 = -1
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int32): size = try reader.int32()
            case (2...4, .structure): try Self.onlyFirst(&reader)
            default: try reader.skip(field.kind)
            }
        }
        guard size > 0, size.isMultiple(of: 32) else { throw reader.error(.corrupt, "\(size) bytes of bits") }
        guard size <= ParquetLimits.bloomFilterBytesMax else {
            throw reader.error(.tooLarge, "\(size) bytes, \(ParquetLimits.bloomFilterBytesMax) allowed")
        }
        return (reader.offset, Int(size))
    }

    /// Algorithm, hash and compression are unions of which only the first member exists: split blocks, XXH64, none.
    private static func onlyFirst(_ reader: inout ThriftReader) throws(ParquetError) {
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            guard field.id == 1 else { throw reader.error(.unsupported, "a kind of filter from the future") }
            try reader.skip(field.kind)
        }
    }
}
