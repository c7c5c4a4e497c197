import Compression

extension PuffinCodec {
    func compress(_ content: [UInt8], at place: String) throws(PuffinError) -> [UInt8] {
        do {
            switch self {
            case .lz4: return try LZ4Frame.compress(content)
            case .zstd: return try Zstandard.compress(content)
            default: break
            }
        } catch {
            throw PuffinError(.invalidArgument, at: place, "\(error)")
        }
        throw unknown(at: place)
    }

    func decompress(_ stored: [UInt8], limit: Int, at place: String) throws(PuffinError) -> [UInt8] {
        do {
            switch self {
            case .lz4: return try LZ4Frame.decompress(stored, limit: limit)
            case .zstd: return try Zstandard.decompress(stored, limit: limit)
            default: break
            }
        } catch {
            throw PuffinError(error.code == .tooLarge ? .tooLarge : .corrupt, at: place, "\(error)")
        }
        throw unknown(at: place)
    }

    private func unknown(at place: String) -> PuffinError {
        PuffinError(.unsupported, at: place, "the codec \(rawValue.prefix(40)) is neither lz4 nor zstd")
    }
}
