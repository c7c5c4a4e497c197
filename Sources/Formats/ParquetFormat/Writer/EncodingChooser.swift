/// Decides how the values of a column chunk are encoded.
///
/// The whole chunk lies in memory, so the decision is made once, for all of its pages.
struct EncodingChooser {
    private let options: ParquetWriterOptions
    private let compressor: PageCompressor

    init(_ options: ParquetWriterOptions, _ compressor: PageCompressor) {
        self.options = options
        self.compressor = compressor
    }

    /// `wanted` is what the caller asks for, nil for the profile's choice.
    func choose(
        _ leaf: SchemaLeaf, _ view: ValueView, wanted: ParquetEncoding?, scratch: inout ByteSink
    ) throws(ParquetError) -> ChunkEncoding {
        guard view.count > 0 else { return .values(.plain) }
        if let wanted {
            guard wanted == .dictionary else { return .values(wanted) }
            return dictionary(view).map(ChunkEncoding.dictionary) ?? .values(.plain)
        }
        let dictionary = options.dictionary ? dictionary(view) : nil
        switch options.profile {
        case .compatible: return dictionary.map(ChunkEncoding.dictionary) ?? .values(.plain)
        case .compact: return try smallest(dictionary, leaf, view, &scratch)
        }
    }

    private func dictionary(_ view: ValueView) -> DictionaryBuilder.Result? {
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

    // MARK: - Measuring

    /// Bytes of PLAIN values in each of the two samples: enough for a codec to show what it can do.
    private static let sampleBytes = 256 << 10

    /// Values that occur so often on average are best numbered, whatever else there is.
    private static let obviousRepeats = 32

    private func smallest(
        _ dictionary: DictionaryBuilder.Result?, _ leaf: SchemaLeaf, _ view: ValueView, _ scratch: inout ByteSink
    ) throws(ParquetError) -> ChunkEncoding {
        if let dictionary, dictionary.entries.count * Self.obviousRepeats <= view.count {
            return .dictionary(dictionary)
        }
        let samples = samples(view)
        let sampled = samples.reduce(0) { $0 + $1.count }
        let scale = Double(view.count) / Double(sampled)
        var best = ChunkEncoding.values(.plain)
        var bestBytes = Double.infinity
        var candidates = Self.candidates(leaf).map(ChunkEncoding.values)
        if let dictionary { candidates.append(.dictionary(dictionary)) }
        for candidate in candidates {
            var bytes = 0.0
            for sample in samples {
                scratch.removeAll()
                candidate.encode(view, sample, into: &scratch)
                bytes += try compressedSize(scratch) * scale
            }
            if let dictionary = candidate.dictionary {
                scratch.removeAll()
                PlainEncoder.encode(view, entries: dictionary.entries, into: &scratch)
                bytes += try compressedSize(scratch)
            }
            if bytes < bestBytes { (best, bestBytes) = (candidate, bytes) }
        }
        return best
    }

    private func compressedSize(_ scratch: borrowing ByteSink) throws(ParquetError) -> Double {
        try compressor.withCompressed(scratch.bytes) { Double($0.count) }
    }

    /// The beginning of the chunk and its middle, or all of a small one: sorted rows differ along the way.
    private func samples(_ view: ValueView) -> [Range<Int>] {
        let first = view.plainEnd(from: 0, bytes: Self.sampleBytes)
        let middle = view.count / 2
        guard first < middle else { return [0..<view.count] }
        return [0..<first, middle..<view.plainEnd(from: middle, bytes: Self.sampleBytes)]
    }

    /// What many readers have, in the order in which it is preferred where sizes are equal. DuckDB refuses split bytes of
    /// integers and of fixed-length byte arrays, and delta lengths of decimals.
    private static func candidates(_ leaf: SchemaLeaf) -> [ParquetEncoding] {
        if case .decimal = leaf.logicalType, leaf.physicalType == .byteArray { return [.plain] }
        return switch leaf.physicalType {
        case .boolean: [.plain, .rle]
        case .int32, .int64: [.plain, .deltaBinaryPacked]
        case .int96: [.plain]
        case .float, .double: [.plain, .byteStreamSplit]
        case .byteArray: [.plain, .deltaLengthByteArray, .deltaByteArray]
        case .fixedLengthByteArray: [.plain, .deltaByteArray]
        }
    }
}
