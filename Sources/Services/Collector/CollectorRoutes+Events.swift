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
        let request = Self.eventRequest(context.request)
        let reply: EventIntake.Reply
        do {
            reply = try await service.intake.accept(request, context: Self.eventContext(context.request, now))
        } catch let error as EventBodyError {
            metrics.rejected.with("malformed_body").increment()
            service.deadLetters?.add(error, of: request, receivedAt: now)
            throw error
        }
        context.charge(events: reply.accepted + reply.duplicates + reply.rejections.count)
        metrics.accepted.increment(by: reply.accepted)
        metrics.duplicates.increment(by: reply.duplicates)
        for rejection in reply.rejections { metrics.rejected.with(rejection.reason.rawValue).increment() }
        service.deadLetters?.add(reply.rejections, of: request, receivedAt: now)
        return reply
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
}
