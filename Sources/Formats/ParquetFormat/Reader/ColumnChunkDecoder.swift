/// Some pages of a column chunk, as they lie in the file.
struct PageRun {
    let slice: ByteSlice
    /// The number of the first data page in it.
    let page: Int
    /// The rows of its one data page as the offset index has them, none for the dictionary page; nil for a whole chunk.
    let rows: Range<Int>?
}

/// Decodes pages of one column chunk one after the other, levels and values.
struct ColumnChunkDecoder {
    private let leaf: SchemaLeaf
    private let chunk: ColumnChunkMetadata
    private let rowCount: Int
    private let selection: RowRanges?
    private let bytesMax: Int
    private let decompressor: PageDecompressor
    private var source = UnsafeRawBufferPointer(start: nil, count: 0)
    private var offset = 0
    private var page = 0
    private var levelsRead = 0
    private var levelsSkipped = 0
    /// No null was met so far in a flat optional column, and no level was stored for it.
    private var areLevelsImplicit: Bool
    private var definitionLevels: [UInt8] = []
    private var repetitionLevels: [UInt8] = []
    private var decodedRows = RowRanges()

    /// For a row group of `rowCount` rows, of which only those of `selection` are asked for when it is given.
    init(
        _ leaf: SchemaLeaf, _ chunk: ColumnChunkMetadata, rowCount: Int, selection: RowRanges? = nil, bytesMax: Int
    ) throws(ParquetError) {
        self.leaf = leaf
        self.chunk = chunk
        self.rowCount = rowCount
        self.selection = selection
        self.bytesMax = bytesMax
        guard chunk.valueCount <= Int64(ParquetLimits.chunkValuesMax) else {
            throw ParquetError(.tooLarge, at: "", "\(chunk.valueCount) values")
        }
        areLevelsImplicit = leaf.maxDefinitionLevel > 0 && leaf.maxRepetitionLevel == 0
        decompressor = try PageDecompressor(chunk.codec)
    }

    consuming func decode(_ runs: [PageRun]) throws(ParquetError) -> LeafColumn {
        switch leaf.physicalType {
        case .boolean: try decode(runs, BooleanSink())
        case .int32:
            try decode(runs, NumberSink<Int32>({ .int32($0) }, fromInteger: { Int32(truncatingIfNeeded: $0) }))
        case .int64: try decode(runs, NumberSink<Int64>({ .int64($0) }, fromInteger: { $0 }))
        case .int96: try decode(runs, NumberSink<Int96> { .int96($0) })
        case .float: try decode(runs, NumberSink<Float> { .float($0) })
        case .double: try decode(runs, NumberSink<Double> { .double($0) })
        case .byteArray: try decode(runs, ByteArraySink())
        case .fixedLengthByteArray(let width): try decode(runs, FixedBytesSink(width: width))
        }
    }

    private consuming func decode(_ runs: [PageRun], _ empty: some PageSink) throws(ParquetError) -> LeafColumn {
        var sink = empty
        var scratch = ByteSink()
        // What the statement of the number of values may make this reserve, before those values are seen.
        let inputBytes = runs.reduce(0) { $0 + $1.slice.range.count }
        let reservedMax = min(bytesMax, max(1 << 20, inputBytes * 64))
        let levelsExpected = expectedLevels(runs)
        if leaf.maxRepetitionLevel > 0 { definitionLevels.reserveCapacity(min(levelsExpected, reservedMax)) }
        var hasReserved = false
        for run in runs {
            page = run.page
            offset = 0
            try run.slice.withBytes { bytes throws(ParquetError) in
                source = bytes
                while run.rows == nil ? levelsRead + levelsSkipped < Int(chunk.valueCount) : offset < source.count {
                    do throws(ParquetError) {
                        try decodePage(&sink, &scratch, run.rows)
                    } catch {
                        throw error.within("page \(page)")
                    }
                    page += 1
                    if levelsRead > 0 && !hasReserved {
                        hasReserved = true
                        sink.reserve(factor: Double(levelsExpected) / Double(levelsRead), bytesMax: reservedMax)
                    }
                }
            }
        }
        let column = LeafColumn(
            leaf, values: sink.finish(), definitionLevels: definitionLevels, repetitionLevels: repetitionLevels)
        return try checkedSelection(of: column, isWhole: runs.allSatisfy { $0.rows == nil })
    }

    /// Level entries that will be decoded, as well as they are known before.
    private func expectedLevels(_ runs: [PageRun]) -> Int {
        guard let selection, leaf.maxRepetitionLevel == 0 else { return Int(chunk.valueCount) }
        let rows = runs.contains { $0.rows == nil } ? selection.rowCount : runs.reduce(0) { $0 + ($1.rows?.count ?? 0) }
        return min(rows, Int(chunk.valueCount))
    }

    /// Holds the rows that were decoded against those that should be there, and keeps those that were asked for.
    private func checkedSelection(of column: LeafColumn, isWhole: Bool) throws(ParquetError) -> LeafColumn {
        if isWhole {
            let rows = leaf.maxRepetitionLevel == 0 ? levelsRead + levelsSkipped : column.rowCount
            guard rows == rowCount else {
                throw ParquetError(.corrupt, at: "", "\(rows) rows where the row group has \(rowCount)")
            }
        }
        guard column.maxRepetitionLevel == 0 || (column.repetitionLevels.first ?? 0) == 0 else {
            throw ParquetError(.corrupt, at: "levels", "the first row begins inside a list")
        }
        guard let selection else { return column }
        let rows = isWhole && leaf.maxRepetitionLevel > 0 ? RowRanges(0..<rowCount) : decodedRows
        guard selection != rows else { return column }
        guard selection.subtracting(rows).isEmpty else {
            throw ParquetError(.corrupt, at: "offset index", "it leaves out rows")
        }
        return column.select(selection.positions(in: rows))
    }

    private mutating func decodePage(
        _ sink: inout some PageSink, _ scratch: inout ByteSink, _ rows: Range<Int>?
    ) throws(ParquetError) {
        var reader = ThriftReader(source, offset: offset)
        let header = try PageHeader(&reader)
        offset = reader.offset
        let size = Int(header.compressedSize)
        guard size <= source.count - offset else {
            throw ParquetError(.corrupt, at: "header", "\(size) bytes stated, \(source.count - offset) remain")
        }
        let body = UnsafeRawBufferPointer(rebasing: source[offset..<(offset + size)])
        offset += size
        if let checksum = header.checksum, checksum != pageChecksum(body) {
            throw ParquetError(.corrupt, at: "checksum", "the page's CRC-32 is not the one in its header")
        }
        scratch.removeAll()
        switch header.kind {
        case .other: return
        case .dictionary(let count, let encoding):
            guard encoding == Encoding.plain || encoding == Encoding.plainDictionary else {
                throw encodingUnsupported(encoding, "dictionary")
            }
            let bytes = try decompressed(body, Int(header.uncompressedSize), &scratch)
            try sink.setDictionary(bytes, count: Int(count))
        case .data(let page):
            try checkCount(page.valueCount)
            if skips(page.valueCount, rows) { return }
            var cursor = ByteCursor(try decompressed(body, Int(header.uncompressedSize), &scratch))
            let count = Int(page.valueCount)
            try LevelDecoder.decode(
                &cursor, count, page.repetitionEncoding, leaf.maxRepetitionLevel, into: &repetitionLevels)
            if areLevelsImplicit, page.definitionEncoding == Encoding.rle {
                try readDefinitionLevels(try cursor.lengthPrefixed("levels"), count)
            } else {
                storeImplicitLevels()
                try LevelDecoder.decode(
                    &cursor, count, page.definitionEncoding, leaf.maxDefinitionLevel, into: &definitionLevels)
            }
            try readValues(&sink, cursor.rest, count, page.encoding)
            try checkRows(count, rows)
        case .dataV2(let page):
            try checkCount(page.valueCount)
            if skips(page.valueCount, rows) { return }
            try decodeV2(page, header, body, &sink, &scratch)
            try checkRows(Int(page.valueCount), rows)
        }
    }

    /// Whether no row of a page is asked for. Only for flat columns is that known before its levels are read.
    private mutating func skips(_ count: Int32, _ rows: Range<Int>?) -> Bool {
        guard rows == nil, let selection, leaf.maxRepetitionLevel == 0 else { return false }
        let first = levelsRead + levelsSkipped
        guard !selection.overlaps(first..<(first + Int(count))) else { return false }
        levelsSkipped += Int(count)
        return true
    }

    /// Notes the rows of the page just read, and holds them against the offset index.
    private mutating func checkRows(_ levels: Int, _ rows: Range<Int>?) throws(ParquetError) {
        guard let rows else {
            if leaf.maxRepetitionLevel == 0 {
                let end = levelsRead + levelsSkipped
                decodedRows.append((end - levels)..<end)
            }
            return
        }
        var found = levels
        if leaf.maxRepetitionLevel > 0 {
            let page = repetitionLevels.suffix(levels)
            found = page.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
            guard (page.first ?? 0) == 0 else {
                throw ParquetError(
                    .corrupt, at: "levels", "a page that begins inside a row, which the offset index forbids")
            }
        }
        guard found == rows.count else {
            throw ParquetError(.corrupt, at: "offset index", "\(rows.count) rows stated, \(found) there")
        }
        decodedRows.append(rows)
    }

    private func checkCount(_ count: Int32) throws(ParquetError) {
        guard Int(count) <= Int(chunk.valueCount) - levelsRead - levelsSkipped else {
            throw ParquetError(.corrupt, at: "header", "\(count) values, more than the column chunk has left")
        }
    }

    private func decompressed(
        _ body: UnsafeRawBufferPointer, _ size: Int, _ scratch: inout ByteSink
    ) throws(ParquetError) -> UnsafeRawBufferPointer {
        if decompressor.isUncompressed { return body }
        try decompressor.decompress(body, size: size, into: &scratch)
        return scratch.bytes
    }

    /// Version 2: levels lie uncompressed before the values, and without a length of their own.
    private mutating func decodeV2(
        _ page: PageHeader.DataPageV2, _ header: PageHeader, _ body: UnsafeRawBufferPointer,
        _ sink: inout some PageSink, _ scratch: inout ByteSink
    ) throws(ParquetError) {
        let count = Int(page.valueCount)
        var cursor = ByteCursor(body)
        let repetition = try cursor.take(Int(page.repetitionBytes), "repetition levels")
        let definition = try cursor.take(Int(page.definitionBytes), "definition levels")
        if leaf.maxRepetitionLevel > 0 {
            try LevelDecoder.append(repetition, count, leaf.maxRepetitionLevel, to: &repetitionLevels)
        }
        if leaf.maxDefinitionLevel > 0 { try readDefinitionLevels(definition, count) }
        let size = Int(header.uncompressedSize) - repetition.count - definition.count
        guard size >= 0 else { throw ParquetError(.corrupt, at: "header", "levels larger than the page") }
        let values =
            page.isCompressed && !cursor.rest.isEmpty ? try decompressed(cursor.rest, size, &scratch) : cursor.rest
        try readValues(&sink, values, count, page.encoding)
    }

    // MARK: - Levels

    /// Most optional columns hold no null: their pages say so in one run, and then nothing is stored.
    private mutating func readDefinitionLevels(_ runs: UnsafeRawBufferPointer, _ count: Int) throws(ParquetError) {
        if areLevelsImplicit {
            let width = HybridEncoder.bitWidth(maximum: Int(leaf.maxDefinitionLevel))
            if HybridDecoder.isOneRun(runs, width: width, of: leaf.maxDefinitionLevel, count: count) { return }
            storeImplicitLevels()
        }
        try LevelDecoder.append(runs, count, leaf.maxDefinitionLevel, to: &definitionLevels)
    }

    private mutating func storeImplicitLevels() {
        guard areLevelsImplicit else { return }
        areLevelsImplicit = false
        definitionLevels = [UInt8](repeating: leaf.maxDefinitionLevel, count: levelsRead)
    }

    // MARK: - Values

    private mutating func readValues(
        _ sink: inout some PageSink, _ bytes: UnsafeRawBufferPointer, _ levels: Int, _ encoding: Int32
    ) throws(ParquetError) {
        let count = presentCount(levels)
        levelsRead += levels
        let room = bytesMax - sink.byteCount - definitionLevels.count - repetitionLevels.count
        guard room > 0 else { throw ParquetError(.tooLarge, at: "values", "more than \(bytesMax) bytes decoded") }
        // A page of nulls may leave out even the bit width.
        guard count > 0 else { return }
        switch encoding {
        case Encoding.plain: try sink.plain(bytes, count: count)
        case Encoding.rleDictionary, Encoding.plainDictionary:
            try readEntries(&sink, bytes, count)
        default: try sink.encoded(encoding, bytes, count: count, bytesMax: room)
        }
    }

    /// Batches keep the indices in the cache, and a page that claims billions of values from taking memory for them.
    private static var batchSize: Int { 4096 }

    private func readEntries(
        _ sink: inout some PageSink, _ bytes: UnsafeRawBufferPointer, _ count: Int
    ) throws(ParquetError) {
        var cursor = ByteCursor(bytes)
        let width = Int(try cursor.byte("dictionary indices"))
        guard width <= 32 else { throw ParquetError(.corrupt, at: "dictionary indices", "\(width) bits") }
        var reader = HybridReader(cursor.rest, width: width, "dictionary indices")
        let indices = UnsafeMutablePointer<UInt32>.allocate(capacity: Self.batchSize)
        defer { indices.deallocate() }
        let levelBytes = definitionLevels.count + repetitionLevels.count
        var done = 0
        while done < count {
            let batch = min(Self.batchSize, count - done)
            try reader.read(batch, into: indices)
            var highest: UInt32 = 0
            for position in 0..<batch { highest = max(highest, indices[position]) }
            guard Int(highest) < sink.dictionaryCount else {
                throw ParquetError(
                    .corrupt, at: "dictionary indices", "entry \(highest) of \(sink.dictionaryCount)")
            }
            try sink.entries(
                UnsafeBufferPointer(start: indices, count: batch), bytesMax: bytesMax - sink.byteCount - levelBytes)
            done += batch
        }
    }

    /// Values among the level entries just read.
    private func presentCount(_ levels: Int) -> Int {
        let maximum = leaf.maxDefinitionLevel
        guard maximum > 0, !areLevelsImplicit else { return levels }
        return definitionLevels.withUnsafeBufferPointer { buffer in
            var count = 0
            for index in levelsRead..<(levelsRead + levels) { count &+= buffer[index] == maximum ? 1 : 0 }
            return count
        }
    }
}
