import AvroFormat
import Bitmaps
import Compression
import Foundation
import ParserTargets
import PuffinFormat
import Testing

/// Parses inputs in a process of its own that may map only so many bytes more than it had: an input that announces more
/// than it holds must not make the parser reserve it.
@Suite struct MemoryTests {
    /// The program that `swift build` puts beside the tests.
    private static func program() throws -> URL {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appending(path: "parser-memory")
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        throw ProgramMissing()
    }

    private struct ProgramMissing: Error {}

    /// What the process printed: bytes mapped at the peak, and the outcome.
    private static func run(_ target: String, _ input: [UInt8], limit: Int) throws -> (peak: Int, outcome: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: "parser-memory-\(UUID().uuidString)")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = try program()
        process.arguments = [target, file.path, String(limit)]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0, "\(target) ended badly: \(text)")
        let words = text.split(separator: " ", maxSplits: 1)
        return (Int(words.first ?? "") ?? .max, words.last.map { String($0).trimmingCharacters(in: .newlines) } ?? "")
    }

    /// Room for what any run takes, whatever its input.
    private static let floor = 16 << 20

    @Test(arguments: HostileInput.all.map(\.name))
    func `what is only announced is not reserved`(name: String) throws {
        let hostile = try #require(HostileInput.all.first { $0.name == name })
        let input = try hostile.bytes()
        #expect(input.count < 100_000)
        let (peak, outcome) = try Self.run(hostile.target, input, limit: Self.floor)
        #expect(outcome.hasPrefix("refused"), "\(outcome)")
        #expect(peak <= Self.floor)
    }

    /// The most memory that one byte of input takes, in the form of the parser that takes the most for a byte: JSON, of
    /// which two bytes make a value.
    private static let perByteMax = 64

    @Test(arguments: LargeInput.all.map(\.name))
    func `an honest large input takes a small multiple of its size`(name: String) throws {
        let large = try #require(LargeInput.all.first { $0.name == name })
        let input = try large.bytes()
        let limit = Self.floor + Self.perByteMax * input.count
        let (peak, outcome) = try Self.run(large.target, input, limit: limit)
        #expect(outcome == "accepted")
        #expect(peak <= limit, "\(peak / input.count) bytes for each byte")
    }
}

/// A small input that announces a great deal.
private struct HostileInput: Sendable {
    let name: String
    let target: String
    let bytes: @Sendable () throws -> [UInt8]

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        Swift.withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static func zigZag(_ value: Int64) -> [UInt8] {
        var encoder = AvroEncoder()
        encoder.write(value)
        return encoder.bytes
    }

    private static func avro(schema: String, blockCount: Int64, block: [UInt8]) -> [UInt8] {
        var header = AvroEncoder()
        header.write(items: [("avro.schema", schema), ("avro.codec", "null")]) {
            $0.write($1.0)
            $0.write($1.1)
        }
        let sync = [UInt8](0..<16)
        return Array("Obj\u{1}".utf8) + header.bytes + sync + zigZag(blockCount) + zigZag(Int64(block.count)) + block
            + sync
    }

    /// One data page of version 1 in the column `n` of the file `host` of `ParquetSeed`.
    private static func page(host: UInt8, uncompressedSize: Int64, valueCount: Int64, body: [UInt8]) -> [UInt8] {
        var header: [UInt8] = [0x15, 0x00, 0x15] + zigZag(uncompressedSize) + [0x15] + zigZag(Int64(body.count))
        header += [0x2C, 0x15] + zigZag(valueCount) + [0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00]
        return [host, 1] + header + body
    }

    /// Of a snappy, a gzip, a zstd, an lz4_raw and a brotli file. (Where nothing is compressed the size says nothing.)
    private static let hostilePages: [HostileInput] = stride(from: 3, to: 18, by: 3).flatMap { host in
        [
            HostileInput(name: "a page of 2 GiB, codec \(host / 3)", target: "parquet-pages") {
                page(
                    host: UInt8(host), uncompressedSize: Int64(Int32.max), valueCount: 12,
                    body: [UInt8](repeating: 0, count: 100))
            },
            HostileInput(name: "a page of 2^31 values, codec \(host / 3)", target: "parquet-pages") {
                page(
                    host: UInt8(host), uncompressedSize: 100, valueCount: Int64(Int32.max),
                    body: [UInt8](repeating: 0, count: 100))
            },
        ]
    }

    static let all: [HostileInput] =
        hostilePages + [
            HostileInput(name: "a bitmap of 2^60 parts", target: "bitmap") {
                littleEndian(UInt64(1) << 60) + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "a bitmap of 65,536 containers", target: "bitmap") {
                littleEndian(UInt64(1)) + littleEndian(UInt32(0)) + littleEndian(UInt32(0xFFFF_303B)) + [1, 2, 3, 4]
            },
            HostileInput(name: "a deletion vector of 4 GiB", target: "deletion-vector") {
                [0xFF, 0xFF, 0xFF, 0xFF, 0xD1, 0xD3, 0x39, 0x64] + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "a record of 2^32 events", target: "event-record") {
                [1] + [UInt8](repeating: 0, count: 11) + littleEndian(UInt32.max) + [UInt8](repeating: 0, count: 40)
            },
            HostileInput(name: "a beacon that expands without end", target: "events") {
                [4] + (try Zstandard.compress([UInt8](repeating: 0x20, count: 64 << 20)))
            },
            HostileInput(name: "a Puffin footer of 4 GiB", target: "puffin") {
                Array("PFA1PFA1{}".utf8) + littleEndian(UInt32.max) + [0, 0, 0, 0] + Array("PFA1".utf8)
            },
            HostileInput(name: "a Puffin blob that expands without end", target: "puffin") {
                var writer = PuffinWriter()
                try writer.append(
                    [UInt8](repeating: 0, count: 64 << 20), type: "zeros", fields: [], snapshotID: 1, sequenceNumber: 1,
                    compressionCodec: .zstd)
                return try writer.finish().bytes
            },
            HostileInput(name: "a Thrift list of 2^31 structures", target: "parquet-footer") {
                [0x29, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07] + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "a Thrift string of 2^31 bytes", target: "parquet-footer") {
                [0x68, 0xFF, 0xFF, 0xFF, 0xFF, 0x07] + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "a Parquet footer of 4 GiB", target: "parquet") {
                Array("PAR1".utf8) + [UInt8](repeating: 0, count: 100) + littleEndian(UInt32.max) + Array("PAR1".utf8)
            },
            HostileInput(name: "an offset index of 2^31 pages", target: "parquet-indexes") {
                [0, 0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07] + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "a bloom filter of 2^31 bytes", target: "parquet-indexes") {
                [2, 0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F] + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "an Avro header of 2^62 entries", target: "avro") {
                Array("Obj\u{1}".utf8) + zigZag(1 << 62) + [UInt8](repeating: 0, count: 100)
            },
            HostileInput(name: "an Avro block of 2^62 objects", target: "avro") {
                avro(schema: #""long""#, blockCount: 1 << 62, block: [0])
            },
            HostileInput(name: "an Avro block of 2^62 nulls", target: "avro") {
                avro(schema: #""null""#, blockCount: 1 << 62, block: [])
            },
            HostileInput(name: "an Avro array of 2^62 longs", target: "avro") {
                avro(schema: #"{"type":"array","items":"long"}"#, blockCount: 1, block: zigZag(1 << 62) + [0])
            },
            HostileInput(name: "Avro arrays of nulls, 16 million in 1,024 bytes", target: "avro") {
                let array = zigZag(1 << 16) + [0]
                return avro(
                    schema: #"{"type":"array","items":"null"}"#, blockCount: 256,
                    block: Array(repeatElement(array, count: 256).joined()))
            },
            HostileInput(name: "an Avro fixed of 2 GiB", target: "avro") {
                avro(schema: #"{"type":"fixed","name":"f","size":2147483647}"#, blockCount: 1, block: [0])
            },
            HostileInput(name: "an Avro string of 2^62 bytes", target: "avro") {
                avro(schema: #""string""#, blockCount: 1, block: zigZag(1 << 62))
            },
            HostileInput(name: "an Avro schema that doubles with every line", target: "avro-schema") {
                var fields =
                    #"{"name":"f0","type":{"type":"record","name":"r0","fields":[{"name":"a","type":"null"}]}}"#
                for index in 1..<40 {
                    fields += """
                        ,{"name":"f\(index)","type":{"type":"record","name":"r\(index)","fields":[
                        {"name":"a","type":"r\(index - 1)"},{"name":"b","type":"r\(index - 1)"}]}}
                        """
                }
                return Array(#"{"type":"record","name":"all","fields":[\#(fields)]}"#.utf8)
            },
            HostileInput(name: "JSON nested 50,000 deep", target: "json") { [UInt8](repeating: 0x5B, count: 50_000) },
            HostileInput(name: "a filter nested 4,000 deep", target: "expression") {
                Array(String(repeating: #"{"type":"not","child":"#, count: 4000).utf8)
            },
            HostileInput(name: "a Zstandard frame that expands without end", target: "compression") {
                let seed = try #require(ParserTarget.named("compression")?.seeds().first)
                // The frame's header states a window of 2 GiB.
                return [0, 0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8] + seed.bytes.dropFirst(7)
            },
            HostileInput(name: "a Snappy block that states 4 GiB", target: "compression") {
                [4, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F] + [UInt8](repeating: 0, count: 100)
            },
        ]
}

/// A larger input that holds what it says.
private struct LargeInput: Sendable {
    let name: String
    let target: String
    let bytes: @Sendable () throws -> [UInt8]

    static let all: [LargeInput] = [
        LargeInput(name: "a bitmap of scattered positions", target: "bitmap") {
            var bitmap = Bitmap64()
            for position in 0..<60_000 as Range<UInt64> { bitmap.insert(position << 16) }
            return bitmap.serialized()
        },
        LargeInput(name: "JSON of many small numbers", target: "json") {
            Array("[\(repeatElement("1", count: 200_000).joined(separator: ","))]".utf8)
        },
        LargeInput(name: "JSON of many empty arrays", target: "json") {
            Array("[\(repeatElement("[]", count: 150_000).joined(separator: ","))]".utf8)
        },
        LargeInput(name: "Avro arrays of longs", target: "avro") {
            let schema = AvroSchema.array(AvroArraySchema(.long(nil)))
            var writer = AvroFileWriter(schema: schema, codec: .null, sync: [UInt8](0..<16))
            for _ in 0..<40 {
                try writer.append { $0.write(items: Array(repeating: Int64(1), count: 10_000)) { $0.write($1) } }
            }
            return try writer.finish()
        },
    ]
}
