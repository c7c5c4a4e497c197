import Clocks
import JSONFormat

/// One piece of maintenance: what was asked for, how far it is, what came of it.
package struct MaintenanceJob: Sendable {
    package enum Kind: String, Sendable { case compact, expire, orphans }

    package enum State: String, Sendable {
        case running, succeeded, failed
        /// The process ended before the job did. Whatever it committed stays.
        case interrupted
    }

    package let id: UUID
    package let kind: Kind
    package let table: String
    package let isDryRun: Bool
    package let started: Timestamp
    package var finished: Timestamp?
    package var state = State.running
    package var total = CompactionProgress()
    package var done = CompactionProgress()
    package var result: JSONValue = .null
    package var error: String?

    package init(id: UUID, kind: Kind, table: String, isDryRun: Bool, started: Timestamp) {
        self.id = id
        self.kind = kind
        self.table = table
        self.isDryRun = isDryRun
        self.started = started
    }

    package var percent: Double {
        if state == .succeeded { return 100 }
        guard total.bytes > 0 else { return 0 }
        return (Double(done.bytes) / Double(total.bytes) * 1000).rounded() / 10
    }

    /// Seconds to go at the pace so far; nil before there is one.
    package func etaSeconds(now: Timestamp) -> Double? {
        guard state == .running, done.bytes > 0, total.bytes >= done.bytes else { return nil }
        let elapsed = Double(now.microseconds - started.microseconds) / 1e6
        return (elapsed * Double(total.bytes - done.bytes) / Double(done.bytes) * 10).rounded() / 10
    }

    package func json(now: Timestamp) -> JSONValue {
        [
            "job_id": .string(id.description), "kind": .string(kind.rawValue), "table": .string(table),
            "status": .string(state.rawValue), "dry_run": .bool(isDryRun), "started_at": .string(started.description),
            "finished_at": finished.map { .string($0.description) } ?? .null,
            "progress": [
                "files_total": JSONValue(total.files), "files_done": JSONValue(done.files),
                "bytes_total": JSONValue(total.bytes), "bytes_done": JSONValue(done.bytes),
                "percent": JSONValue(percent), "eta_seconds": etaSeconds(now: now).map { JSONValue($0) } ?? .null,
            ],
            "result": result, "error": error.map { .string($0) } ?? .null,
        ]
    }

    /// Reads what `json` wrote; nil for anything else.
    package init?(json: JSONValue) {
        guard let id = json["job_id"]?.string.flatMap({ UUID($0) }),
            let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)), let table = json["table"]?.string,
            let state = json["status"]?.string.flatMap(State.init(rawValue:)),
            let started = json["started_at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        self.init(id: id, kind: kind, table: table, isDryRun: json["dry_run"]?.bool ?? false, started: started)
        self.state = state
        finished = json["finished_at"]?.string.flatMap { Timestamp(rfc3339: $0) }
        func progress(_ suffix: String) -> CompactionProgress {
            CompactionProgress(
                files: Int(json["progress"]?["files_\(suffix)"]?.integer ?? 0),
                bytes: json["progress"]?["bytes_\(suffix)"]?.integer ?? 0)
        }
        total = progress("total")
        done = progress("done")
        result = json["result"] ?? .null
        error = json["error"]?.string
    }
}
