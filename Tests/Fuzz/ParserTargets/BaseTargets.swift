import Bitmaps
import Compression
import JSONFormat
import PuffinFormat

extension ParserTarget {
    static func sampleBitmap() -> Bitmap64 {
        var bitmap = Bitmap64([5, 7, 70_000, 3 << 32 + 9])
        bitmap.insert(contentsOf: 131_072...131_200)
        return bitmap
    }

    static let bitmap = ParserTarget("bitmap") {
        var withBitSet = sampleBitmap()
        for position in 0..<4500 as Range<UInt64> { withBitSet.insert(1 << 20 + position * 3) }
        return [
            Seed("empty", Bitmap64().serialized()), Seed("arrays-and-runs", sampleBitmap().serialized()),
            Seed("bit-set", withBitSet.serialized()),
        ]
    } parse: { bytes in
        let bitmap = try Bitmap64(serialized: bytes)
        try require(Bitmap64(serialized: bitmap.serialized()) == bitmap, "what is written again is another bitmap")
        let last = bitmap.last ?? 0
        let tail = bitmap.positions(in: (last > 1000 ? last - 1000 : 0)..<last)
        try require(tail.allSatisfy(bitmap.contains), "a listed position is not contained")
        try require(bitmap.union(sampleBitmap()).subtracting(bitmap).count <= sampleBitmap().count, "a union grew")
        return digest([bitmap.count, Int(truncatingIfNeeded: last)] + tail.map { Int(truncatingIfNeeded: $0) })
    }

    static let deletionVector = ParserTarget("deletion-vector") {
        [
            Seed("empty", try DeletionVector.encode(Bitmap64()), isChecksummed: true),
            Seed("some", try DeletionVector.encode(sampleBitmap()), isChecksummed: true),
        ]
    } parse: { bytes in
        let positions = try DeletionVector.decode(bytes)
        try require(
            DeletionVector.decode(DeletionVector.encode(positions), cardinality: Int64(positions.count)) == positions,
            "what is written again is another deletion vector")
        return digest(positions.serialized())
    }

    static let puffin = ParserTarget("puffin") {
        var seeds: [Seed] = []
        for (name, codec) in [("plain", nil), ("lz4", PuffinCodec.lz4), ("zstd", .zstd)] {
            for isFooterCompressed in [false, true] {
                var writer = PuffinWriter(properties: ["created-by": "a test"])
                try writer.append(deletionVector: sampleBitmap(), of: "s3://b/data.parquet")
                try writer.append(
                    Array("sketch sketch sketch sketch".utf8), type: .thetaSketch, fields: [1], snapshotID: 3,
                    sequenceNumber: 2, compressionCodec: codec, properties: ["ndv": "17"])
                let file = try writer.finish(isFooterCompressed: isFooterCompressed)
                seeds.append(Seed("\(name)-\(isFooterCompressed ? "lz4" : "plain")-footer", file.bytes))
            }
        }
        return seeds
    } parse: { bytes in
        var limits = PuffinLimits()
        limits.footerBytesMax = 1 << 20
        limits.blobBytesMax = 1 << 20
        let reader = try PuffinReader(bytes, limits: limits)
        var writer = PuffinWriter(properties: reader.footer.properties)
        var contents: [[UInt8]] = []
        for (index, blob) in reader.footer.blobs.prefix(100).enumerated() {
            let content = try reader.blob(index)
            contents.append(content)
            if blob.type == .deletionVector {
                contents.append(try DeletionVector.decode(content, cardinality: blob.cardinality).serialized())
            }
            try writer.append(
                content, type: blob.type, fields: blob.fields, snapshotID: blob.snapshotID,
                sequenceNumber: blob.sequenceNumber, compressionCodec: blob.compressionCodec,
                properties: blob.properties)
        }
        let again = try PuffinReader(try writer.finish().bytes, limits: limits)
        try require(
            again.footer.properties == reader.footer.properties
                && again.footer.blobs.map(\.type) == reader.footer.blobs.prefix(100).map(\.type),
            "what is written again reads differently")
        return digest(contents) ^ digest(reader.footer)
    }

    /// The first byte says which codec.
    static let compression = ParserTarget("compression") {
        let text = Array(String(repeating: "the same again, ", count: 20).utf8)
        let raw: [(UInt8, [UInt8])] = [
            (0, try Zstandard.compress(text)), (1, try Deflate.compress(text)),
            (2, try Deflate.compress(text, container: .raw)), (3, try LZ4Frame.compress(text)),
            (4, try text.withUnsafeBytes { try Snappy.compress($0) }),
            (5, try text.withUnsafeBytes { try LZ4.compress($0) }),
            (6, try LZ4Frame.compress(text)),
            (7, try text.withUnsafeBytes { try Brotli.compress($0, level: 5) }),
        ]
        return raw.map { Seed("codec-\($0.0)", [$0.0] + $0.1) }
    } parse: { bytes in
        let limit = 1 << 18
        let content = Array(bytes.dropFirst())
        let output: [UInt8] =
            switch bytes.first {
            case 0: try Zstandard.decompress(content, limit: limit)
            case 1: try Deflate.decompress(content, limit: limit)
            case 2: try Deflate.decompress(content, container: .raw, limit: limit, trailingBytesMax: 4)
            case 3: try LZ4Frame.decompress(content, limit: limit)
            case 4: try content.withUnsafeBytes { try Snappy.decompress($0, limit: limit) }
            case 5: try content.withUnsafeBytes { try LZ4.decompress($0, limit: limit) }
            case 6: try content.withUnsafeBytes { try LZ4.decompressLegacy($0, limit: limit) }
            case 7: try content.withUnsafeBytes { try Brotli.decompress($0, limit: limit) }
            default: throw CompressionError(.corrupt, codec: "none", "there is no such codec")
            }
        try require(output.count <= limit, "more bytes than allowed")
        return digest(output)
    }

    static let json = ParserTarget("json") {
        [Seed("everything", Array(#"{"a":[1,-2.5e3,true,null,"\u00fc\n😀"],"b":{"c":18446744073709551615}}"#.utf8))]
    } parse: { bytes in
        let value = try JSONValue.parse(bytes)
        try require(JSONValue.parse(value.serialized()) == value, "what is written again is another value")
        try require(JSONValue.parse(value.serialized(pretty: true)) == value, "what is written pretty differs")
        return digest(value)
    }
}
