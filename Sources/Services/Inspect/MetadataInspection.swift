import Clocks
import IcebergSpec
import JSONFormat
import WriteAheadLog

enum MetadataInspection {
    static func describe(_ bytes: [UInt8]) throws -> JSONValue {
        let metadata = try TableMetadataFile.decode(bytes)
        // The document itself, with its schema, specs and properties, and the snapshots in words.
        guard case .object(var document) = metadata.json else { return .null }
        document["snapshots"] = .array(metadata.snapshots.map(describe))
        return .object(document)
    }

    private static func describe(_ snapshot: Snapshot) -> JSONValue {
        [
            "id": .string(String(snapshot.snapshotID)),
            "parent": snapshot.parentSnapshotID.map { .string(String($0)) } ?? .null,
            "sequence number": JSONValue(snapshot.sequenceNumber),
            "time": .string(Timestamp(milliseconds: snapshot.timestampMilliseconds).rfc3339()),
            "manifest list": snapshot.manifestList.map { .string($0) } ?? .null,
            "summary": JSONValue(snapshot.summary),
        ]
    }
}

enum LogDescription {
    static func describe(directory: String) throws -> JSONValue {
        let log = try LogInspection(directory: directory)
        return [
            "log id": .string(log.identity.id.description),
            "segments": .array(log.segments.map(describe)),
        ]
    }

    private static func describe(_ segment: LogInspection.Segment) -> JSONValue {
        [
            "name": .string(segment.name),
            "bytes": JSONValue(segment.bytes),
            "first sequence": JSONValue(segment.first),
            "records": JSONValue(segment.records),
            "payload bytes": JSONValue(segment.payloadBytes),
            "bytes after the last whole record": JSONValue(segment.trailingBytes),
            "problem": segment.problem.map { .string($0) } ?? .null,
        ]
    }
}
