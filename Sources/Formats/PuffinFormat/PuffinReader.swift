/// Reads a Puffin file that lies whole in memory.
public struct PuffinReader: Sendable {
    public let footer: PuffinFooter
    private let bytes: [UInt8]
    private let limits: PuffinLimits

    /// Reads the footer only. Errors as those of `PuffinFooter.parse`.
    public init(_ bytes: [UInt8], limits: PuffinLimits = PuffinLimits()) throws(PuffinError) {
        guard bytes.starts(with: PuffinFooter.magic) else {
            throw PuffinError(.corrupt, at: "file", "it does not begin with PFA1: it is no Puffin file")
        }
        footer = try PuffinFooter.parse(tail: bytes, fileSize: Int64(bytes.count), limits: limits)
        self.bytes = bytes
        self.limits = limits
    }

    /// The content of blob `index` of the footer, decompressed.
    ///
    /// - Throws: `.invalidArgument` when there is no such blob; otherwise as `PuffinBlobMetadata.content`.
    public func blob(_ index: Int) throws(PuffinError) -> [UInt8] {
        guard footer.blobs.indices.contains(index) else {
            throw PuffinError(.invalidArgument, at: "file", "blob \(index) of \(footer.blobs.count)")
        }
        let blob = footer.blobs[index]
        return try blob.content(of: Array(bytes[Int(blob.offset)..<Int(blob.offset + blob.length)]), limits: limits)
    }
}

extension PuffinBlobMetadata {
    /// Decompresses the blob's `stored` bytes: those of its `range` in the file.
    ///
    /// - Throws: `.corrupt` when they do not decompress; `.tooLarge`; `.unsupported` for an unknown codec;
    ///   `.invalidArgument` for another number of bytes.
    public func content(of stored: [UInt8], limits: PuffinLimits = PuffinLimits()) throws(PuffinError) -> [UInt8] {
        let place = "blob at \(offset)"
        guard Int64(stored.count) == length else {
            throw PuffinError(.invalidArgument, at: place, "\(stored.count) bytes given, it has \(length)")
        }
        guard stored.count <= limits.blobBytesMax else {
            throw PuffinError(.tooLarge, at: place, "\(length) bytes, \(limits.blobBytesMax) are allowed")
        }
        guard let compressionCodec else { return stored }
        return try compressionCodec.decompress(stored, limit: limits.blobBytesMax, at: place)
    }
}
