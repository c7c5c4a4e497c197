import Clocks
import Events
import HTTP
import ServiceHost
import Telemetry

/// `POST /events` and `/events/batch`.
extension CollectorRoutes {
    func addEvents(to router: inout Router) {
        // Neither audited: an audit record a batch would cost more than the batch. Metrics and access log count them.
        for path in ["/events", "/events/batch"] {
            router.on(.post, path, isAudited: false, takesKeyFromURL: true, isShort: true) { try await accept($0) }
        }
    }

    private func accept(_ context: RequestContext) async throws -> HTTPResponse {
        if try context.flag("dry_run") { return try examine(context) }
        let started = service.clock.nanoseconds()
        do {
            try refuseIfClosed()
            let reply = try await take(context)
            metrics.acknowledgement.observe(Double(service.clock.nanoseconds() - started) / 1e9)
            return Self.response(to: reply)
        } catch {
            metrics.refused.with(CollectorMetrics.reason(of: error)).increment()
            throw error
        }
    }

    private func take(_ context: RequestContext) async throws -> EventIntake.Reply {
        let now = service.clock.now()
        let sent = Self.eventRequest(context.request)
        do {
            let client = service.enricher.storesClientAddress ? context.clientAddress : nil
            let sender = RefusalSender(receivedAt: now, client: client, requestID: context.requestID)
            let request = try await service.intake.reading(sent, sender) { sent throws(EventBodyError) in
                try sent.unwrapped(bytesMax: service.bodyBytesMax)
            }
            let reply = try await service.intake.accept(
                request, context: service.enricher.context(of: context, at: now), rules: rules(context.caller, now),
                sender: sender)
            count(reply, of: request, context, now)
            return reply
        } catch let error as EventBodyError {
            metrics.rejected.with("malformed_body").increment()
            service.deadLetters?.add(error, of: sent, receivedAt: now)
            throw error
        }
    }

    /// What would be answered. Works while nothing is taken, too.
    private func examine(_ context: RequestContext) throws -> HTTPResponse {
        let now = service.clock.now()
        let request = try Self.eventRequest(context.request).unwrapped(bytesMax: service.bodyBytesMax)
        let reply = try service.intake.examine(request, at: now, rules: rules(context.caller, now))
        return Self.response(to: reply, isDryRun: true)
    }

    private func rules(_ caller: Caller, _ now: Timestamp) -> EventRules {
        let seconds = service.configuration.futureSecondsMax
        let latest = seconds.map { Timestamp(microseconds: now.microseconds + Int64($0) * 1_000_000) }
        return EventRules(types: caller.scopes?.types, latest: latest)
    }

    private func count(
        _ reply: EventIntake.Reply, of request: EventRequest, _ context: RequestContext, _ now: Timestamp
    ) {
        context.charge(events: reply.accepted + reply.duplicates + reply.rejections.count)
        metrics.accepted.increment(by: reply.accepted)
        metrics.duplicates.increment(by: reply.duplicates)
        for rejection in reply.rejections { metrics.rejected.with(rejection.reason.rawValue).increment() }
        service.deadLetters?.add(reply.rejections, of: request, receivedAt: now)
    }

    private func refuseIfClosed() throws(Closed) {
        guard !service.pause.isPaused else { throw .paused }
        let condition = service.pipeline.condition
        if let halted = condition.halted { throw .halted(halted) }
        let limit = service.configuration.outageMillisecondsMax
        if limit > 0, let trouble = condition.troubleMilliseconds, trouble > Int64(limit) {
            throw .outage(seconds: trouble / 1000)
        }
    }

    /// Why no events are taken at all for now.
    enum Closed: Error {
        case paused
        case halted(String)
        case outage(seconds: Int64)

        var serviceError: ServiceError {
            let (message, type, seconds) =
                switch self {
                case .paused: ("the collector is paused", "CollectorPausedException", 30)
                case .halted(let why): (why, "CollectorHaltedException", 60)
                case .outage(let seconds):
                    ("nothing could be committed for \(seconds) s", "CatalogUnavailableException", 30)
                }
            return ServiceError(status: 503, type: type, message, headers: ["Retry-After": String(seconds)])
        }
    }

    static func eventRequest(_ request: HTTPRequest) -> EventRequest {
        var attributes: [(name: String, value: String)] = []
        for field in request.headers.fields where field.begins("ce-") {
            attributes.append((String(field.name.lowercased().dropFirst(3)), field.value))
        }
        return EventRequest(
            contentType: request.headers["Content-Type"], attributes: attributes, origin: request.headers["Origin"],
            body: request.body)
    }
}
