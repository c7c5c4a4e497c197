/// Reads a Parquet file that lies in memory. For files elsewhere, see `FileMetadata.footerLength`,
/// `FileMetadata.init(footer:)`, `FileMetadata.columnChunkRange` and `FileMetadata.decode`.
///
/// Reads data pages of both versions, all encodings of the format, and pages that are uncompressed or compressed with
/// snappy, gzip, brotli, lz4 (all its framings), zstd or lz4_raw. Every error names the place: `row group 0, column a.b, page 3`.
public struct ParquetReader: Sendable {
    public let metadata: FileMetadata
    private let bytes: [UInt8]
    private let decodedBytesMax: Int

    /// Reads the footer only.
    ///
    /// - Parameter decodedBytesMax: bytes that the values of one column chunk may take in memory.
    /// - Throws: `.corrupt` for what is no whole Parquet file, `.unsupported` for an encrypted one, `.tooLarge`.
    public init(
        _ bytes: [UInt8], decodedBytesMax: Int = ParquetLimits.chunkDecodedBytesMax
    ) throws(ParquetError) {
        guard bytes.count >= 12, bytes.starts(with: FileMetadata.magic) else {
            if bytes.starts(with: "PARE".utf8) {
                throw ParquetError(.unsupported, at: "file", "its footer is encrypted")
            }
            throw ParquetError(.corrupt, at: "file", "does not begin with PAR1")
        }
        let length = try FileMetadata.footerLength(tail: bytes.suffix(8))
        guard length <= bytes.count - 12 else {
            throw ParquetError(.corrupt, at: "file", "a footer of \(length) bytes in a file of \(bytes.count)")
        }
        metadata = try FileMetadata(footer: Array(bytes[(bytes.count - 8 - length)..<(bytes.count - 8)]))
        self.bytes = bytes
        self.decodedBytesMax = decodedBytesMax
    }

    public var schema: ParquetSchema { metadata.schema }

    /// One column of one row group: every page is decompressed and decoded, whatever the page index says.
    ///
    /// - Throws: `.corrupt`, `.unsupported`, `.tooLarge`; `.invalidArgument` when there is no such row group or leaf.
    public func column(rowGroup: Int, leaf: Int) throws(ParquetError) -> LeafColumn {
        var range = try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)
        if metadata.hasShortDictionaries { range = range.clamped(to: 0..<Int64(bytes.count)) }
        guard range.upperBound <= Int64(bytes.count) else {
            throw ParquetError(
                .corrupt, at: metadata.place(rowGroup, leaf), "reaches to byte \(range.upperBound) of \(bytes.count)")
        }
        let slice = ByteSlice(bytes: bytes, range: Int(range.lowerBound)..<Int(range.upperBound))
        return try metadata.decode(
            [PageRun(slice: slice, page: 0, rows: nil)], rowGroup, leaf, selection: nil, bytesMax: decodedBytesMax)
    }

    /// The given leaves of the rows of a row group that fulfil a predicate, and lie in `rows` when they are given.
    ///
    /// Reads only pages that can hold such rows, as far as statistics, page indexes and bloom filters tell; the
    /// predicate's leaves first, the others where rows were found.
    ///
    /// - Parameter leaves: indexes of `schema.leaves`; the result's columns are in this order.
    /// - Throws: as `column`; `.invalidArgument` for rows or a predicate that do not fit the file, too.
    public func read(
        rowGroup: Int, leaves: [Int], where predicate: ColumnPredicate? = nil, rows: RowRanges? = nil
    ) throws(ParquetError) -> SelectedRows {
        var options = RangeReadOptions()
        options.decodedBytesMax = decodedBytesMax
        var scan = try RowGroupScan(
            metadata, rowGroup: rowGroup, leaves: leaves, where: predicate, rows: rows, options: options)
        scan.supply(bytes, at: 0)
        switch try scan.next() {
        case .finished(let rows): return rows
        case .fetch(let ranges):
            throw ParquetError(
                .corrupt, at: "row group \(rowGroup)",
                "it reaches to byte \(ranges.last?.upperBound ?? 0) of \(bytes.count)")
        }
    }

    /// The given leaves of one row group, in the given order. Errors as those of `column`.
    public func columns(rowGroup: Int, leaves: [Int]) throws(ParquetError) -> [LeafColumn] {
        var columns: [LeafColumn] = []
        for leaf in leaves { columns.append(try column(rowGroup: rowGroup, leaf: leaf)) }
        return columns
    }

    /// All columns of one row group. Errors as those of `column`.
    public func rowGroup(_ index: Int) throws(ParquetError) -> RowGroup {
        let columns = try columns(rowGroup: index, leaves: Array(schema.leaves.indices))
        return try RowGroup(columns: columns, rowCount: Int(metadata.rowGroups[index].rowCount))
    }
}

extension FileMetadata {
    static let magic = Array("PAR1".utf8)

    /// How many bytes the footer takes that ends 8 bytes before the end of the file, from those 8 bytes.
    ///
    /// - Throws: `.corrupt` without the magic, `.unsupported` (encryption), `.tooLarge`; `.invalidArgument` for another
    ///   number of bytes.
    public static func footerLength(tail: some Collection<UInt8>) throws(ParquetError) -> Int {
        let tail = Array(tail)
        guard tail.count == 8 else {
            throw ParquetError(.invalidArgument, at: "file", "the last 8 bytes are needed, not \(tail.count)")
        }
        guard tail[4...].elementsEqual(magic) else {
            if tail[4...].elementsEqual("PARE".utf8) {
                throw ParquetError(.unsupported, at: "file", "its footer is encrypted")
            }
            throw ParquetError(.corrupt, at: "file", "does not end with PAR1")
        }
        let length = Int(UInt32(littleEndian: tail.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }))
        guard length <= ParquetLimits.footerBytesMax else {
            throw ParquetError(
                .tooLarge, at: "footer", "\(length) bytes, \(ParquetLimits.footerBytesMax) allowed")
        }
        return length
    }

    /// The bytes of the file that hold a column chunk, its dictionary page included.
    ///
    /// - Throws: `.corrupt` when no file can have them; `.invalidArgument` for a row group or leaf that does not exist.
    public func columnChunkRange(rowGroup: Int, leaf: Int) throws(ParquetError) -> Range<Int64> {
        let chunk = try columnChunk(rowGroup, leaf)
        let size = chunk.totalCompressedSize.addingReportingOverflow(hasShortDictionaries ? 100 : 0)
        let (end, overflow) = chunk.startOffset.addingReportingOverflow(size.partialValue)
        guard !overflow, !size.overflow, chunk.startOffset >= 0 else {
            throw ParquetError(.corrupt, at: place(rowGroup, leaf), "it ends beyond any file")
        }
        return chunk.startOffset..<end
    }

    /// Whether the writer left the header of dictionary pages out of the size of column chunks (PARQUET-816): such
    /// chunks are read with some bytes more.
    var hasShortDictionaries: Bool {
        guard let createdBy, createdBy.hasPrefix("parquet-mr") else { return false }
        let words = createdBy.split(separator: " ")
        guard words.count >= 3, words[1] == "version" else { return true }
        let numbers = words[2].split(separator: ".").prefix(3).compactMap { part in
            Int(part.prefix { $0.isNumber })
        }
        return numbers.lexicographicallyPrecedes([1, 2, 9])
    }

    /// Decodes a column chunk from the bytes of `columnChunkRange`.
    ///
    /// - Parameter decodedBytesMax: bytes that its values may take in memory.
    /// - Throws: `.corrupt`, `.unsupported`, `.tooLarge`, `.invalidArgument`, with the page.
    public func decode(
        _ chunk: [UInt8], rowGroup: Int, leaf: Int, decodedBytesMax: Int = ParquetLimits.chunkDecodedBytesMax
    ) throws(ParquetError) -> LeafColumn {
        try decode(
            [PageRun(slice: ByteSlice(bytes: chunk, range: chunk.indices), page: 0, rows: nil)], rowGroup, leaf,
            selection: nil, bytesMax: decodedBytesMax)
    }

    /// Decodes pages of a column chunk: all rows, or those selected.
    func decode(
        _ runs: [PageRun], _ rowGroup: Int, _ leaf: Int, selection: RowRanges?, bytesMax: Int
    ) throws(ParquetError) -> LeafColumn {
        let chunk = try columnChunk(rowGroup, leaf)
        guard let rowCount = Int(exactly: rowGroups[rowGroup].rowCount) else {
            throw ParquetError(.tooLarge, at: place(rowGroup, leaf), "\(rowGroups[rowGroup].rowCount) rows")
        }
        do throws(ParquetError) {
            return try ColumnChunkDecoder(
                schema.leaves[leaf], chunk, rowCount: rowCount, selection: selection, bytesMax: bytesMax
            ).decode(runs)
        } catch {
            throw error.within(place(rowGroup, leaf))
        }
    }

    func columnChunk(_ rowGroup: Int, _ leaf: Int) throws(ParquetError) -> ColumnChunkMetadata {
        guard rowGroups.indices.contains(rowGroup), schema.leaves.indices.contains(leaf) else {
            throw ParquetError(
                .invalidArgument, at: "row group \(rowGroup), leaf \(leaf)",
                "the file has \(rowGroups.count) row groups and \(schema.leaves.count) leaves")
        }
        return rowGroups[rowGroup].columns[leaf]
    }

    func place(_ rowGroup: Int, _ leaf: Int) -> String {
        "row group \(rowGroup), column \(schema.leaves[leaf].name)"
    }
}
