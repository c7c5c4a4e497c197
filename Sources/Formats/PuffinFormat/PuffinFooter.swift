import Bytes
import JSONFormat

/// The footer of a [Puffin file](https://iceberg.apache.org/puffin-spec/): what its blobs are and where they lie.
///
///     file    = magic blob… footer
///     footer  = magic payload payloadSize(4, little-endian) flags(4) magic
///
/// A reader of a remote file fetches some of its tail, asks `lengthNeeded(tail:)` whether that was enough, and reads the
/// footer and then the ranges of the blobs it wants.
public struct PuffinFooter: Hashable, Sendable {
    public var blobs: [PuffinBlobMetadata]
    /// Of the file: `created-by` and others.
    public var properties: [String: String]

    public init(blobs: [PuffinBlobMetadata] = [], properties: [String: String] = [:]) {
        self.blobs = blobs
        self.properties = properties
    }

    static let magic: [UInt8] = Array("PFA1".utf8)
    /// Payload size, flags and magic.
    static let trailerLength = 12
    /// Bit 0 of the flags' first byte.
    static let isCompressedFlag: UInt32 = 1

    /// The bytes of the whole footer, which end the file. Looks at the last 12 bytes of `tail` alone.
    ///
    /// - Throws: `.corrupt` when they do not end a Puffin file.
    public static func lengthNeeded(tail: [UInt8]) throws(PuffinError) -> Int {
        guard tail.count >= trailerLength else { throw damaged("the file ends before its footer does") }
        guard tail.suffix(4).elementsEqual(magic) else { throw damaged("the file does not end with PFA1") }
        let size = Int(littleEndian32(tail, at: tail.count - trailerLength))
        return magic.count + size + trailerLength
    }

    /// Reads the footer from the last bytes of a file of `fileSize` bytes, at least those `lengthNeeded` asks for.
    ///
    /// - Throws: `.corrupt`, also for blobs that reach out of the file; `.tooLarge`; `.unsupported` for unknown flags.
    public static func parse(
        tail: [UInt8], fileSize: Int64, limits: PuffinLimits = PuffinLimits()
    ) throws(PuffinError) -> PuffinFooter {
        let length = try lengthNeeded(tail: tail)
        guard length <= limits.footerBytesMax else {
            throw PuffinError(.tooLarge, at: "footer", "\(length) bytes, \(limits.footerBytesMax) are allowed")
        }
        guard Int64(length) + Int64(magic.count) <= fileSize else {
            throw damaged("\(length) bytes stated in a file of \(fileSize)")
        }
        guard length <= tail.count else { throw damaged("\(length) bytes needed, \(tail.count) given") }
        let start = tail.count - length
        guard tail[start...].starts(with: magic) else { throw damaged("it does not begin with PFA1") }
        var payload = Array(tail[(start + magic.count)..<(tail.count - trailerLength)])
        let flags = littleEndian32(tail, at: tail.count - 8)
        guard flags & ~isCompressedFlag == 0 else {
            throw PuffinError(.unsupported, at: "footer", "flags \(Hexadecimal.encode(tail.suffix(8).prefix(4)))")
        }
        if flags & isCompressedFlag != 0 {
            payload = try PuffinCodec.lz4.decompress(payload, limit: limits.footerBytesMax, at: "footer")
        }
        let footer = try PuffinFooterJSON.parse(payload, limits: limits)
        try footer.checkRanges(blobsEnd: fileSize - Int64(length))
        return footer
    }

    /// Every blob lies between the file's magic and the footer.
    private func checkRanges(blobsEnd: Int64) throws(PuffinError) {
        for (index, blob) in blobs.enumerated() {
            guard blob.offset >= Int64(Self.magic.count), blob.length >= 0, blob.offset <= blobsEnd,
                blob.length <= blobsEnd - blob.offset
            else {
                throw PuffinError(
                    .corrupt, at: "blob \(index)",
                    "\(blob.length) bytes at \(blob.offset), the blobs of the file end at \(blobsEnd)")
            }
        }
    }

    func serialized(isCompressed: Bool) throws(PuffinError) -> [UInt8] {
        var payload = PuffinFooterJSON.write(self)
        if isCompressed { payload = try PuffinCodec.lz4.compress(payload, at: "footer") }
        guard let size = Int32(exactly: payload.count) else {
            throw PuffinError(.tooLarge, at: "footer", "\(payload.count) bytes do not fit its size of 4 bytes")
        }
        var bytes = Self.magic + payload
        bytes.appendLittleEndian(size)
        bytes.appendLittleEndian(isCompressed ? Self.isCompressedFlag : 0)
        return bytes + Self.magic
    }

    private static func littleEndian32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func damaged(_ message: String) -> PuffinError { PuffinError(.corrupt, at: "footer", message) }
}
