import Clocks
import HTTP
import IcebergCatalog
import JSONFormat
import ServiceHost
import Telemetry

/// `/admin/quarantine` and `/admin/replay`: refused events, counted and sent through the intake again.
extension CollectorRoutes {
    func addQuarantine(to router: inout Router) {
        router.get("/admin/quarantine", access: .keyOutsideDevelopment) { .json(try await quarantine($0)) }
        router.post("/admin/replay", access: .keyOutsideDevelopment) { .json(try await replay($0)) }
    }

    private func opened() throws(ServiceError) -> Quarantine {
        guard let quarantine = service.quarantine else {
            throw .notFound("refused events are not kept in a table: DEAD_LETTER or USE_ICEBERG is false")
        }
        return quarantine
    }

    private func quarantine(_ context: RequestContext) async throws -> JSONValue {
        let quarantine = try opened()
        let since = try context.query("since").map { text throws(ServiceError) in try Self.time(text, "since") }
        let counts = try await Self.answering { try await quarantine.counts(since: since) }
        let reasons = counts.byReason.sorted { $0.key < $1.key }
            .map { JSONObject.Member(key: $0.key, value: JSONValue($0.value)) }
        return [
            "table": .string(quarantine.table.description),
            "since": since.map { .string($0.description) } ?? .null,
            "total": JSONValue(counts.byReason.values.reduce(0, +)),
            "reasons": .object(JSONObject(reasons)),
            "replayed": JSONValue(counts.replayed),
            "kept_since_start": JSONValue(service.refusals?.kept ?? 0),
            "dropped_since_start": JSONValue(service.refusals?.dropped ?? 0),
        ]
    }

    private func replay(_ context: RequestContext) async throws -> JSONValue {
        let quarantine = try opened()
        let selection = try Self.selection(context.request.body)
        let report = try await Self.answering { try await quarantine.replay(selection) }
        return [
            "dry_run": .bool(selection.isTrial), "replayed": JSONValue(report.replayed),
            "accepted": JSONValue(report.accepted), "duplicates": JSONValue(report.duplicates),
            "already_replayed": JSONValue(report.alreadyReplayed), "cut": JSONValue(report.cut),
            "ruled_out": JSONValue(report.ruledOut), "refused": JSONValue(report.refused),
            "has_more": .bool(report.hasMore), "pending": .bool(report.isPending),
            "failures": .array(
                report.failures.map {
                    [
                        "rejected_id": .string($0.id), "reason": .string($0.reason), "message": .string($0.message),
                    ]
                }),
        ]
    }

    static func selection(_ body: [UInt8]) throws(ServiceError) -> Quarantine.Selection {
        var selection = Quarantine.Selection()
        guard !body.isEmpty else { return selection }
        let json: JSONValue
        do { json = try JSONValue.parse(body) } catch { throw .badRequest("the body is not JSON: \(error)") }
        guard let object = json.object else { throw .badRequest("the body is a JSON object") }
        for member in object.members {
            switch (member.key, member.value) {
            case ("reason", .string(let reason)): selection.reason = reason
            case ("from", .string(let text)): selection.from = try time(text, "from")
            case ("to", .string(let text)): selection.to = try time(text, "to")
            case ("limit", .integer(let limit)) where (1...100_000).contains(limit): selection.limit = Int(limit)
            case ("dry_run", .bool(let isTrial)): selection.isTrial = isTrial
            case ("take_over", .bool(let takesOver)): selection.takesOver = takesOver
            default:
                throw .badRequest(
                    "\"\(member.key.prefix(100))\" is not allowed with this value: reason (text), from and to (times of "
                        + "RFC 3339), limit (1 to 100000), dry_run and take_over (true or false) are")
            }
        }
        return selection
    }

    private static func time(_ text: String, _ name: String) throws(ServiceError) -> Timestamp {
        guard let time = Timestamp(rfc3339: text) else {
            throw .badRequest("\(name) is not a time of RFC 3339 such as 2026-01-15T14:30:00Z: \"\(text.prefix(100))\"")
        }
        return time
    }

    private static func answering<R: Sendable>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as Quarantine.Failed {
            switch error {
            case .busy: throw ServiceError(status: 409, type: "ReplayRunningException", "a replay is running")
            case .claimed(let log, let since):
                throw ServiceError(
                    status: 409, type: "ReplayRunningException",
                    "the collector with the log \(log) replays since \(since), or what it replayed is not in the tables yet: "
                        + "wait for it, or run a replay there. Only if that log is gone for good send \"take_over\": true"
                )
            case .tooMany:
                throw ServiceError.badRequest("too much was replayed since then: give a later \"from\"")
            case .halted(let why), .table(let why):
                throw ServiceError(status: 503, type: "CommitUnavailableException", why, headers: ["Retry-After": "30"])
            }
        }
    }
}
