import Bytes
import JSONFormat

/// Writes an object container file in memory.
///
/// The same calls with the same sync marker give the same bytes.
public struct AvroFileWriter: Sendable {
    private let codec: AvroCodec
    private let sync: [UInt8]
    private let blockBytes: Int
    private var output: [UInt8]
    private var encoder = AvroEncoder()
    private var pending = 0

    /// - Parameters:
    ///   - metadata: further entries of the header, in order.
    ///   - sync: the marker after each block: 16 bytes that the data is unlikely to hold.
    ///   - blockBytes: a block is closed once it holds this many bytes, before compression.
    /// - Precondition: the sync marker has 16 bytes.
    public init(
        schema: AvroSchema, metadata: [(key: String, value: String)] = [], codec: AvroCodec = .deflate, sync: [UInt8],
        blockBytes: Int = 1 << 20
    ) {
        precondition(sync.count == 16, "an Avro sync marker has 16 bytes")
        self.codec = codec
        self.sync = sync
        self.blockBytes = blockBytes
        let entries =
            [
                (key: "avro.schema", value: schema.json.serializedString()), (key: "avro.codec", value: codec.rawValue),
            ] + metadata
        var header = AvroEncoder()
        header.write(items: entries) { encoder, entry in
            encoder.write(entry.key)
            encoder.write(entry.value)
        }
        output = AvroFileReader.magic + header.bytes + sync
    }

    /// Bytes written and pending so far, before the compression of the open block.
    public var byteCount: Int { output.count + encoder.bytes.count }

    /// Appends one object, which `body` writes as the schema has it: nothing checks that.
    ///
    /// - Throws: `.corrupt` when the codec fails.
    public mutating func append(_ body: (inout AvroEncoder) -> Void) throws(AvroError) {
        body(&encoder)
        pending += 1
        if encoder.bytes.count >= blockBytes { try closeBlock() }
    }

    private mutating func closeBlock() throws(AvroError) {
        guard pending > 0 else { return }
        let stored = try codec.compress(encoder.bytes)
        var header = AvroEncoder()
        header.write(Int64(pending))
        header.write(Int64(stored.count))
        output += header.bytes
        output += stored
        output += sync
        encoder.removeAll()
        pending = 0
    }

    /// The whole file. Errors as those of `append`.
    public consuming func finish() throws(AvroError) -> [UInt8] {
        try closeBlock()
        return output
    }
}
