/// Decodes one column chunk: its pages one after the other, levels and values.
struct ColumnChunkDecoder {
    private let leaf: SchemaLeaf
    private let chunk: ColumnChunkMetadata
    private let source: UnsafeRawBufferPointer
    private let bytesMax: Int
    private let decompressor: PageDecompressor
    private var offset = 0
    private var levelsRead = 0
    private var definitionLevels: [UInt8] = []
    private var repetitionLevels: [UInt8] = []

    /// `source` is the chunk as it lies in the file, from its `startOffset` on.
    init(
        _ leaf: SchemaLeaf, _ chunk: ColumnChunkMetadata, _ source: UnsafeRawBufferPointer, bytesMax: Int
    ) throws(ParquetError) {
        self.leaf = leaf
        self.chunk = chunk
        self.source = source
        self.bytesMax = bytesMax
        guard chunk.valueCount <= Int64(ParquetLimits.chunkValuesMax) else {
            throw ParquetError(.tooLarge, at: "", "\(chunk.valueCount) values")
        }
        decompressor = try PageDecompressor(chunk.codec)
    }

    consuming func decode() throws(ParquetError) -> LeafColumn {
        switch leaf.physicalType {
        case .boolean: try decode(BooleanSink())
        case .int32:
            try decode(NumberSink<Int32>({ .int32($0) }, fromInteger: { Int32(truncatingIfNeeded: $0) }))
        case .int64: try decode(NumberSink<Int64>({ .int64($0) }, fromInteger: { $0 }))
        case .int96: try decode(NumberSink<Int96> { .int96($0) })
        case .float: try decode(NumberSink<Float> { .float($0) })
        case .double: try decode(NumberSink<Double> { .double($0) })
        case .byteArray: try decode(ByteArraySink())
        case .fixedLengthByteArray(let width): try decode(FixedBytesSink(width: width))
        }
    }

    private consuming func decode(_ empty: some PageSink) throws(ParquetError) -> LeafColumn {
        var sink = empty
        var scratch = ByteSink()
        var page = 0
        var hasReserved = false
        // What the statement of the number of values may make this reserve, before those values are seen.
        let reservedMax = min(bytesMax, max(1 << 20, source.count * 64))
        if leaf.maxDefinitionLevel > 0 {
            definitionLevels.reserveCapacity(min(Int(chunk.valueCount), reservedMax))
        }
        while levelsRead < Int(chunk.valueCount) {
            do {
                try decodePage(&sink, &scratch)
                if levelsRead > 0 && !hasReserved {
                    hasReserved = true
                    sink.reserve(factor: Double(chunk.valueCount) / Double(levelsRead), bytesMax: reservedMax)
                }
            } catch {
                throw error.within("page \(page)")
            }
            page += 1
        }
        return LeafColumn(
            leaf, values: sink.finish(), definitionLevels: definitionLevels, repetitionLevels: repetitionLevels)
    }

    private mutating func decodePage(
        _ sink: inout some PageSink, _ scratch: inout ByteSink
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
            var cursor = ByteCursor(try decompressed(body, Int(header.uncompressedSize), &scratch))
            let count = Int(page.valueCount)
            try Self.readLevels(
                &cursor, count, page.repetitionEncoding, leaf.maxRepetitionLevel, into: &repetitionLevels)
            try Self.readLevels(
                &cursor, count, page.definitionEncoding, leaf.maxDefinitionLevel, into: &definitionLevels)
            try readValues(&sink, cursor.rest, count, page.encoding)
        case .dataV2(let page):
            try checkCount(page.valueCount)
            try decodeV2(page, header, body, &sink, &scratch)
        }
    }

    private func checkCount(_ count: Int32) throws(ParquetError) {
        guard Int(count) <= Int(chunk.valueCount) - levelsRead else {
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
            try Self.appendLevels(repetition, count, leaf.maxRepetitionLevel, to: &repetitionLevels)
        }
        if leaf.maxDefinitionLevel > 0 {
            try Self.appendLevels(definition, count, leaf.maxDefinitionLevel, to: &definitionLevels)
        }
        let size = Int(header.uncompressedSize) - repetition.count - definition.count
        guard size >= 0 else { throw ParquetError(.corrupt, at: "header", "levels larger than the page") }
        let values =
            page.isCompressed && !cursor.rest.isEmpty ? try decompressed(cursor.rest, size, &scratch) : cursor.rest
        try readValues(&sink, values, count, page.encoding)
    }

    // MARK: - Levels

    private static func readLevels(
        _ cursor: inout ByteCursor, _ count: Int, _ encoding: Int32, _ maximum: UInt8,
        into levels: inout [UInt8]
    ) throws(ParquetError) {
        guard maximum > 0 else { return }
        switch encoding {
        case Encoding.rle:
            try appendLevels(try cursor.lengthPrefixed("levels"), count, maximum, to: &levels)
        case Encoding.bitPacked:
            let width = HybridEncoder.bitWidth(maximum: Int(maximum))
            let bytes = try cursor.take((count * width + 7) / 8, "levels")
            try append(count, maximum, to: &levels) { target throws(ParquetError) in
                _ = try HybridDecoder.decodeBitPacked(bytes, width: width, count: count, into: target)
            }
        default: throw encodingUnsupported(encoding, "level")
        }
    }

    private static func appendLevels(
        _ runs: UnsafeRawBufferPointer, _ count: Int, _ maximum: UInt8,
        to levels: inout [UInt8]
    ) throws(ParquetError) {
        let width = HybridEncoder.bitWidth(maximum: Int(maximum))
        try append(count, maximum, to: &levels) { target throws(ParquetError) in
            try HybridDecoder.decode(runs, width: width, count: count, into: target, "levels")
        }
    }

    private static func append(
        _ count: Int, _ maximum: UInt8, to levels: inout [UInt8],
        _ decode: (UnsafeMutablePointer<UInt8>) throws(ParquetError) -> Void
    ) throws(ParquetError) {
        var result: Result<Void, ParquetError> = .success(())
        var highest: UInt8 = 0
        levels.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, filled in
                guard let target = buffer.baseAddress, count > 0 else { return }
                result = Result { () throws(ParquetError) in try decode(target) }
                guard case .success = result else { return }
                for index in 0..<count { highest = max(highest, target[index]) }
                filled = count
            }
        }
        try result.get()
        guard highest <= maximum else {
            throw ParquetError(.corrupt, at: "levels", "a level of \(highest), the schema has at most \(maximum)")
        }
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
            var cursor = ByteCursor(bytes)
            let width = Int(try cursor.byte("dictionary indices"))
            guard width <= 32 else { throw ParquetError(.corrupt, at: "dictionary indices", "\(width) bits") }
            guard count <= room / 4 else { throw ParquetError(.tooLarge, at: "values", "\(count) values") }
            let indices = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
            defer { indices.deallocate() }
            try HybridDecoder.decode(cursor.rest, width: width, count: count, into: indices, "dictionary indices")
            var highest: UInt32 = 0
            for position in 0..<count { highest = max(highest, indices[position]) }
            guard Int(highest) < sink.dictionaryCount else {
                throw ParquetError(
                    .corrupt, at: "dictionary indices", "entry \(highest) of \(sink.dictionaryCount)")
            }
            try sink.entries(UnsafeBufferPointer(start: indices, count: count), bytesMax: room)
        default: try sink.encoded(encoding, bytes, count: count, bytesMax: room)
        }
    }

    /// Values among the level entries just read.
    private func presentCount(_ levels: Int) -> Int {
        let maximum = leaf.maxDefinitionLevel
        guard maximum > 0 else { return levels }
        return definitionLevels.withUnsafeBufferPointer { buffer in
            var count = 0
            for index in levelsRead..<(levelsRead + levels) { count &+= buffer[index] == maximum ? 1 : 0 }
            return count
        }
    }
}
