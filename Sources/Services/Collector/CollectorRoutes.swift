import Batching
import Bytes
import CatalogAccess
import Clocks
import Committing
import Events
import HTTP
import JSONFormat
import ObjectStore
import ServiceHost
import Telemetry
import WriteAheadLog

/// The HTTP face of the collector: the only place that knows its paths, headers and status codes.
package struct CollectorRoutes: Sendable {
    private let service: CollectorService
    private let accepted: Counter
    private let duplicates: Counter
    private let rejected: MetricFamily<Counter>

    package init(_ service: CollectorService, metrics: MetricsRegistry) {
        self.service = service
        accepted = metrics.counter("collector_events_accepted_total", "Events written to the log.")
        duplicates = metrics.counter("collector_events_duplicate_total", "Events that had been stored before.")
        rejected = metrics.counter("collector_events_rejected_total", "Events refused.", labels: ["reason"])
    }

    package var router: Router {
        var router = Router()
        // Neither audited: an audit record a batch would cost more than the batch. Metrics and access log count them.
        router.post("/events", isAudited: false) { try await accept($0) }
        router.post("/events/batch", isAudited: false) { try await accept($0) }
        router.get("/debug/status/all", access: .keyOutsideDevelopment) { _ in .json(await statusOfAll()) }
        router.get("/debug/status/{type}", access: .keyOutsideDevelopment) {
            .json(try await status(of: $0.parameter("type")))
        }
        router.post("/debug/flush/all", access: .keyOutsideDevelopment) { _ in .json(try await flush(nil)) }
        router.post("/debug/flush/{type}", access: .keyOutsideDevelopment) {
            .json(try await flush($0.parameter("type")))
        }
        router.get("/debug/list-r2", access: .keyOutsideDevelopment) { .json(try await list($0)) }
        router.post("/admin/pause", access: .keyOutsideDevelopment) { _ in
            try await service.pause.set(true)
            return .json(administration)
        }
        router.post("/admin/resume", access: .keyOutsideDevelopment) { _ in
            try await service.pause.set(false)
            return .json(administration)
        }
        router.get("/admin/status", access: .keyOutsideDevelopment) { _ in .json(administration) }
        router.errorMapper = Self.serviceError
        return router
    }

    // MARK: - Events

    private func accept(_ context: RequestContext) async throws -> HTTPResponse {
        try refuseIfClosed()
        let now = service.clock.now()
        let request = Self.eventRequest(context.request)
        let reply: EventIntake.Reply
        do {
            reply = try await service.intake.accept(request, context: Self.eventContext(context.request, now))
        } catch let error as EventBodyError {
            rejected.with("malformed_body").increment()
            service.deadLetters?.add(error, of: request, receivedAt: now)
            throw error
        }
        accepted.increment(by: reply.accepted)
        duplicates.increment(by: reply.duplicates)
        for rejection in reply.rejections { rejected.with(rejection.reason.rawValue).increment() }
        service.deadLetters?.add(reply.rejections, of: request, receivedAt: now)
        return Self.response(to: reply)
    }

    private func refuseIfClosed() throws(ServiceError) {
        func unavailable(_ message: String, _ type: String, after seconds: Int) -> ServiceError {
            ServiceError(status: 503, type: type, message, headers: ["Retry-After": String(seconds)])
        }
        guard !service.pause.isPaused else {
            throw unavailable("the collector is paused", "CollectorPausedException", after: 30)
        }
        let condition = service.pipeline.condition
        if let halted = condition.halted { throw unavailable(halted, "CollectorHaltedException", after: 60) }
        let limit = service.configuration.outageMillisecondsMax
        if limit > 0, let trouble = condition.troubleMilliseconds, trouble > Int64(limit) {
            throw unavailable(
                "nothing could be committed for \(trouble / 1000) s", "CatalogUnavailableException", after: 30)
        }
    }

    static func eventRequest(_ request: HTTPRequest) -> EventRequest {
        var attributes: [(name: String, value: String)] = []
        for field in request.headers.fields {
            let name = field.name.lowercased()
            guard name.hasPrefix("ce-") else { continue }
            attributes.append((String(name.dropFirst(3)), field.value))
        }
        return EventRequest(
            contentType: request.headers["Content-Type"], attributes: attributes, origin: request.headers["Origin"],
            body: request.body)
    }

    /// What Cloudflare, or another proxy that sets the same fields, says of the visitor.
    static func eventContext(_ request: HTTPRequest, _ now: Timestamp) -> EventContext {
        var context = EventContext(receivedAt: now)
        for field in request.headers.fields where field.name.utf8.first.map({ $0 | 0x20 == 0x63 }) ?? false {
            switch field.name.lowercased() {
            // `CF-Ray: 8f00a1b2c3d4e5f6-AMS` ends with the data centre.
            case "cf-ray": context[.colo] = field.value.split(separator: "-").dropFirst().last.map(String.init)
            case "cf-ipcountry": context[.country] = field.value
            case "cf-ipcity": context[.city] = field.value
            case "cf-ipcontinent": context[.continent] = field.value
            case "cf-postal-code": context[.postalCode] = field.value
            case "cf-region": context[.region] = field.value
            case "cf-timezone": context[.timezone] = field.value
            case "cf-http-protocol": context[.httpProtocol] = field.value
            case "cf-tls-version": context[.tlsVersion] = field.value
            case "cf-tls-cipher": context[.tlsCipher] = field.value
            default: break
            }
        }
        return context
    }

    static func serviceError(_ error: any Error) -> ServiceError? {
        switch error {
        case let error as EventBodyError:
            switch error.code {
            case .malformed: return ServiceError(status: 400, type: "MalformedBodyException", error.message)
            case .unsupportedMediaType: return ServiceError(status: 415, error.message)
            case .tooLarge: return ServiceError(status: 413, error.message)
            case .failed: return nil
            }
        case let error as LogError:
            switch error.code {
            case .full:
                return ServiceError(
                    status: 507, type: "LogFullException", error.message, headers: ["Retry-After": "5"])
            case .invalidRecord: return ServiceError(status: 413, error.message)
            case .poisoned, .closed, .failed:
                return ServiceError(
                    status: 503, type: "LogUnavailableException", error.message, headers: ["Retry-After": "10"])
            case .corrupt, .locked: return nil
            }
        case let error as CommitError:
            return ServiceError(
                status: 503, type: "CommitUnavailableException", error.message, headers: ["Retry-After": "10"])
        default: return nil
        }
    }

    // MARK: - Debug

    private func json(_ buffer: EventPipeline.BufferStatus) -> JSONObject {
        let hour = Timestamp(microseconds: buffer.partition.hour &* 3_600_000_000).civil
        let pad = { (value: Int) in Timestamp.pad(value, 2) }
        let key =
            "\(buffer.partition.type)/\(Timestamp.pad(hour.year, 4))-\(pad(hour.month))-\(pad(hour.day))"
            + "-\(pad(hour.hour))"
        var json = JSONObject()
        json["partition_key"] = .string(key)
        json["buffered_count"] = JSONValue(buffer.count)
        json["buffered_bytes"] = JSONValue(buffer.bytes)
        json["age_ms"] = JSONValue(buffer.ageMilliseconds)
        json["max_buffer_size"] = JSONValue(service.configuration.batches.openEventsMax)
        json["buffer_threshold"] = JSONValue(service.configuration.batches.partitionEventsMax)
        json["table_location"] = .string(service.configuration.catalog.tableLocation?.rawValue ?? "")
        return json
    }

    private func status(of type: String) async throws -> JSONValue {
        let buffers = service.pipeline.status.buffers.filter { $0.partition.type == type }
        guard let newest = buffers.max(by: { $0.partition.hour < $1.partition.hour }) else {
            throw ServiceError.notFound("no event of the type \"\(type.prefix(200))\" is buffered")
        }
        var json = json(newest)
        if buffers.count > 1 { json["buffers"] = .array(buffers.map { .object(self.json($0)) }) }
        return .object(json)
    }

    private func statusOfAll() async -> JSONValue {
        let status = service.pipeline.status
        let log = service.log.status
        let committed = status.committedThrough.map { Int64(clamping: $0) }
        var json = JSONObject()
        json["buffers"] = .array(status.buffers.map { .object(self.json($0)) })
        json["totals"] = [
            "buffers": JSONValue(status.buffers.count),
            "buffered_count": JSONValue(status.buffers.reduce(0) { $0 + $1.count }),
            "buffered_bytes": JSONValue(status.bufferedBytes), "in_flight_count": JSONValue(status.inFlightEvents),
            "remembered_ids": JSONValue(service.intake.rememberedKeys),
        ]
        json["log"] = [
            "id": .string(service.log.identity.id.description), "bytes": JSONValue(log.bytes),
            "max_bytes": JSONValue(log.bytesMax), "segments": JSONValue(log.segments),
            "first_sequence": JSONValue(log.firstSequence), "last_sequence": JSONValue(log.syncedThrough),
        ]
        json["lag"] = [
            "committed_sequence": committed.map { .integer($0) } ?? .null,
            "uncommitted_records": committed.map { .integer(max(0, Int64(clamping: log.syncedThrough) - $0)) } ?? .null,
            "oldest_age_ms": JSONValue(status.buffers.map(\.ageMilliseconds).max() ?? 0),
        ]
        json["last_commit"] = [
            "time": status.lastCommit.map { .string($0.description) } ?? .null,
            "snapshot_id": status.lastSnapshotID.map { JSONValue($0) } ?? .null, "commits": JSONValue(status.commits),
            "error": (status.halted ?? status.trouble).map(JSONValue.string) ?? .null,
        ]
        json["table_location"] = .string(service.configuration.catalog.tableLocation?.rawValue ?? "")
        json["paused"] = .bool(service.pause.isPaused)
        return .object(json)
    }

    private func flush(_ type: String?) async throws -> JSONValue {
        let flushed = try await service.pipeline.flush(type: type, timeoutMilliseconds: 60_000)
        return [
            "flushed": JSONValue(flushed.events), "snapshot_id": flushed.snapshotID.map { JSONValue($0) } ?? .null,
            "files": .array(flushed.files.map(JSONValue.string)),
        ]
    }

    private func list(_ context: RequestContext) async throws -> JSONValue {
        let limit = try context.query("limit", in: 1...1000) ?? 100
        let page = try await service.store.list(
            service.configuration.objectStore.sourceBucket, prefix: context.query("prefix") ?? "", delimiter: nil,
            startAfter: context.query("cursor"), limit: limit)
        return [
            "objects": .array(
                page.objects.map {
                    [
                        "key": .string($0.key.rawValue), "size": JSONValue($0.size), "etag": .string($0.etag),
                        "uploaded": .string($0.lastModified.description),
                    ]
                }),
            "truncated": .bool(page.next != nil), "cursor": page.next.map(JSONValue.string) ?? .null,
        ]
    }

    private var administration: JSONValue { ["paused": .bool(service.pause.isPaused)] }
}
