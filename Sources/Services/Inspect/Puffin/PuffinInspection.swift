import Bitmaps
import JSONFormat
import PuffinFormat

/// `puffin`: the blobs of a Puffin file, deletion vectors with the positions they hold.
enum PuffinInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let limit = try invocation.count("--limit") ?? 20
        let file = try await invocation.file()
        let footer = try await footer(of: file)
        report["file size"] = JSONValue(file.size)
        report["properties"] = JSONValue(footer.properties)
        var blobs: [JSONValue] = []
        var problems: [String] = []
        for (number, blob) in footer.blobs.enumerated() {
            var object = describe(blob)
            do {
                if blob.type == .deletionVector { try await describe(blob, of: file, limit, into: &object) }
            } catch {
                problems.append("blob \(number): \(error)")
                object["error"] = .string("\(error)")
            }
            blobs.append(.object(object))
        }
        report["blobs"] = .array(blobs)
        guard problems.isEmpty else {
            throw InspectError(.malformed, at: invocation.operands[0], problems.joined(separator: "\n"))
        }
    }

    /// Fetches the footer alone, in one or two reads.
    private static func footer(of file: InspectedFile) async throws -> PuffinFooter {
        var tail = try await file.bytes((file.size - min(file.size, 64 << 10))..<file.size)
        let needed = try PuffinFooter.lengthNeeded(tail: tail)
        if needed > tail.count, Int64(needed) <= file.size, needed <= PuffinLimits().footerBytesMax {
            tail = try await file.bytes((file.size - Int64(needed))..<file.size)
        }
        return try PuffinFooter.parse(tail: tail, fileSize: file.size)
    }

    private static func describe(_ blob: PuffinBlobMetadata) -> JSONObject {
        JSONObject([
            .init(key: "type", value: .string(blob.type.rawValue)),
            .init(key: "fields", value: .array(blob.fields.map { JSONValue($0) })),
            .init(key: "snapshot-id", value: JSONValue(blob.snapshotID)),
            .init(key: "sequence-number", value: JSONValue(blob.sequenceNumber)),
            .init(key: "offset", value: JSONValue(blob.offset)),
            .init(key: "length", value: JSONValue(blob.length)),
            .init(key: "compression-codec", value: JSONValue(blob.compressionCodec?.rawValue)),
            .init(key: "properties", value: JSONValue(blob.properties)),
        ])
    }

    private static func describe(
        _ blob: PuffinBlobMetadata, of file: InspectedFile, _ limit: Int, into object: inout JSONObject
    ) async throws {
        let content = try blob.content(of: try await file.bytes(blob.range))
        let positions = try DeletionVector.decode(content, cardinality: blob.cardinality)
        object["positions"] = JSONValue(positions.count)
        object["first positions"] = .array(positions.prefix(limit).map { JSONValue($0) })
    }
}
