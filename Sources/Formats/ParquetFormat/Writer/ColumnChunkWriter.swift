/// What writing one column chunk gave.
struct WrittenChunk {
    var metadata: ColumnChunkMetadata
    var pageIndex: PageIndex
    var bounds: ValueBounds?
    var nullCount: Int64
    var nanCount: Int64
    /// Exact, and known only where all values are in a dictionary.
    var distinctCount: Int64?
    /// To be written behind the row group.
    var bloomFilter: [UInt8]?
}

/// The file as far as it is written and not drained.
struct FileOutput {
    var bytes: [UInt8] = []
    var drained: Int64 = 0
    var position: Int64 { drained + Int64(bytes.count) }
}

/// Writes column chunks: a dictionary page where there is a dictionary, then data pages.
final class ColumnChunkWriter {
    private let options: ParquetWriterOptions
    private let columns: [ParquetColumnOptions?]
    private let compressor: PageCompressor
    private let chooser: EncodingChooser
    private var page = ByteSink(capacity: 1 << 20)

    init(_ options: ParquetWriterOptions, _ schema: ParquetSchema) throws(ParquetError) {
        self.options = options
        columns = options.columnOptions(schema)
        compressor = try PageCompressor(options.codec)
        chooser = EncodingChooser(options, compressor)
    }

    /// `column` has been checked against `leaf`.
    func write(
        _ column: LeafColumn, _ leaf: SchemaLeaf, into output: inout FileOutput
    ) throws(ParquetError) -> WrittenChunk {
        try column.values.withView { view throws(ParquetError) in
            try write(column, leaf, view, &output)
        }
    }

    private func write(
        _ column: LeafColumn, _ leaf: SchemaLeaf, _ view: ValueView, _ output: inout FileOutput
    ) throws(ParquetError) -> WrittenChunk {
        let encoding = try chooser.choose(leaf, view, wanted: columns[leaf.index]?.encoding, scratch: &page)
        var chunk = WrittenChunk(
            metadata: ColumnChunkMetadata(
                path: leaf.path, encodings: Self.encodings(encoding), codec: options.codec.thriftCode,
                valueCount: Int64(column.levelCount), totalUncompressedSize: 0, totalCompressedSize: 0,
                dataPageOffset: 0),
            pageIndex: PageIndex(leaf), nullCount: Int64(column.nullCount), nanCount: 0)
        if let dictionary = encoding.dictionary {
            // Entries differ by their bytes, which for floating point numbers is not what makes them distinct.
            if leaf.physicalType != .float && leaf.physicalType != .double {
                chunk.distinctCount = Int64(dictionary.entries.count)
            }
            chunk.metadata.dictionaryPageOffset = output.position
            try writeDictionaryPage(view, dictionary, &chunk, &output)
        }
        chunk.metadata.dataPageOffset = output.position
        try writeDataPages(column, leaf, view, encoding, &chunk, &output)
        if let filter = columns[leaf.index]?.bloomFilter {
            chunk.bloomFilter = BloomFilterBuilder.build(view, filter, dictionary: encoding.dictionary)
        }
        return chunk
    }

    /// All that occur in the chunk: of the dictionary, of the levels, of the values.
    private static func encodings(_ encoding: ChunkEncoding) -> [Int32] {
        switch encoding {
        case .dictionary: [Encoding.plain, Encoding.rle, Encoding.rleDictionary]
        case .values(.rle): [Encoding.rle]
        case .values(let encoding): [encoding.thriftCode, Encoding.rle]
        }
    }

    // MARK: - Pages

    private func writeDictionaryPage(
        _ view: ValueView, _ dictionary: DictionaryBuilder.Result, _ chunk: inout WrittenChunk,
        _ output: inout FileOutput
    ) throws(ParquetError) {
        page.removeAll()
        PlainEncoder.encode(view, entries: dictionary.entries, into: &page)
        try writePage(type: PageType.dictionary, &chunk, &output) { header in
            header.structure(7) { dictionaryHeader in
                dictionaryHeader.field(1, Int32(dictionary.entries.count))
                dictionaryHeader.field(2, Encoding.plain)
            }
        }
        chunk.metadata.encodingStatistics.append(
            PageEncodingStatistics(pageType: PageType.dictionary, encoding: Encoding.plain, count: 1))
    }

    private func writeDataPages(
        _ column: LeafColumn, _ leaf: SchemaLeaf, _ view: ValueView, _ encoding: ChunkEncoding,
        _ chunk: inout WrittenChunk, _ output: inout FileOutput
    ) throws(ParquetError) {
        let comparison = ValueComparison(leaf)
        let dictionary = encoding.dictionary.map { ($0.indices, $0.entries) }
        var splitter = PageSplitter(column, view, dictionary: encoding.dictionary, options)
        while let part = splitter.next() {
            let offset = output.position
            switch options.dataPageVersion {
            case .v1: try writeDataPage(column, view, part, encoding, &chunk, &output)
            case .v2: try writeDataPageV2(column, view, part, encoding, &chunk, &output)
            }
            let nansBefore = chunk.nanCount
            let bounds = comparison.bounds(view, part.values, dictionary: dictionary, nanCount: &chunk.nanCount)
            if let bounds { chunk.merge(bounds, comparison) }
            let sizes =
                options.sizeStatistics
                ? SizeStatistics(column, view, levels: part.levels, values: part.values) : nil
            chunk.merge(sizes)
            chunk.pageIndex.append(
                offset: offset, compressedSize: Int(output.position - offset), firstRow: part.rows.lowerBound,
                valueCount: part.values.count, nullCount: part.levels.count - part.values.count,
                nanCount: chunk.nanCount - nansBefore, bounds: bounds, sizes: sizes)
        }
        let type = options.dataPageVersion == .v1 ? PageType.data : PageType.dataV2
        chunk.metadata.encodingStatistics.append(
            PageEncodingStatistics(
                pageType: type, encoding: encoding.encoding.thriftCode, count: Int32(splitter.pageCount)))
    }

    private func writeDataPage(
        _ column: LeafColumn, _ view: ValueView, _ part: PageSplitter.Part, _ encoding: ChunkEncoding,
        _ chunk: inout WrittenChunk, _ output: inout FileOutput
    ) throws(ParquetError) {
        page.removeAll()
        for level in [Level.repetition, .definition] where column.maximum(level) > 0 {
            let start = page.count
            page.append(littleEndian: 0)
            column.encode(level, part.levels, into: &page)
            page.patch(littleEndian: UInt32(page.count - start - 4), at: start)
        }
        encoding.encode(view, part.values, into: &page)
        try writePage(type: PageType.data, &chunk, &output) { header in
            header.structure(5) { dataHeader in
                dataHeader.field(1, Int32(part.levels.count))
                dataHeader.field(2, encoding.encoding.thriftCode)
                dataHeader.field(3, Encoding.rle)
                dataHeader.field(4, Encoding.rle)
            }
        }
    }

    private func writeDataPageV2(
        _ column: LeafColumn, _ view: ValueView, _ part: PageSplitter.Part, _ encoding: ChunkEncoding,
        _ chunk: inout WrittenChunk, _ output: inout FileOutput
    ) throws(ParquetError) {
        page.removeAll()
        column.encode(.repetition, part.levels, into: &page)
        let repetitionBytes = page.count
        column.encode(.definition, part.levels, into: &page)
        let levelBytes = page.count
        encoding.encode(view, part.values, into: &page)
        try writePage(type: PageType.dataV2, levelBytes: levelBytes, &chunk, &output) { header, isCompressed in
            header.structure(8) { dataHeader in
                dataHeader.field(1, Int32(part.levels.count))
                dataHeader.field(2, Int32(part.levels.count - part.values.count))
                dataHeader.field(3, Int32(part.rows.count))
                dataHeader.field(4, encoding.encoding.thriftCode)
                dataHeader.field(5, Int32(levelBytes - repetitionBytes))
                dataHeader.field(6, Int32(repetitionBytes))
                dataHeader.field(7, isCompressed)
            }
        }
    }

    // MARK: - Output

    /// Compresses what `page` holds and appends it after its header.
    private func writePage(
        type: Int32, _ chunk: inout WrittenChunk, _ output: inout FileOutput, _ body: (inout ThriftWriter) -> Void
    ) throws(ParquetError) {
        try checkPageSize()
        try compressor.withCompressed(page.bytes) { compressed in
            append(type, levels: page.bytes[..<0], compressed, &chunk, &output, body)
        }
    }

    /// The same for version 2: the first `levelBytes` stay as they are, and the rest too where that is smaller.
    private func writePage(
        type: Int32, levelBytes: Int, _ chunk: inout WrittenChunk, _ output: inout FileOutput,
        _ body: (inout ThriftWriter, _ isCompressed: Bool) -> Void
    ) throws(ParquetError) {
        try checkPageSize()
        let (levels, values) = (page.bytes[..<levelBytes], UnsafeRawBufferPointer(rebasing: page.bytes[levelBytes...]))
        try compressor.withCompressed(values) { compressed in
            let isCompressed = compressed.count < values.count
            append(type, levels: levels, isCompressed ? compressed : values, &chunk, &output) { header in
                body(&header, isCompressed)
            }
        }
    }

    private func checkPageSize() throws(ParquetError) {
        guard page.count <= ParquetLimits.pageBytesMax else {
            throw ParquetError(
                .tooLarge, at: "page", "\(page.count) bytes, and a page has at most \(ParquetLimits.pageBytesMax)")
        }
    }

    private func append(
        _ type: Int32, levels: Slice<UnsafeRawBufferPointer>, _ values: UnsafeRawBufferPointer,
        _ chunk: inout WrittenChunk, _ output: inout FileOutput, _ body: (inout ThriftWriter) -> Void
    ) {
        var header = ThriftWriter()
        header.field(1, type)
        header.field(2, Int32(page.count))
        header.field(3, Int32(levels.count + values.count))
        if options.pageChecksums {
            let checksum = pageChecksum(values, after: pageChecksum(UnsafeRawBufferPointer(rebasing: levels)))
            header.field(4, Int32(bitPattern: checksum))
        }
        body(&header)
        header.stop()
        output.bytes.append(contentsOf: header.bytes)
        output.bytes.append(contentsOf: levels)
        output.bytes.append(contentsOf: values)
        chunk.metadata.totalUncompressedSize += Int64(header.bytes.count + page.count)
        chunk.metadata.totalCompressedSize += Int64(header.bytes.count + levels.count + values.count)
    }
}

extension WrittenChunk {
    fileprivate mutating func merge(_ other: ValueBounds, _ comparison: ValueComparison) {
        if bounds == nil { bounds = other } else { bounds?.merge(other, comparison) }
    }

    fileprivate mutating func merge(_ sizes: SizeStatistics?) {
        guard let sizes else { return }
        if metadata.sizeStatistics == nil {
            metadata.sizeStatistics = sizes
        } else {
            metadata.sizeStatistics?.add(sizes)
        }
    }
}
