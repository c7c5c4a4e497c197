import Compression
import IcebergSpec
import JSONFormat
import ObjectStore

/// A table metadata file on the object store: its text, as read or written, and what it says.
public struct StoredMetadata: Sendable {
    public let location: String
    public let metadata: TableMetadata
    /// The JSON, uncompressed.
    public let json: [UInt8]
    /// The file, where it was compressed here: what is written after it takes over what has not changed.
    public var packed: PiecewiseGzip?

    /// Reads `location`, a URI of this store; compressed files too.
    ///
    /// - Parameter bytesMax: of the file and of its JSON; no more is read.
    /// - Throws: `.notFound` when there is no such file, `.badRequest` when it is no table metadata, too large or lies
    ///   elsewhere.
    public static func read(
        _ location: String, from store: any ObjectStore, bytesMax: Int = Limits.metadataBytesMax
    ) async throws(CatalogError) -> StoredMetadata {
        let (metadata, json) = try await MetadataObject.read(
            location, from: store, kind: "table metadata", bytesMax: bytesMax
        ) {
            text throws(IcebergError) in try TableMetadata(text: text)
        }
        return StoredMetadata(location: location, metadata: metadata, json: json)
    }

    /// Writes `metadata` to `location`, where nothing may be yet. Durable once this returns; it counts only when a
    /// register or a version names it.
    ///
    /// - Returns: nil when there is another file of that name.
    /// - Throws: `.commitStateUnknown` when the store does not tell whether it was written.
    public static func write(
        _ metadata: TableMetadata, to location: String, in store: any ObjectStore
    ) async throws(CatalogError) -> StoredMetadata? {
        try await write(metadata.written(), to: location, in: store)
    }
}

extension StoredMetadata {
    /// The same of what has been put into its form already, compressed where the name says so.
    ///
    /// - Parameter previous: what the table has grown from.
    public static func write(
        _ written: WrittenMetadata, to location: String, in store: any ObjectStore,
        after previous: StoredMetadata? = nil
    ) async throws(CatalogError) -> StoredMetadata? {
        guard written.text.count <= Limits.metadataBytesMax else {
            throw CatalogError(
                .badRequest,
                "metadata of \(written.text.count) bytes is above the \(Limits.metadataBytesMax) that a file may have")
        }
        var packed: PiecewiseGzip?
        if TableMetadataFile.isCompressed(name: location) {
            do throws(CompressionError) {
                packed = try PiecewiseGzip(written.text, starts: written.starts, after: previous?.packed)
            } catch {
                throw CatalogError(.serviceUnavailable, "the metadata could not be compressed: \(error.message)")
            }
        }
        guard try await MetadataObject.write(packed?.bytes ?? written.text, to: location, in: store) else { return nil }
        return StoredMetadata(location: location, metadata: written.metadata, json: written.text, packed: packed)
    }
}

extension CatalogError {
    /// A change that the table specification does not allow, or that was made from an older state of the table.
    public init(_ error: IcebergError) {
        switch error.code {
        case .stale: self.init(.commitFailed, "\(error)")
        case .malformed, .unsupported, .invalid, .limitExceeded: self.init(.badRequest, "\(error)")
        }
    }
}
