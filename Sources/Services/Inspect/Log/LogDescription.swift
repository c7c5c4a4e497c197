import Clocks
import JSONFormat
import WriteAheadLog

/// `log`: segments and records of a write-ahead log, read without its lock.
enum LogDescription {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let log = try LogInspection(directory: invocation.operands[0])
        report["log id"] = .string(log.identity.id.description)
        report["segments"] = .array(log.segments.map(describe))
    }

    private static func describe(_ segment: LogInspection.Segment) -> JSONValue {
        [
            "name": .string(segment.name),
            "bytes": JSONValue(segment.bytes),
            "first sequence": JSONValue(segment.first),
            "records": JSONValue(segment.records),
            "payload bytes": JSONValue(segment.payloadBytes),
            "bytes after the last whole record": JSONValue(segment.trailingBytes),
            "problem": JSONValue(segment.problem),
        ]
    }
}
