import Checksums
import Glibc

/// Builds the split block bloom filter of a column chunk (BloomFilter.md).
struct BloomFilterBuilder {
    private static let salt = SIMD8<UInt32>(
        0x47B6_137B, 0x4497_4D91, 0x8824_AD5B, 0xA2B7_289D, 0x7054_95C7, 0x2DF1_424B, 0x9EFC_4947, 0x5C6B_FB31)
    private static let blockBytes = 32

    private let options: ParquetBloomFilterOptions
    /// A power of two.
    private var blocks: [SIMD8<UInt32>]

    private init(_ options: ParquetBloomFilterOptions, count: Int) {
        self.options = options
        blocks = Array(repeating: .zero, count: Self.blockCount(options, values: options.distinctValues ?? count))
    }

    /// The filter after its header; nil when it could exclude next to nothing, or for booleans.
    static func build(
        _ view: ValueView, _ options: ParquetBloomFilterOptions, dictionary: DictionaryBuilder.Result?
    ) -> [UInt8]? {
        guard view.type != .boolean else { return nil }
        var builder = BloomFilterBuilder(options, count: dictionary?.entries.count ?? view.count)
        if let dictionary {
            for entry in dictionary.entries { builder.insert(view, Int(entry)) }
        } else {
            for position in 0..<view.count { builder.insert(view, position) }
        }
        builder.fold()
        guard builder.falsePositiveRate(builder.blocks) <= 0.5 else { return nil }
        return builder.encoded()
    }

    // MARK: - Size

    /// What `values` distinct values take at the rate wanted (BloomFilter.md, "Sizing an SBBF").
    private static func blockCount(_ options: ParquetBloomFilterOptions, values: Int) -> Int {
        let bits = -8.0 * Double(values) / log(1 - pow(options.falsePositiveRate, 1.0 / 8))
        let most = max(1, options.bytesMax / blockBytes)
        var count = 1
        while count * 2 <= most && Double(count * blockBytes * 8) < bits { count *= 2 }
        return count
    }

    /// Halves the filter as long as that keeps the rate: there were fewer distinct values than values. A value's block
    /// is its hash's share of all blocks, so neighbours are united.
    private mutating func fold() {
        while blocks.count > 1 {
            let half = (0..<(blocks.count / 2)).map { blocks[2 * $0] | blocks[2 * $0 + 1] }
            guard falsePositiveRate(half) <= options.falsePositiveRate else { return }
            blocks = half
        }
    }

    /// The chance that an absent value finds all its eight bits set.
    private func falsePositiveRate(_ blocks: [SIMD8<UInt32>]) -> Double {
        var sum = 0.0
        for block in blocks {
            var chance = 1.0
            for word in 0..<8 { chance *= Double(block[word].nonzeroBitCount) / 32 }
            sum += chance
        }
        return sum / Double(blocks.count)
    }

    // MARK: - Values

    /// Hashes are taken over PLAIN bytes, of byte arrays without their length.
    private mutating func insert(_ view: ValueView, _ position: Int) {
        let (start, length) = view.value(position)
        insert(XXH64.hash(UnsafeRawBufferPointer(start: start, count: length)))
        // Zeros of both signs are equal but hash differently: who looks for one of them must find the other.
        switch view.type {
        case .float where start.loadUnaligned(as: Float.self) == 0:
            insertBytes(of: Float.zero)
            insertBytes(of: -Float.zero)
        case .double where start.loadUnaligned(as: Double.self) == 0:
            insertBytes(of: Double.zero)
            insertBytes(of: -Double.zero)
        default: break
        }
    }

    private mutating func insertBytes(of value: some BitwiseCopyable) {
        let hash = withUnsafeBytes(of: value) { XXH64.hash($0) }
        insert(hash)
    }

    private mutating func insert(_ hash: UInt64) {
        let block = Int(truncatingIfNeeded: ((hash &>> 32) &* UInt64(blocks.count)) &>> 32)
        let key = SIMD8<UInt32>(repeating: UInt32(truncatingIfNeeded: hash))
        blocks[block] |= SIMD8<UInt32>(repeating: 1) &<< ((key &* Self.salt) &>> 27)
    }

    // MARK: - Bytes

    private func encoded() -> [UInt8] {
        var header = ThriftWriter()
        header.field(1, Int32(blocks.count * Self.blockBytes))
        // BLOCK, XXHASH and UNCOMPRESSED are the only members of their unions.
        for field: Int16 in 2...4 {
            header.structure(field) { union in union.structure(1) { _ in } }
        }
        header.stop()
        var bytes = header.bytes
        blocks.withUnsafeBytes { bytes.append(contentsOf: $0) }
        return bytes
    }
}
