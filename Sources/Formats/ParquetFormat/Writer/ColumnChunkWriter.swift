import CZlib

/// What writing one column chunk gave.
struct WrittenChunk {
    var metadata: ColumnChunkMetadata
    var pageIndex: PageIndex
    var bounds: ValueBounds?
    var nullCount: Int64
    var nanCount: Int64
}

/// The file as far as it is written and not drained.
struct FileOutput {
    var bytes: [UInt8] = []
    var drained: Int64 = 0
    var position: Int64 { drained + Int64(bytes.count) }
}

/// Writes column chunks: a dictionary page where that pays, then data pages (version 1).
///
/// The whole chunk lies in memory, so the choice between dictionary and PLAIN is made once, for all of its pages.
final class ColumnChunkWriter {
    private let options: ParquetWriterOptions
    private let compressor: PageCompressor
    private var page = ByteSink(capacity: 1 << 20)

    init(_ options: ParquetWriterOptions) throws(ParquetError) {
        self.options = options
        compressor = try PageCompressor(options.codec)
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
        let dictionary = options.dictionary ? buildDictionary(view) : nil
        var chunk = WrittenChunk(
            metadata: ColumnChunkMetadata(
                path: leaf.path,
                encodings: dictionary == nil
                    ? [Encoding.plain, Encoding.rle] : [Encoding.plain, Encoding.rle, Encoding.rleDictionary],
                codec: compressor.thriftCode, valueCount: Int64(column.levelCount), totalUncompressedSize: 0,
                totalCompressedSize: 0, dataPageOffset: 0),
            pageIndex: PageIndex(), nullCount: Int64(column.nullCount), nanCount: 0)
        if let dictionary {
            chunk.metadata.dictionaryPageOffset = output.position
            try writeDictionaryPage(view, dictionary, &chunk, &output)
        }
        chunk.metadata.dataPageOffset = output.position
        try writeDataPages(column, leaf, view, dictionary, &chunk, &output)
        return chunk
    }

    private func buildDictionary(_ view: ValueView) -> DictionaryBuilder.Result? {
        guard view.count > 0 else { return nil }
        let all = 0..<view.count
        let builder = DictionaryBuilder(
            plainBytesOfColumn: view.plainBytes(all), bytesMax: options.dictionaryBytesMax)
        switch view.type {
        case .boolean: return nil
        case .int32, .float: return builder.build(view.words(UInt32.self, all))
        case .int64, .double: return builder.build(view.words(UInt64.self, all))
        case .int96, .fixedLengthByteArray:
            return builder.build(
                FixedLayout(base: view.base, width: view.stride, count: view.count), lengthBytes: 0)
        case .byteArray:
            return view.offsets.flatMap { offsets in
                builder.build(OffsetLayout(base: view.base, offsets: offsets, count: view.count), lengthBytes: 4)
            }
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
        _ column: LeafColumn, _ leaf: SchemaLeaf, _ view: ValueView, _ dictionary: DictionaryBuilder.Result?,
        _ chunk: inout WrittenChunk, _ output: inout FileOutput
    ) throws(ParquetError) {
        let comparison = ValueComparison(leaf)
        let encoding = dictionary == nil ? Encoding.plain : Encoding.rleDictionary
        var splitter = PageSplitter(column, view, dictionary: dictionary, options)
        while let part = splitter.next() {
            page.removeAll()
            appendLevels(column, part.levels)
            if let dictionary {
                let width = HybridEncoder.bitWidth(maximum: dictionary.entries.count - 1)
                page.append(byte: UInt8(width))
                dictionary.indices.withUnsafeBufferPointer { indices in
                    HybridEncoder.encode(
                        UnsafeBufferPointer(rebasing: indices[part.values]), bitWidth: width, into: &page)
                }
            } else {
                PlainEncoder.encode(view, part.values, into: &page)
            }
            let offset = output.position
            try writePage(type: PageType.data, &chunk, &output) { header in
                header.structure(5) { dataHeader in
                    dataHeader.field(1, Int32(part.levels.count))
                    dataHeader.field(2, encoding)
                    dataHeader.field(3, Encoding.rle)
                    dataHeader.field(4, Encoding.rle)
                }
            }
            let bounds = comparison.bounds(
                view, part.values, dictionary: dictionary.map { ($0.indices, $0.entries) }, nanCount: &chunk.nanCount)
            if let bounds { chunk.merge(bounds, comparison) }
            chunk.pageIndex.append(
                offset: offset, compressedSize: Int(output.position - offset), firstRow: part.firstRow,
                valueCount: part.values.count, nullCount: part.levels.count - part.values.count, bounds: bounds)
        }
        chunk.metadata.encodingStatistics.append(
            PageEncodingStatistics(pageType: PageType.data, encoding: encoding, count: Int32(splitter.pageCount)))
    }

    private func appendLevels(_ column: LeafColumn, _ levels: Range<Int>) {
        func append(_ maximum: UInt8, _ encode: (Int) -> Void) {
            guard maximum > 0 else { return }
            let start = page.count
            page.append(littleEndian: 0)
            encode(HybridEncoder.bitWidth(maximum: Int(maximum)))
            page.patch(littleEndian: UInt32(page.count - start - 4), at: start)
        }
        append(column.maxRepetitionLevel) { width in
            column.repetitionLevels.withUnsafeBufferPointer {
                HybridEncoder.encode(UnsafeBufferPointer(rebasing: $0[levels]), bitWidth: width, into: &page)
            }
        }
        append(column.maxDefinitionLevel) { width in
            if column.hasImplicitLevels {
                HybridEncoder.repeated(column.maxDefinitionLevel, levels.count, width, &page)
                return
            }
            column.definitionLevels.withUnsafeBufferPointer {
                HybridEncoder.encode(UnsafeBufferPointer(rebasing: $0[levels]), bitWidth: width, into: &page)
            }
        }
    }

    /// Compresses what `page` holds and appends it after its header.
    private func writePage(
        type: Int32, _ chunk: inout WrittenChunk, _ output: inout FileOutput, _ body: (inout ThriftWriter) -> Void
    ) throws(ParquetError) {
        guard page.count <= Int(Int32.max) else {
            throw ParquetError(.tooLarge, at: "page", "\(page.count) bytes, and a page has at most \(Int32.max)")
        }
        let uncompressed = page.count
        try compressor.withCompressed(page.bytes) { compressed in
            var header = ThriftWriter()
            header.field(1, type)
            header.field(2, Int32(uncompressed))
            header.field(3, Int32(compressed.count))
            if options.pageChecksums { header.field(4, Int32(bitPattern: pageChecksum(compressed))) }
            body(&header)
            header.stop()
            output.bytes.append(contentsOf: header.bytes)
            output.bytes.append(contentsOf: compressed)
            chunk.metadata.totalUncompressedSize += Int64(header.bytes.count + uncompressed)
            chunk.metadata.totalCompressedSize += Int64(header.bytes.count + compressed.count)
        }
    }
}

/// The CRC-32 of page headers: over the page as it lies in the file.
func pageChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
}

extension WrittenChunk {
    fileprivate mutating func merge(_ other: ValueBounds, _ comparison: ValueComparison) {
        if bounds == nil { bounds = other } else { bounds?.merge(other, comparison) }
    }
}
