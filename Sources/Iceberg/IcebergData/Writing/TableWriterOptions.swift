import IcebergSpec
import ParquetFormat

/// How rows become data files.
public struct TableWriterOptions: Sendable {
    public var parquet: ParquetWriterOptions
    /// A file is closed when it is about this large: `write.target-file-size-bytes`.
    public var targetFileBytes = 512 << 20
    /// What all open files may hold in memory together; beyond it the largest is closed early.
    public var memoryBytes = 1 << 30
    /// Sort the rows of every file by the table's sort order. Rows are then held until their file is written.
    public var sorts = true
    /// Write the columns `_row_id` and `_last_updated_sequence_number`: for rows that lie in other files already
    /// (specification: "Row Lineage").
    public var keepsLineage = false

    public init(parquet: ParquetWriterOptions = ParquetWriterOptions()) { self.parquet = parquet }

    /// As the table's properties `write.target-file-size-bytes` and `write.parquet.…` say, where they are given.
    ///
    /// - Throws: `.invalid` for a property that is no positive number, `.unsupported` for a codec.
    public init(properties: [String: String]) throws(DataError) {
        self.init()
        let reader = PropertyReader(properties)
        targetFileBytes = try reader.positive("write.target-file-size-bytes") ?? targetFileBytes
        parquet.rowGroupBytes = try reader.positive("write.parquet.row-group-size-bytes") ?? parquet.rowGroupBytes
        parquet.pageBytes = try reader.positive("write.parquet.page-size-bytes") ?? parquet.pageBytes
        parquet.pageRows = try reader.positive("write.parquet.page-row-limit") ?? parquet.pageRows
        parquet.dictionaryBytesMax =
            try reader.positive("write.parquet.dict-size-bytes") ?? parquet.dictionaryBytesMax
        if let name = properties["write.parquet.compression-codec"] {
            let level = try reader.positive("write.parquet.compression-level").map { Int32(clamping: $0) }
            parquet.codec = try Self.codec(name, level: level)
        }
    }

    private static func codec(_ name: String, level: Int32?) throws(DataError) -> ParquetCodec {
        switch name.lowercased() {
        case "uncompressed", "none": return .uncompressed
        case "snappy": return .snappy
        case "gzip": return .gzip(level: level ?? 6)
        case "zstd": return .zstd(level: level ?? 1)
        default:
            throw DataError(
                .unsupported, at: "write.parquet.compression-codec",
                "\"\(name)\" is not written; uncompressed, snappy, gzip and zstd are")
        }
    }
}

private struct PropertyReader {
    let properties: [String: String]

    init(_ properties: [String: String]) { self.properties = properties }

    func positive(_ key: String) throws(DataError) -> Int? {
        guard let text = properties[key] else { return nil }
        guard let number = Int(text), number > 0 else {
            throw DataError(.invalid, at: "table property \(key)", "\"\(text)\" is no positive number")
        }
        return number
    }
}
