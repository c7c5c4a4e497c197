import JSONFormat
import ParquetFormat

/// A Parquet file of which only what is asked for is fetched.
struct InspectedParquet: Sendable {
    let file: InspectedFile
    let metadata: FileMetadata
    let footerSize: Int

    /// Fetches the footer alone, in one or two reads.
    init(_ file: InspectedFile) async throws {
        guard file.size >= 12 else {
            throw ParquetError(.corrupt, at: "file", "\(file.size) bytes are fewer than the 12 of an empty file")
        }
        let tail = try await file.bytes((file.size - min(file.size, Int64(FileMetadata.tailBytesHint)))..<file.size)
        switch try FileMetadata.read(tail: tail, fileSize: file.size) {
        case .metadata(let found): metadata = found
        case .needs(let range): metadata = try FileMetadata(footer: Array(try await file.bytes(range)))
        }
        footerSize = try FileMetadata.footerLength(tail: tail.suffix(8))
        self.file = file
    }

    /// The bytes of a part that the footer states.
    func bytes(at offset: Int64, count: Int64, _ what: String) async throws -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= file.size, count <= file.size - offset else {
            throw ParquetError(.corrupt, at: what, "\(count) bytes at \(offset) of a file of \(file.size)")
        }
        return try await file.bytes(offset..<(offset + count))
    }
}
