/// A row group as it lies in a file, compressed, that does not know yet where in which file.
///
/// Made when its rows are there, so that memory holds what is small; `ParquetWriter.append` puts it into a file of the same
/// schema.
public struct EncodedRowGroup: Sendable {
    public let rowCount: Int
    let schema: ParquetSchema
    let bytes: [UInt8]
    /// Offsets count from the first of `bytes`.
    let chunks: [WrittenChunk]
    let sortingColumns: [SortingColumn]

    /// What it takes in memory, about.
    public var byteCount: Int { bytes.count + chunks.reduce(0) { $0 + ($1.bloomFilter?.count ?? 0) + 512 } }

    /// Encodes and compresses rows. Cost: CPU-bound.
    ///
    /// - Throws: `.invalidArgument` when the columns do not fit the schema, or the options do not; `.failed` when a codec
    ///   fails.
    public init(
        _ columns: [LeafColumn], rowCount: Int, schema: ParquetSchema, options: ParquetWriterOptions
    ) throws(ParquetError) {
        try options.check(schema)
        try schema.check(columns, rowCount: rowCount)
        try self.init(columns, rowCount: rowCount, schema, options, try ColumnChunkWriter(options, schema))
    }

    /// `columns` have been checked.
    init(
        _ columns: [LeafColumn], rowCount: Int, _ schema: ParquetSchema, _ options: ParquetWriterOptions,
        _ writer: ColumnChunkWriter
    ) throws(ParquetError) {
        var output = FileOutput()
        var chunks: [WrittenChunk] = []
        for (leaf, column) in zip(schema.leaves, columns) {
            do {
                chunks.append(try writer.write(column, leaf, into: &output))
            } catch {
                throw error.within("column \(leaf.name)")
            }
        }
        self.rowCount = rowCount
        self.schema = schema
        self.chunks = chunks
        bytes = output.bytes
        sortingColumns = try SortVerification.verified(options.sortingColumns, schema, columns, rowCount: rowCount)
    }
}

extension WrittenChunk {
    /// The chunk behind `bytes` more bytes.
    func moved(by bytes: Int64) -> WrittenChunk {
        var moved = self
        moved.metadata.dataPageOffset += bytes
        moved.metadata.dictionaryPageOffset = metadata.dictionaryPageOffset.map { $0 + bytes }
        moved.pageIndex.move(by: bytes)
        return moved
    }
}

extension ParquetSchema {
    /// - Throws: `.invalidArgument` when these are not columns of `rowCount` rows for the schema's leaves.
    func check(_ data: [LeafColumn], rowCount: Int) throws(ParquetError) {
        guard data.count == leaves.count else {
            throw ParquetError(.invalidArgument, at: "row group", "\(data.count) columns for \(leaves.count) leaves")
        }
        for (leaf, column) in zip(leaves, data) {
            if let problem = column.problem(for: leaf, rowCount: rowCount) {
                throw ParquetError(.invalidArgument, at: "row group, column \(leaf.name)", problem)
            }
        }
    }
}
