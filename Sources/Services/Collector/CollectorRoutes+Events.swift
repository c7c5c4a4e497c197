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
            router.on(.post, path, isAudited: false, takesKeyFromURL: true) { try await accept($0) }
        }
    }

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
        context.charge(events: reply.accepted + reply.duplicates + reply.rejections.count)
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
}
