/// Writes a Parquet file row group by row group, from columns to bytes; no I/O.
///
/// Finished bytes collect in memory until `drain` takes them, so a large file can go to storage in parts. Nothing of the
/// file is readable before `finish`: the footer comes last.
public struct ParquetWriter: ~Copyable {
    public let schema: ParquetSchema
    public let options: ParquetWriterOptions
    private let chunks: ColumnChunkWriter
    private var output: FileOutput
    private var rowGroups: [(metadata: RowGroupMetadata, indexes: [EncodedPageIndex])]
    private var columns: [ColumnSummary]
    private var columnBounds: [ValueBounds?]
    private var open: RowGroup
    private var rowCount: Int64

    private static let magic = Array("PAR1".utf8)

    /// - Throws: `.invalidArgument` for a schema without leaves and for options that do not fit it; `.failed` without
    ///   memory.
    public init(schema: ParquetSchema, options: ParquetWriterOptions = ParquetWriterOptions()) throws(ParquetError) {
        guard !schema.leaves.isEmpty else { throw ParquetError(.invalidArgument, at: "schema", "no columns") }
        try options.check(schema)
        let chunks = try ColumnChunkWriter(options, schema)
        self.schema = schema
        self.options = options
        self.chunks = chunks
        open = RowGroup(schema)
        rowGroups = []
        rowCount = 0
        columns = schema.leaves.map { leaf in
            ColumnSummary(
                leaf: leaf, compressedBytes: 0, uncompressedBytes: 0, valueCount: 0, nullCount: 0,
                nanCount: leaf.isFloatingPoint ? 0 : nil)
        }
        columnBounds = Array(repeating: nil, count: schema.leaves.count)
        output = FileOutput(bytes: Self.magic)
    }

    /// Bytes that `drain` would give.
    public var finishedByteCount: Int { output.bytes.count }

    /// What the rows that `append` holds back take in memory.
    public var openByteCount: Int { open.byteCount }

    /// Adds rows; closes a row group whenever `rowGroupRows` or about `rowGroupBytes` is reached. Cost: until then a
    /// copy of the rows, and then their encoding and compression.
    ///
    /// - Throws: `.invalidArgument` when the columns do not fit the schema; nothing is added then. `.failed` when a
    ///   codec fails.
    public mutating func append(_ rows: RowGroup) throws(ParquetError) {
        try schema.check(rows.columns, rowCount: rows.rowCount)
        guard rows.rowCount > 0 else { return }
        let bytesPerRow = max(1, rows.byteCount / rows.rowCount)
        var next = 0
        while next < rows.rowCount {
            let room = min(
                max(1, options.rowGroupRows) - open.rowCount,
                max(1, (options.rowGroupBytes - open.byteCount) / bytesPerRow))
            let taken = min(rows.rowCount - next, room)
            let isWhole = taken == rows.rowCount
            if isWhole && open.rowCount == 0 {
                open = rows
            } else {
                open.append(isWhole ? rows : rows.slice(rows: next..<(next + taken)))
            }
            next += taken
            let isFull = open.rowCount >= options.rowGroupRows || open.byteCount + bytesPerRow > options.rowGroupBytes
            if isFull { try closeRowGroup() }
        }
    }

    /// Writes one row group of exactly these columns, after what `append` holds back.
    ///
    /// - Throws: `.invalidArgument` when the columns do not fit the schema; nothing is written then.
    public mutating func appendRowGroup(_ columns: [LeafColumn], rowCount: Int) throws(ParquetError) {
        try schema.check(columns, rowCount: rowCount)
        try closeRowGroup()
        try write(columns, rowCount: rowCount)
    }

    /// Adds a row group as it is, after what `append` holds back. Cost: a copy of its bytes.
    ///
    /// - Throws: `.invalidArgument` for one of another schema.
    public mutating func append(_ group: EncodedRowGroup) throws(ParquetError) {
        guard group.schema == schema else {
            throw ParquetError(.invalidArgument, at: "row group", "it was encoded for another schema")
        }
        try closeRowGroup()
        place(group)
    }

    /// Takes the finished bytes, which continue those taken before.
    public mutating func drain() -> [UInt8] {
        let bytes = output.bytes
        output.drained += Int64(bytes.count)
        output.bytes = []
        return bytes
    }

    /// Writes what is held back, the page indexes and the footer. The bytes continue those that `drain` took.
    ///
    /// - Throws: `.failed` when a codec fails.
    public consuming func finish() throws(ParquetError) -> ParquetFile {
        try closeRowGroup()
        if options.pageIndex { writePageIndexes() }
        let footer = FileMetadata(
            version: 2, schema: schema, rowCount: rowCount, rowGroups: rowGroups.map(\.metadata),
            keyValueMetadata: options.keyValueMetadata, createdBy: options.createdBy
        ).encoded()
        output.bytes.append(contentsOf: footer)
        withUnsafeBytes(of: UInt32(footer.count).littleEndian) { output.bytes.append(contentsOf: $0) }
        output.bytes.append(contentsOf: Self.magic)
        return ParquetFile(bytes: output.bytes, summary: summary())
    }

    // MARK: - Row groups

    /// Makes what `append` holds back a row group, however small.
    ///
    /// - Throws: `.failed` when a codec fails.
    public mutating func closeRowGroup() throws(ParquetError) {
        guard open.rowCount > 0 else { return }
        let rows = open
        open = RowGroup(schema)
        try write(rows.columns, rowCount: rows.rowCount)
    }

    private mutating func write(_ data: [LeafColumn], rowCount: Int) throws(ParquetError) {
        guard rowCount > 0 else { return }
        do {
            place(try EncodedRowGroup(data, rowCount: rowCount, schema, options, chunks))
        } catch {
            throw error.within("row group \(rowGroups.count)")
        }
    }

    private mutating func place(_ group: EncodedRowGroup) {
        guard group.rowCount > 0 else { return }
        let start = output.position
        var written = group.chunks.map { $0.moved(by: start) }
        output.bytes.append(contentsOf: group.bytes)
        for index in written.indices {
            record(&written[index], leaf: index)
            writeBloomFilter(&written[index])
        }
        let chunkMetadata = written.map(\.metadata)
        rowGroups.append(
            (
                RowGroupMetadata(
                    columns: chunkMetadata, totalByteSize: chunkMetadata.reduce(0) { $0 + $1.totalUncompressedSize },
                    rowCount: Int64(group.rowCount), sortingColumns: group.sortingColumns, fileOffset: start,
                    totalCompressedSize: Int64(group.bytes.count)),
                options.pageIndex ? written.map { $0.pageIndex.encoded() } : []
            ))
        rowCount += Int64(group.rowCount)
    }

    private mutating func record(_ chunk: inout WrittenChunk, leaf index: Int) {
        let leaf = schema.leaves[index]
        let limit = ParquetLimits.statisticsBytesMax
        chunk.metadata.statistics = ColumnStatistics(
            nullCount: chunk.nullCount, distinctCount: chunk.distinctCount,
            min: chunk.bounds.flatMap { ColumnBound.min($0.min, limit: limit, leaf: leaf) },
            max: chunk.bounds.flatMap { ColumnBound.max($0.max, limit: limit, leaf: leaf) },
            nanCount: leaf.isFloatingPoint ? chunk.nanCount : nil)
        columns[index].compressedBytes += chunk.metadata.totalCompressedSize
        columns[index].uncompressedBytes += chunk.metadata.totalUncompressedSize
        columns[index].valueCount += chunk.metadata.valueCount
        columns[index].nullCount = columns[index].nullCount.map { $0 + chunk.nullCount }
        columns[index].nanCount = columns[index].nanCount.map { $0 + chunk.nanCount }
        guard let bounds = chunk.bounds else { return }
        if columnBounds[index] == nil {
            columnBounds[index] = bounds
        } else {
            columnBounds[index]?.merge(bounds, ValueComparison(leaf))
        }
    }

    /// Behind the row group, so that it can be drained with it.
    private mutating func writeBloomFilter(_ chunk: inout WrittenChunk) {
        guard let filter = chunk.bloomFilter else { return }
        chunk.metadata.bloomFilterOffset = output.position
        chunk.metadata.bloomFilterLength = Int32(filter.count)
        output.bytes.append(contentsOf: filter)
        chunk.bloomFilter = nil
    }

    private mutating func writePageIndexes() {
        for group in rowGroups.indices {
            for (column, index) in rowGroups[group].indexes.enumerated() {
                guard let bytes = index.columnIndex else { continue }
                rowGroups[group].metadata.columns[column].columnIndexOffset = output.position
                rowGroups[group].metadata.columns[column].columnIndexLength = Int32(bytes.count)
                output.bytes.append(contentsOf: bytes)
            }
        }
        for group in rowGroups.indices {
            for (column, index) in rowGroups[group].indexes.enumerated() {
                let bytes = index.offsetIndex
                rowGroups[group].metadata.columns[column].offsetIndexOffset = output.position
                rowGroups[group].metadata.columns[column].offsetIndexLength = Int32(bytes.count)
                output.bytes.append(contentsOf: bytes)
            }
        }
    }

    private func summary() -> ParquetFileSummary {
        var columns = columns
        for (index, bounds) in columnBounds.enumerated() {
            let leaf = schema.leaves[index]
            let limit = ParquetLimits.boundBytesMax
            columns[index].min = bounds.flatMap { ColumnBound.min($0.min, limit: limit, leaf: leaf) }
            columns[index].max = bounds.flatMap { ColumnBound.max($0.max, limit: limit, leaf: leaf) }
        }
        return ParquetFileSummary(
            rowCount: rowCount, fileSizeBytes: output.position,
            splitOffsets: rowGroups.map { $0.metadata.fileOffset ?? 0 }, columns: columns)
    }
}

extension LeafColumn {
    /// What contradicts the leaf or itself, if anything.
    func problem(for leaf: SchemaLeaf, rowCount rows: Int) -> String? {
        if values.physicalType != leaf.physicalType {
            return "\(values.physicalType) values where the schema has \(leaf.physicalType)"
        }
        if maxDefinitionLevel != leaf.maxDefinitionLevel || maxRepetitionLevel != leaf.maxRepetitionLevel {
            return "made for another leaf: its maximum levels differ"
        }
        if rowCount != rows { return "\(rowCount) rows instead of \(rows)" }
        if levelCount > Int(Int32.max) { return "\(levelCount) values: a row group takes at most \(Int32.max)" }
        if maxRepetitionLevel == 0 && !repetitionLevels.isEmpty { return "repetition levels where nothing repeats" }
        if definitionLevels.isEmpty {
            return maxRepetitionLevel > 0 && !(values.count == 0 && repetitionLevels.isEmpty) ? "no levels" : nil
        }
        if maxDefinitionLevel == 0 { return "definition levels on a required leaf" }
        let (present, highest) = presentCountAndHighest
        if present != values.count { return "\(values.count) values where the levels say \(present)" }
        if highest > maxDefinitionLevel { return "a definition level above the maximum" }
        guard maxRepetitionLevel > 0 else { return nil }
        if repetitionLevels.count != definitionLevels.count {
            return "repetition and definition levels differ in number"
        }
        if repetitionLevels.first != 0 { return "the first repetition level is not 0" }
        if repetitionLevels.contains(where: { $0 > maxRepetitionLevel }) {
            return "a repetition level above the maximum"
        }
        return nil
    }

    /// Without an early end, eight or more levels at a time.
    private var presentCountAndHighest: (present: Int, highest: UInt8) {
        let maximum = maxDefinitionLevel
        return definitionLevels.withUnsafeBufferPointer { levels in
            var count = 0
            var highest: UInt8 = 0
            for level in levels {
                count &+= level == maximum ? 1 : 0
                highest = max(highest, level)
            }
            return (count, highest)
        }
    }
}
