import AvroFormat
import JSONFormat

/// Files of a few records with a field of every type.
enum AvroSeed {
    static let schema = AvroSchema.record(
        AvroRecordSchema(
            name: "n.r",
            fields: [
                AvroField("id", .long(nil), id: 1), AvroField("name", .optional(.string(nil)), id: 2),
                AvroField("tags", .array(AvroArraySchema(.int(.date), elementID: 4)), id: 3),
                AvroField("key", .fixed(name: "k2", size: 2, nil), id: 5),
                AvroField("amount", .optional(.bytes(.decimal(precision: 9, scale: 2))), id: 6),
                AvroField("flag", .boolean, id: 7), AvroField("ratio", .float, id: 8),
                AvroField("value", .double, id: 9),
                AvroField("kind", .enumeration(AvroEnumSchema(name: "e", symbols: ["A", "B"])), id: 10),
                AvroField("map", .map(values: .long(nil), keyID: 12, valueID: 13), id: 11),
            ]))

    static func file(_ codec: AvroCodec) throws -> [UInt8] {
        var writer = AvroFileWriter(
            schema: schema, metadata: [("owner", "nobody")], codec: codec, sync: [UInt8](0..<16), blockBytes: 60)
        for row in 0..<5 {
            try writer.append { encoder in
                encoder.write(Int64(row) &* 7_919 &- 40_000)
                encoder.write(optional: row % 3 == 0 ? nil : "name \(row)") { $0.write($1) }
                encoder.write(items: Array(0..<(row % 4))) { $0.write(Int32($1)) }
                encoder.write(fixed: [UInt8(row), 9])
                encoder.write(optional: row % 2 == 0 ? [1, 2] : nil) { $0.write($1) }
                encoder.write(row % 2 == 0)
                encoder.write(Float(row))
                encoder.write(Double(row) / 3)
                encoder.write(Int64(row % 2))
                encoder.write(items: row % 2 == 0 ? ["k"] : []) {
                    $0.write($1)
                    $0.write(Int64(row))
                }
            }
        }
        return try writer.finish()
    }
}

extension ParserTarget {
    private static var limits: AvroLimits {
        var limits = AvroLimits()
        limits.blockBytesMax = 1 << 20
        limits.headerBytesMax = 1 << 20
        return limits
    }

    /// An object container file, every record read and skipped.
    static let avro = ParserTarget("avro") {
        try [AvroCodec.null, .deflate, .snappy, .zstandard].map { Seed($0.rawValue, try AvroSeed.file($0)) }
    } parse: { bytes in
        var file = try AvroFileReader(bytes, limits: limits)
        var hasher = Hasher()
        hasher.combine(file.schema)
        let same = try AvroResolution(writer: file.schema, reader: file.schema)
        let ours: AvroResolution?
        do { ours = try AvroResolution(writer: file.schema, reader: AvroSeed.schema) } catch { ours = nil }
        while var block = try file.nextBlock() {
            for _ in 0..<block.count {
                var (skipping, resolving) = (block.decoder, block.decoder)
                hasher.combine(try block.decoder.readJSON(file.schema))
                try skipping.skip(file.schema)
                try require(skipping.offset == block.decoder.offset, "a value is skipped to another place than read")
                if let ours { try readResolved(resolving, ours, end: skipping.offset) }
                let value = try resolving.read(same)
                try require(resolving.offset == skipping.offset, "a value is resolved to another place than read")
                var encoder = AvroEncoder()
                try encoder.write(value, as: file.schema)
                var again = AvroDecoder(encoder.bytes)
                try require(again.read(same).isLike(value), "what is written again is another value")
            }
            try block.finish()
        }
        return hasher.finalize()
    }

    /// Values that our schema has no place for are refused.
    private static func readResolved(_ decoder: AvroDecoder, _ resolution: AvroResolution, end: Int) throws {
        var decoder = decoder
        do {
            _ = try decoder.read(resolution)
        } catch {
            return
        }
        try require(decoder.offset == end, "a value is resolved to another place than it is skipped to")
    }

    static let avroSchema = ParserTarget("avro-schema") {
        [Seed("record", AvroSeed.schema.json.serialized())]
    } parse: { bytes in
        let schema = try AvroSchema(json: bytes)
        let again = try AvroSchema(json: schema.json.serialized())
        try require(again == schema, "what is written again is another schema")
        return digest(schema)
    }
}

extension AvroValue {
    /// Whether both are the same value; NaN is itself. Within unions of types that look alike another branch may have been
    /// written, so that only what is read counts.
    fileprivate func isLike(_ other: AvroValue) -> Bool { "\(self)" == "\(other)" }
}
