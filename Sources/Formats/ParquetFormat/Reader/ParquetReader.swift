/// Reads a Parquet file that lies in memory. For files elsewhere, see `FileMetadata.footerLength`,
/// `FileMetadata.init(footer:)`, `FileMetadata.columnChunkRange` and `FileMetadata.decode`.
///
/// Reads data pages of both versions, all encodings of the format, and pages that are uncompressed or compressed with
/// snappy, gzip or zstd. Every error names the place: `row group 0, column a.b, page 3`.
public struct ParquetReader: Sendable {
    public let metadata: FileMetadata
    private let bytes: [UInt8]
    private let decodedBytesMax: Int

    /// Reads the footer only. `decodedBytesMax` limits what one column chunk takes in memory.
    public init(
        _ bytes: [UInt8], decodedBytesMax: Int = ParquetLimits.chunkDecodedBytesMax
    ) throws(ParquetError) {
        guard bytes.count >= 12, bytes.starts(with: FileMetadata.magic) else {
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

    /// One column of one row group.
    public func column(rowGroup: Int, leaf: Int) throws(ParquetError) -> LeafColumn {
        let range = try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)
        guard range.upperBound <= Int64(bytes.count) else {
            throw ParquetError(
                .corrupt, at: metadata.place(rowGroup, leaf), "reaches to byte \(range.upperBound) of \(bytes.count)")
        }
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(ParquetError) in
                try metadata.decode(
                    UnsafeRawBufferPointer(rebasing: raw[Int(range.lowerBound)..<Int(range.upperBound)]),
                    rowGroup: rowGroup, leaf: leaf, decodedBytesMax: decodedBytesMax)
            }
        }
        return try result.get()
    }

    /// The given leaves of one row group, in the given order.
    public func columns(rowGroup: Int, leaves: [Int]) throws(ParquetError) -> [LeafColumn] {
        var columns: [LeafColumn] = []
        for leaf in leaves { columns.append(try column(rowGroup: rowGroup, leaf: leaf)) }
        return columns
    }

    /// All columns of one row group.
    public func rowGroup(_ index: Int) throws(ParquetError) -> RowGroup {
        let columns = try columns(rowGroup: index, leaves: Array(schema.leaves.indices))
        return try RowGroup(columns: columns, rowCount: Int(metadata.rowGroups[index].rowCount))
    }
}

extension FileMetadata {
    static let magic = Array("PAR1".utf8)

    /// How many bytes the footer takes that ends 8 bytes before the end of the file, from those 8 bytes.
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

    /// The bytes of the file that hold a column chunk.
    public func columnChunkRange(rowGroup: Int, leaf: Int) throws(ParquetError) -> Range<Int64> {
        let chunk = try columnChunk(rowGroup, leaf)
        let (end, overflow) = chunk.startOffset.addingReportingOverflow(chunk.totalCompressedSize)
        guard !overflow, chunk.startOffset >= 0 else {
            throw ParquetError(.corrupt, at: place(rowGroup, leaf), "it ends beyond any file")
        }
        return chunk.startOffset..<end
    }

    /// Decodes a column chunk from the bytes of `columnChunkRange`.
    public func decode(
        _ chunk: [UInt8], rowGroup: Int, leaf: Int, decodedBytesMax: Int = ParquetLimits.chunkDecodedBytesMax
    ) throws(ParquetError) -> LeafColumn {
        let result = chunk.withUnsafeBytes { raw in
            Result { () throws(ParquetError) in
                try decode(raw, rowGroup: rowGroup, leaf: leaf, decodedBytesMax: decodedBytesMax)
            }
        }
        return try result.get()
    }

    func decode(
        _ bytes: UnsafeRawBufferPointer, rowGroup: Int, leaf: Int, decodedBytesMax: Int
    ) throws(ParquetError) -> LeafColumn {
        let chunk = try columnChunk(rowGroup, leaf)
        do throws(ParquetError) {
            let column = try ColumnChunkDecoder(schema.leaves[leaf], chunk, bytes, bytesMax: decodedBytesMax).decode()
            let rows = rowGroups[rowGroup].rowCount
            guard Int64(column.rowCount) == rows else {
                throw ParquetError(.corrupt, at: "", "\(column.rowCount) rows where the row group has \(rows)")
            }
            guard column.maxRepetitionLevel == 0 || (column.repetitionLevels.first ?? 0) == 0 else {
                throw ParquetError(.corrupt, at: "levels", "the first row begins inside a list")
            }
            return column
        } catch {
            throw error.within(place(rowGroup, leaf))
        }
    }

    private func columnChunk(_ rowGroup: Int, _ leaf: Int) throws(ParquetError) -> ColumnChunkMetadata {
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
