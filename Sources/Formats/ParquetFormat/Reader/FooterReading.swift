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
    /// Errors: `corrupt`, `unsupported` (encryption), `tooLarge`; `invalidArgument` for fewer bytes.
    public static func read(tail: [UInt8], fileSize: Int64) throws(ParquetError) -> FooterRead {
        let length = try footerLength(tail: tail.suffix(8))
        guard Int64(length) <= fileSize - 12 else {
            throw ParquetError(.corrupt, at: "file", "a footer of \(length) bytes in a file of \(fileSize)")
        }
        guard length <= tail.count - 8 else { return .needs((fileSize - 8 - Int64(length))..<fileSize) }
        return .metadata(try FileMetadata(footer: Array(tail[(tail.count - 8 - length)..<(tail.count - 8)])))
    }
}
