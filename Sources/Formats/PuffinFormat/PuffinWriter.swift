/// Writes a Puffin file in memory, blob after blob.
///
///     var writer = PuffinWriter(properties: [PuffinProperty.createdBy: "…"])
///     let blob = try writer.append(content, type: .thetaSketch, fields: [1], snapshotID: 7, sequenceNumber: 3)
///     let (bytes, footer) = try writer.finish()
public struct PuffinWriter: Sendable {
    private var bytes = PuffinFooter.magic
    private var footer: PuffinFooter

    /// - Parameter properties: of the file, such as `created-by`.
    public init(properties: [String: String] = [:]) {
        footer = PuffinFooter(properties: properties)
    }

    /// Appends a blob and gives what the footer will say of it.
    ///
    /// - Parameters:
    ///   - content: before compression.
    ///   - fields: ids of the columns it was computed from.
    ///   - snapshotID: -1, as `sequenceNumber`, where the commit is not made yet.
    /// - Throws: `.unsupported` for an unknown codec, `.invalidArgument` when it fails; nothing is appended then.
    @discardableResult
    public mutating func append(
        _ content: [UInt8], type: PuffinBlobType, fields: [Int32], snapshotID: Int64, sequenceNumber: Int64,
        compressionCodec: PuffinCodec? = nil, properties: [String: String] = [:]
    ) throws(PuffinError) -> PuffinBlobMetadata {
        var stored = content
        if let compressionCodec {
            stored = try compressionCodec.compress(content, at: "blob \(footer.blobs.count)")
        }
        let blob = PuffinBlobMetadata(
            type: type, fields: fields, snapshotID: snapshotID, sequenceNumber: sequenceNumber,
            offset: Int64(bytes.count), length: Int64(stored.count), compressionCodec: compressionCodec,
            properties: properties)
        bytes += stored
        footer.blobs.append(blob)
        return blob
    }

    /// The whole file and what its footer says.
    ///
    /// - Parameter isFooterCompressed: LZ4, for footers of very many blobs.
    /// - Throws: `.tooLarge` when the footer's size does not fit 4 bytes.
    public consuming func finish(
        isFooterCompressed: Bool = false
    ) throws(PuffinError) -> (bytes: [UInt8], footer: PuffinFooter) {
        bytes += try footer.serialized(isCompressed: isFooterCompressed)
        return (bytes, footer)
    }
}
