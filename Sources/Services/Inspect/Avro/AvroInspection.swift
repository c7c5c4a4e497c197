import AvroFormat
import JSONFormat

/// `avro`: an Avro object container file as it stands there.
enum AvroInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let limit = try invocation.count("--limit")
        let file = try AvroFileReader(try await invocation.file().bytes())
        report["codec"] = .string(file.codec.rawValue)
        report["metadata"] = metadata(of: file, without: [])
        report["schema"] = file.schema.json
        try records(of: file, as: AvroRendering(), limit: limit, key: "records", into: &report)
    }

    /// The header's members; JSON among them as JSON.
    static func metadata(of file: AvroFileReader, without left: Set<String>) -> JSONValue {
        let shown = file.metadata.filter { $0.key != "avro.schema" && !left.contains($0.key) }
        return .object(
            JSONObject(
                shown.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: BytesRendering.text($0.value)) }))
    }

    /// Puts blocks and records into the report; those before a damage too.
    ///
    /// - Throws: `AvroError` at the first damage.
    static func records(
        of file: AvroFileReader, as rendering: AvroRendering, limit: Int?, key: String, into report: inout JSONObject
    ) throws(AvroError) {
        var file = file
        var (blocks, records): ([JSONValue], [JSONValue]) = ([], [])
        var count = 0
        defer {
            report["blocks"] = .array(blocks)
            if count > records.count { report["not shown"] = JSONValue(count - records.count) }
            report[key] = .array(records)
        }
        while var block = try file.nextBlock() {
            blocks.append([
                "records": JSONValue(block.count), "offset": JSONValue(block.range.lowerBound),
                "bytes": JSONValue(block.range.count), "decompressed bytes": JSONValue(block.decoder.remaining),
            ])
            count += block.count
            for _ in 0..<block.count {
                guard records.count < limit ?? .max else { break }
                records.append(try rendering.value(of: file.schema, from: &block.decoder))
            }
            if limit == nil { try block.finish() }
        }
    }
}

extension BytesRendering {
    /// UTF-8 as text of any length, anything else as `describe` has it.
    static func text(_ bytes: [UInt8]) -> JSONValue {
        String(validating: bytes, as: UTF8.self).map { .string($0) } ?? describe(bytes)
    }
}
