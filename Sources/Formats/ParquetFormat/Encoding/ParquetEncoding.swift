/// How the values of a column are encoded (Encodings.md): what can be asked for, column by column.
public enum ParquetEncoding: Hashable, Sendable, CaseIterable {
    case plain
    /// RLE_DICTIONARY; PLAIN for a column chunk whose dictionary would grow too large.
    case dictionary
    /// Booleans as runs.
    case rle
    /// int32 and int64.
    case deltaBinaryPacked
    /// Byte arrays: the lengths apart from the bytes.
    case deltaLengthByteArray
    /// Byte arrays, also of fixed length: what each has in common with the one before is left out.
    case deltaByteArray
    /// Numbers and byte arrays of fixed length, byte by byte. Integers and fixed-length byte arrays are a late
    /// addition (parquet-format 2.11), which older readers refuse.
    case byteStreamSplit

    /// Whether the format has this encoding for such values.
    public func fits(_ type: PhysicalType) -> Bool {
        switch (self, type) {
        case (.plain, _): true
        case (.dictionary, .boolean): false
        case (.dictionary, _): true
        case (.rle, .boolean): true
        case (.deltaBinaryPacked, .int32), (.deltaBinaryPacked, .int64): true
        case (.deltaLengthByteArray, .byteArray): true
        case (.deltaByteArray, .byteArray), (.deltaByteArray, .fixedLengthByteArray): true
        case (.byteStreamSplit, .int32), (.byteStreamSplit, .int64), (.byteStreamSplit, .float),
            (.byteStreamSplit, .double), (.byteStreamSplit, .fixedLengthByteArray):
            true
        case (.rle, _), (.deltaBinaryPacked, _), (.deltaLengthByteArray, _), (.deltaByteArray, _),
            (.byteStreamSplit, _):
            false
        }
    }

    /// `Encoding` of parquet.thrift.
    var thriftCode: Int32 {
        switch self {
        case .plain: Encoding.plain
        case .dictionary: Encoding.rleDictionary
        case .rle: Encoding.rle
        case .deltaBinaryPacked: Encoding.deltaBinaryPacked
        case .deltaLengthByteArray: Encoding.deltaLengthByteArray
        case .deltaByteArray: Encoding.deltaByteArray
        case .byteStreamSplit: Encoding.byteStreamSplit
        }
    }
}

/// What the data pages of one column chunk hold.
enum ChunkEncoding {
    case dictionary(DictionaryBuilder.Result)
    /// Any other encoding; it fits the type.
    case values(ParquetEncoding)

    var encoding: ParquetEncoding {
        switch self {
        case .dictionary: .dictionary
        case .values(let encoding): encoding
        }
    }

    var dictionary: DictionaryBuilder.Result? {
        if case .dictionary(let dictionary) = self { dictionary } else { nil }
    }

    /// The values of a page, without levels.
    func encode(_ view: ValueView, _ range: Range<Int>, into sink: inout ByteSink) {
        switch self {
        case .dictionary(let dictionary):
            let width = HybridEncoder.bitWidth(maximum: dictionary.entries.count - 1)
            sink.append(byte: UInt8(width))
            dictionary.indices.withUnsafeBufferPointer { indices in
                HybridEncoder.encode(UnsafeBufferPointer(rebasing: indices[range]), bitWidth: width, into: &sink)
            }
        case .values(.rle):
            let start = sink.count
            sink.append(littleEndian: 0)
            HybridEncoder.encode(view.words(UInt8.self, range), bitWidth: 1, into: &sink)
            sink.patch(littleEndian: UInt32(sink.count - start - 4), at: start)
        case .values(.deltaBinaryPacked):
            if view.type == .int32 {
                DeltaEncoder.encode(view.words(Int32.self, range), into: &sink)
            } else {
                DeltaEncoder.encode(view.words(Int64.self, range), into: &sink)
            }
        case .values(.deltaLengthByteArray): DeltaByteArrayEncoder.encodeLengths(view, range, into: &sink)
        case .values(.deltaByteArray): DeltaByteArrayEncoder.encodePrefixes(view, range, into: &sink)
        case .values(.byteStreamSplit): ByteStreamSplitEncoder.encode(view, range, into: &sink)
        case .values(.plain), .values(.dictionary): PlainEncoder.encode(view, range, into: &sink)
        }
    }
}
