import Clocks
import JSONFormat
import WriteAheadLog

/// `log`: segments and records of a write-ahead log, read without its lock.
enum LogDescription {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let log = try LogInspection(directory: invocation.operands[0])
        report["log id"] = .string(log.identity.id.description)
        report["segments"] = .array(log.segments.map(describe))
        let damaged = log.segments.filter { $0.problem != nil }
        guard let first = damaged.first, let problem = first.problem else { return }
        let others = damaged.count > 1 ? " (and \(damaged.count - 1) more segments cannot be read)" : ""
        throw InspectError(.malformed, at: "\(invocation.operands[0])/\(first.name)", "\(problem)\(others)")
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
