/// Definition and repetition levels of pages, each at most the schema's maximum.
enum LevelDecoder {
    /// Reads the levels of a page of version 1, in the encoding its header states.
    static func decode(
        _ cursor: inout ByteCursor, _ count: Int, _ encoding: Int32, _ maximum: UInt8,
        into levels: inout [UInt8]
    ) throws(ParquetError) {
        guard maximum > 0 else { return }
        switch encoding {
        case Encoding.rle:
            try append(try cursor.lengthPrefixed("levels"), count, maximum, to: &levels)
        case Encoding.bitPacked:
            let width = HybridEncoder.bitWidth(maximum: Int(maximum))
            let bytes = try cursor.take((count * width + 7) / 8, "levels")
            try append(count, atMost: maximum, to: &levels) { target throws(ParquetError) in
                _ = try HybridDecoder.decodeBitPacked(bytes, width: width, count: count, into: target)
            }
        default: throw encodingUnsupported(encoding, "level")
        }
    }

    /// Appends `count` levels from runs.
    static func append(
        _ runs: UnsafeRawBufferPointer, _ count: Int, _ maximum: UInt8,
        to levels: inout [UInt8]
    ) throws(ParquetError) {
        let width = HybridEncoder.bitWidth(maximum: Int(maximum))
        try append(count, atMost: maximum, to: &levels) { target throws(ParquetError) in
            try HybridDecoder.decode(runs, width: width, count: count, into: target, "levels")
        }
    }

    private static func append(
        _ count: Int, atMost maximum: UInt8, to levels: inout [UInt8],
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
}
