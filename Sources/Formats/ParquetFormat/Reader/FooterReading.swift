/// What the end of a file tells.
public enum FooterRead: Hashable, Sendable {
    case metadata(FileMetadata)
    /// The footer is longer than the bytes given: call again with all bytes from here to the end of the file.
    case needs(Range<Int64>)
}

extension FileMetadata {
    /// How much of the end of a file to fetch first: most footers fit, with the page indexes before them.
    public static let tailBytesHint = 64 << 10

    /// Reads the footer from the last bytes of a file, at least 8 of them.
    ///
    /// - Throws: `.corrupt`, `.unsupported` (encryption), `.tooLarge`; `.invalidArgument` for fewer bytes.
    public static func read(tail: [UInt8], fileSize: Int64) throws(ParquetError) -> FooterRead {
        let length = try footerLength(tail: tail.suffix(8))
        guard Int64(length) <= fileSize - 12 else {
            throw ParquetError(.corrupt, at: "file", "a footer of \(length) bytes in a file of \(fileSize)")
        }
        guard length <= tail.count - 8 else { return .needs((fileSize - 8 - Int64(length))..<fileSize) }
        let metadata = try FileMetadata(footer: Array(tail[(tail.count - 8 - length)..<(tail.count - 8)]))
        try metadata.checkPlaces(fileSize: fileSize)
        return .metadata(metadata)
    }

    /// Refuses places beyond the end of the file, so that nobody asks for them.
    ///
    /// - Throws: `.corrupt`.
    private func checkPlaces(fileSize: Int64) throws(ParquetError) {
        for (index, group) in rowGroups.enumerated() {
            for (leaf, chunk) in group.columns.enumerated() {
                let ends = [
                    try columnChunkRange(rowGroup: index, leaf: leaf).upperBound,
                    Self.end(chunk.offsetIndexOffset, chunk.offsetIndexLength),
                    Self.end(chunk.columnIndexOffset, chunk.columnIndexLength),
                    Self.end(chunk.bloomFilterOffset, chunk.bloomFilterLength),
                ]
                guard let last = ends.max(), last <= fileSize else {
                    throw ParquetError(
                        .corrupt, at: place(index, leaf), "it reaches beyond the file's \(fileSize) bytes")
                }
            }
        }
    }

    private static func end(_ offset: Int64?, _ length: Int32?) -> Int64 {
        guard let offset, let length else { return 0 }
        let (end, overflow) = offset.addingReportingOverflow(Int64(length))
        return overflow ? Int64.max : end
    }
}
