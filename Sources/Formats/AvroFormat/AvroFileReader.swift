/// Reads an object container file: its header, then block by block.
///
///     var file = try AvroFileReader(bytes)
///     while var block = try file.nextBlock() {
///         for _ in 0..<block.count { … block.decoder.readLong() … }
///         try block.finish()
///     }
public struct AvroFileReader: Sendable {
    /// What `file.schema` says the writer wrote.
    public let schema: AvroSchema
    public let codec: AvroCodec
    /// The header's metadata, `avro.schema` and `avro.codec` included.
    public let metadata: [String: [UInt8]]

    private let sync: [UInt8]
    private var decoder: AvroDecoder
    private let limits: AvroLimits
    /// Objects that took no bytes, in all blocks so far.
    private var emptyObjects: Int64 = 0

    /// Reads the header only.
    ///
    /// - Throws: `.corrupt` for what is no Avro file, `.invalidSchema`, `.unsupportedCodec`, `.tooLarge`.
    public init(_ bytes: [UInt8], limits: AvroLimits = AvroLimits()) throws(AvroError) {
        guard bytes.starts(with: Self.magic) else {
            throw AvroError(.corrupt, "the file does not begin with Obj 1: it is no Avro object container file")
        }
        var decoder = AvroDecoder(bytes, in: Self.magic.count..<bytes.count, limits: limits)
        let metadata = try Self.readMetadata(&decoder, limits)
        guard let schemaText = metadata["avro.schema"] else {
            throw AvroError(.corrupt, "the header holds no avro.schema")
        }
        let codecName = String(decoding: metadata["avro.codec"] ?? Array("null".utf8), as: UTF8.self)
        guard let codec = AvroCodec(rawValue: codecName) else {
            throw AvroError(
                .unsupportedCodec, "the codec \(codecName.prefix(40)) is not one of null, deflate, snappy, zstandard")
        }
        self.codec = codec
        self.metadata = metadata
        self.limits = limits
        schema = try AvroSchema(json: schemaText)
        sync = Array(try decoder.readFixed(16))
        self.decoder = decoder
    }

    static let magic: [UInt8] = [0x4F, 0x62, 0x6A, 0x01]

    /// The metadata value `key` as text; nil when it is missing or not UTF-8.
    public func text(_ key: String) -> String? {
        metadata[key].flatMap { String(validating: $0, as: UTF8.self) }
    }

    private static func readMetadata(
        _ decoder: inout AvroDecoder, _ limits: AvroLimits
    ) throws(AvroError) -> [String: [UInt8]] {
        var metadata: [String: [UInt8]] = [:]
        while true {
            let count = try decoder.readItemCount(of: .bytes(nil), isMap: true)
            if count == 0 { return metadata }
            for _ in 0..<count {
                let key = try decoder.readString()
                metadata[key] = Array(try decoder.readBytes())
                guard decoder.offset <= limits.headerBytesMax else {
                    throw AvroError(.tooLarge, "the header is longer than \(limits.headerBytesMax) bytes")
                }
            }
        }
    }

    /// The next block, decompressed; nil at the end of the file. Memory: the block.
    ///
    /// - Throws: `.corrupt` for a block that is cut short, does not decompress or does not end with the file's sync
    ///   marker; `.tooLarge`.
    public mutating func nextBlock() throws(AvroError) -> AvroBlock? {
        guard !decoder.isAtEnd else { return nil }
        let start = decoder.offset
        let count = try decoder.readLong()
        let size = try decoder.readLong()
        guard count >= 0, let length = Int(exactly: size) else {
            throw decoder.corrupt("a block of \(count) objects and \(size) bytes")
        }
        let stored = try decoder.readFixed(length)
        guard try decoder.readFixed(16).elementsEqual(sync) else {
            throw decoder.corrupt("a block does not end with the file's sync marker")
        }
        let content = try codec.decompress(stored, limit: limits.blockBytesMax(stored: stored.count))
        let isEmpty = schema.isZeroSize
        guard count <= Int64(isEmpty ? limits.zeroSizeItemsMax : content.count) - emptyObjects else {
            throw AvroError(.tooLarge, "a block states \(count) objects in \(content.count) bytes")
        }
        if isEmpty { emptyObjects += count }
        return AvroBlock(
            count: Int(count), range: start..<decoder.offset, decoder: AvroDecoder(content, limits: limits))
    }
}

/// One block of a file: `count` objects of the file's schema, one after the other.
public struct AvroBlock: Sendable {
    public let count: Int
    /// The bytes of the file that it takes, count, length and sync marker included.
    public let range: Range<Int>
    public var decoder: AvroDecoder

    /// Throws unless the objects took all of the block's bytes.
    public func finish() throws(AvroError) {
        guard decoder.isAtEnd else {
            throw decoder.corrupt("\(decoder.remaining) bytes are left after the last object of a block")
        }
    }
}
