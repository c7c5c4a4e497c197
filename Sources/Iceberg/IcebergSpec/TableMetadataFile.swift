import Compression
import JSONFormat

/// Metadata files as they lie in object storage: JSON, in gzip where the name says so.
public enum TableMetadataFile {
    /// Whether a file of this name is compressed: `.gz.metadata.json`, or `.metadata.json.gz` of old writers.
    public static func isCompressed(name: String) -> Bool {
        name.hasSuffix(".gz.metadata.json") || name.hasSuffix(".metadata.json.gz")
    }

    /// Reads a metadata file. Whether it is compressed is seen from its first bytes: names have been wrong.
    ///
    /// - Throws: `.limitExceeded` beyond `Limits.metadataBytesMax`; otherwise as `TableMetadata.init(json:)`.
    public static func decode(_ bytes: [UInt8]) throws(IcebergError) -> TableMetadata {
        try TableMetadata(text: text(bytes))
    }

    /// The JSON of a table or view metadata file.
    ///
    /// - Parameter bytesMax: compressed and decompressed.
    /// - Throws: `.malformed` when it is no JSON, or gzip that cannot be read; `.limitExceeded`.
    public static func decodeJSON(
        _ bytes: [UInt8], bytesMax: Int = Limits.metadataBytesMax
    ) throws(IcebergError) -> JSONValue {
        try parse(text(bytes, bytesMax: bytesMax))
    }

    /// The text of a table or view metadata file, decompressed. Nothing of it has been looked at.
    ///
    /// - Throws: `.malformed` for gzip that cannot be read; `.limitExceeded`.
    public static func text(
        _ bytes: [UInt8], bytesMax: Int = Limits.metadataBytesMax
    ) throws(IcebergError) -> [UInt8] {
        guard bytes.count <= bytesMax else {
            throw IcebergError(.limitExceeded, "metadata of more than the \(bytesMax) bytes allowed")
        }
        return try decompress(bytes, bytesMax)
    }

    static func parse(_ text: [UInt8]) throws(IcebergError) -> JSONValue {
        do {
            return try JSONValue.parse(text, depthLimit: Limits.jsonDepthMax)
        } catch {
            throw IcebergError(error)
        }
    }

    /// - Parameter compressed: with gzip; the file's name must then end in `.gz.metadata.json`.
    public static func encode(_ metadata: TableMetadata, compressed: Bool = false) throws(IcebergError) -> [UInt8] {
        try encode(metadata.serialized(), compressed: compressed)
    }

    static func encode(_ text: [UInt8], compressed: Bool) throws(IcebergError) -> [UInt8] {
        guard compressed else { return text }
        do {
            return try Deflate.compress(text, container: .gzip)
        } catch {
            throw IcebergError(.invalid, "the metadata could not be compressed: \(error.message)")
        }
    }

    private static func decompress(_ bytes: [UInt8], _ bytesMax: Int) throws(IcebergError) -> [UInt8] {
        guard bytes.starts(with: [0x1F, 0x8B]) else { return bytes }
        do {
            return try Deflate.decompress(bytes, container: .gzip, limit: bytesMax)
        } catch {
            throw IcebergError(
                error.code == .tooLarge ? .limitExceeded : .malformed, "compressed metadata: \(error.message)")
        }
    }
}
