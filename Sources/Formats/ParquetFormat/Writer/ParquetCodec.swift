import CZstd

/// How pages are compressed (Compression.md).
public enum ParquetCodec: Hashable, Sendable {
    case uncompressed
    case snappy
    /// 0 to 9, or -1 for zlib's own choice.
    case gzip(level: Int32)
    /// 1 to 22; below 0 faster still.
    case zstd(level: Int32)
    /// LZ4 blocks; the older `LZ4`, on whose framing writers never agreed, is only read.
    case lz4Raw
    /// 0 to 11.
    case brotli(level: Int32)

    /// `CompressionCodec` of parquet.thrift.
    var thriftCode: Int32 {
        switch self {
        case .uncompressed: 0
        case .snappy: 1
        case .gzip: 2
        case .brotli: 4
        case .zstd: 6
        case .lz4Raw: 7
        }
    }

    /// The levels there are; nil for codecs without.
    var levels: ClosedRange<Int32>? {
        switch self {
        case .uncompressed, .snappy, .lz4Raw: nil
        case .gzip: -1...9
        case .zstd: ZSTD_minCLevel()...ZSTD_maxCLevel()
        case .brotli: 0...11
        }
    }

    /// - Throws: `.invalidArgument` for a level that the codec does not have.
    func check() throws(ParquetError) {
        switch self {
        case .uncompressed, .snappy, .lz4Raw: return
        case .gzip(let level), .zstd(let level), .brotli(let level):
            guard let levels, !levels.contains(level) else { return }
            throw ParquetError(
                .invalidArgument, at: "options",
                "a compression level of \(level), allowed are \(levels.lowerBound) to \(levels.upperBound)")
        }
    }
}
