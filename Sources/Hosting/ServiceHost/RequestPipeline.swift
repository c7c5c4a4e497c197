import Clocks
import HTTP
import HTTPServer
import JSONFormat
import Synchronization
import Telemetry

/// Everything between the server and a handler: ids, routing, origin, caller, limits, body, errors, log, metrics, audit.
struct RequestPipeline: Sendable {
    let configuration: WorkerConfiguration
    let router: Router
    let table: RouteTable
    let access: AccessPolicy
    let crossOrigin: CrossOrigin
    let rateLimiter: RateLimiter
    let logger: Logger
    let clock: any MonotonicClock
    let random: any RandomSource
    private let shortTargets: Set<String>
    /// The methods of short work at templates with parameters: of other requests the route need not be found twice.
    private let shortMethods: Set<HTTPMethod>
    private let decodedBodies: MemoryBudget
    private let requests: MetricFamily<Counter>
    private let refusals: MetricFamily<Counter>
    private let durations: MetricFamily<Histogram>
    private let meters = RequestMeters()

    init(
        configuration: WorkerConfiguration, router: Router, logger: Logger, metrics: MetricsRegistry,
        keys: KeyRing? = nil, clock: any MonotonicClock = SystemClock(), wallClock: any WallClock = SystemClock(),
        random: any RandomSource = IdentifierSource()
    ) {
        self.configuration = configuration
        self.router = router
        table = RouteTable(router)
        let keys = keys ?? configuration.keyRing()
        access = AccessPolicy(
            environment: configuration.environment, keys: keys, bindingSecret: configuration.bindingSecret,
            clock: wallClock)
        crossOrigin = CrossOrigin(
            allowed: configuration.allowedOrigins, environment: configuration.environment, keys: keys,
            givesCredentialsToAll: configuration.identity.isForPages)
        rateLimiter = RateLimiter(windowMilliseconds: configuration.rateLimitWindowMilliseconds, clock: clock)
        self.logger = logger
        self.clock = clock
        self.random = random
        shortTargets = router.shortTargets
        shortMethods = router.shortMethods
        decodedBodies = MemoryBudget(bytesMax: configuration.limits.bodiesBytesMax)
        requests = metrics.counter(
            "http_requests_total", "Requests answered.", labels: ["method", "route", "status"])
        refusals = metrics.counter(
            "http_requests_refused_total",
            "Requests not admitted (no key, a wrong one, an origin, a limit) or not read (malformed, too long, too slow).",
            labels: ["reason"])
        durations = metrics.histogram(
            "http_request_duration_seconds", "Time from the whole request to its response.", labels: ["route"])
    }

    /// What is known of a request as it goes through.
    private struct Progress {
        var route: Router.Route?
        var caller = Caller.anonymous
        var rateLimitHeaders: HTTPHeaders = [:]
        var allowance: EventAllowance?
    }

    func respond(to request: HTTPRequest) async -> HTTPResponse {
        let start = clock.nanoseconds()
        let requestID = Self.requestID(request) ?? HexadecimalText.make(random.next(), random.next())
        let trace = request.headers["traceparent"].flatMap { TraceParent($0) } ?? TraceParent.make(random)
        let isBelieved = configuration.trustedProxies.believes(request)
        let address = configuration.trustedProxies.clientAddress(of: request, isBelieved: isBelieved)
        var progress = Progress()
        var response: HTTPResponse
        do {
            response = try await answer(request, requestID, trace, address, isBelieved, &progress)
        } catch let error as ServiceError {
            if let reason = error.refusal { refusals.with(reason.rawValue).increment() }
            response = error.response
        } catch {
            response = unexpected(error, requestID, trace, request)
        }
        Self.set("X-Request-Id", requestID, &response.headers)
        Self.set("traceparent", trace.header, &response.headers)
        for field in progress.rateLimitHeaders.fields { response.headers[field.name] = field.value }
        if progress.route?.isForAllPages == true {
            CrossOrigin.decorateForAll(&response)
        } else if let origin = request.headers["Origin"] {
            let host = request.headers["Host"]
            if crossOrigin.allows(origin, host: host) {
                crossOrigin.decorate(&response, origin: origin, host: host)
            } else {
                response.headers.append("Vary", "Origin")
            }
        }
        record(request, response, progress, requestID, trace, address, nanoseconds: clock.nanoseconds() &- start)
        return response
    }

    /// Whether a request is answered within microseconds of computing. Compressed bodies are not: they can be bombs.
    func isShort(_ request: HTTPRequest) -> Bool {
        guard request.body.count <= Self.shortBodyBytesMax, request.headers["Content-Encoding"] == nil,
            // The first bytes of gzip and zstd, announced by nobody.
            request.body.first != 0x1F, request.body.first != 0x28
        else { return false }
        if shortTargets.contains(request.target) { return true }
        guard shortMethods.contains(request.method),
            case .route(let route, _) = table.match(request.method, path: request.path)
        else { return false }
        return route.isShort
    }

    private static let shortBodyBytesMax = 16 << 10

    /// Whether a request could be accepted if its body were good, as far as its head tells. A refusal itself is left to
    /// `respond`, which logs and counts it.
    func needsBody(_ head: HTTPRequest) -> Bool {
        guard case .route(let route, _) = table.match(head.method, path: head.path) else { return false }
        // A signature covers the body.
        guard head.headers[BindingSignature.signatureHeader] == nil else { return true }
        do throws(ServiceError) {
            let caller = try access.identify(head, takesKeyFromURL: route.takesKeyFromURL)
            if caller.isAnonymous, router.authenticator != nil { return true }
            try access.check(caller, for: route.access)
            try checkOrigin(head, route, caller)
            return true
        } catch {
            return false
        }
    }

    /// For requests the server itself refuses.
    func refuse(_ refusal: HTTPRefusal) -> HTTPResponse {
        refusals.with(Self.reason(refusal.status)).increment()
        let requestID = HexadecimalText.make(random.next(), random.next())
        logger.debug(
            "refused", ["request_id": requestID, "status": refusal.status, "reason": refusal.message])
        var response = ServiceError(status: refusal.status, refusal.message).response
        response.headers["X-Request-Id"] = requestID
        if refusal.status == 503 { response.headers["Retry-After"] = "1" }
        return response
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 408: "too_slow"
        case 413: "body_too_long"
        case 414, 431: "head_too_long"
        case 417, 501, 505: "not_supported"
        case 503: "busy"
        default: "malformed"
        }
    }

    // MARK: -

    private func answer(
        _ request: HTTPRequest, _ requestID: String, _ trace: TraceParent, _ address: String, _ isBelieved: Bool,
        _ progress: inout Progress
    ) async throws -> HTTPResponse {
        try RequestShape.check(request)
        let parameters: [(name: String, value: String)]
        let match = table.match(request.method, path: request.path)
        if let origin = request.headers["Origin"], !match.isForAllPages,
            !crossOrigin.allows(origin, host: request.headers["Host"])
        {
            throw Self.refusal(ofOrigin: origin)
        }
        switch match {
        case .notFound:
            throw ServiceError.notFound("there is nothing at \(request.method) \(request.path.prefix(200))")
        case .badPath: throw ServiceError.badRequest("the path has a broken percent escape")
        case .methodNotAllowed(let allowed):
            if request.method == .options { return crossOrigin.preflight(request, methods: allowed) }
            throw ServiceError(
                status: 405, "\(request.method) is not allowed here; \(allowed.joined(separator: ", ")) are",
                headers: ["Allow": allowed.joined(separator: ", ")])
        case .route(let route, let found):
            progress.route = route
            parameters = found
        }
        guard let route = progress.route else { return HTTPResponse(status: 500) }
        try await admit(request, route, address, &progress)
        var decoded = request
        try RequestBody.decode(&decoded, bytesMax: configuration.bodyBytesMax)
        // The server counts what came; what it became is counted here.
        let grown = max(0, decoded.body.count - request.body.count)
        guard decodedBodies.reserve(grown) else {
            throw ServiceError.unavailable("too many request bodies are being decompressed", retryAfterSeconds: 1)
        }
        defer { decodedBodies.release(grown) }
        let context = RequestContext(
            request: decoded, caller: progress.caller, requestID: requestID, trace: trace, clientAddress: address,
            isFromTrustedProxy: isBelieved, parameters: parameters, baseLogger: logger, allowance: progress.allowance)
        do {
            // Short work calls nobody.
            guard !route.isShort else { return try await route.handler(context) }
            return try await CallTrace.$current.withValue(CallTrace(requestID: requestID, trace: trace)) {
                try await route.handler(context)
            }
        } catch {
            if let mapped = error as? ServiceError ?? router.errorMapper?(error) { throw mapped }
            throw error
        }
    }

    /// Finds out who calls, and whether they may, now.
    private func admit(
        _ request: HTTPRequest, _ route: Router.Route, _ address: String, _ progress: inout Progress
    ) async throws {
        var refusal: ServiceError?
        do {
            progress.caller = try access.identify(request, takesKeyFromURL: route.takesKeyFromURL)
            if progress.caller.isAnonymous, let authenticator = router.authenticator {
                progress.caller = try await authenticator(request) ?? .anonymous
            }
            try access.check(progress.caller, for: route.access)
            try checkOrigin(request, route, progress.caller)
        } catch let error as ServiceError {
            refusal = error
        }
        // Failed attempts count too, by address, so that keys cannot be guessed at full speed.
        if route.isRateLimited, progress.caller.kind != .binding {
            let isKnown = refusal == nil && !progress.caller.isAnonymous
            try limit(isKnown ? progress.caller.description : address, &progress)
        }
        if let refusal { throw refusal }
    }

    private func checkOrigin(
        _ request: HTTPRequest, _ route: Router.Route, _ caller: Caller
    ) throws(ServiceError) {
        guard !route.isForAllPages else { return }
        let origin = request.headers["Origin"]
        try access.check(caller, origin: origin)
        // That some key names the origin lets the request in so far; this key does not.
        if caller.scopes?.origins == nil, let origin,
            !crossOrigin.allowsWithoutKey(origin, host: request.headers["Host"])
        {
            throw Self.refusal(ofOrigin: origin)
        }
    }

    private static func refusal(ofOrigin origin: String) -> ServiceError {
        ServiceError.forbidden("the origin \"\(origin.prefix(200))\" may not call this service (ALLOWED_ORIGINS)")
            .counted(as: .origin)
    }

    /// Counts the request, and looks at what the caller has left of events.
    private func limit(_ caller: String, _ progress: inout Progress) throws(ServiceError) {
        func refuse(_ decision: RateLimiter.Decision, _ what: String, _ reason: RefusalReason) throws(ServiceError) {
            progress.rateLimitHeaders = decision.headers
            guard !decision.isAllowed else { return }
            throw ServiceError(
                status: 429, "more than \(decision.limit) \(what); try again in \(decision.resetSeconds) s",
                headers: ["Retry-After": String(decision.resetSeconds)]
            ).counted(as: reason)
        }
        let scopes = progress.caller.scopes
        if let eventsMax = scopes?.eventsMax {
            let allowance = EventAllowance(limiter: rateLimiter, caller: "events of \(caller)")
            progress.allowance = allowance
            try refuse(rateLimiter.look(allowance.caller, max: eventsMax), "events", .eventRateLimit)
        }
        let requestsMax = scopes?.requestsMax ?? configuration.rateLimitRequestsMax
        if requestsMax > 0 {
            try refuse(rateLimiter.decide(caller, max: requestsMax), "requests", .rateLimit)
        }
    }

    /// The cause goes to the log only.
    private func unexpected(
        _ error: any Error, _ requestID: String, _ trace: TraceParent, _ request: HTTPRequest
    ) -> HTTPResponse {
        if error is CancellationError {
            return ServiceError.unavailable("the request was cancelled", retryAfterSeconds: 1).response
        }
        logger.error(
            "a handler failed",
            [
                "error": "\(error)", "error_type": "\(type(of: error))", "method": request.method.rawValue,
                "path": request.path, "request_id": requestID, "trace_id": trace.traceID,
            ])
        return ServiceError(status: 500, "internal error; the log has more under request id \(requestID)").response
    }

    private func record(
        _ request: HTTPRequest, _ response: HTTPResponse, _ progress: Progress, _ requestID: String,
        _ trace: TraceParent, _ address: String, nanoseconds: UInt64
    ) {
        let meter = meters.find(request.method, progress.route, response.status) {
            let template = progress.route?.template ?? "(none)"
            let count = requests.with(Self.knownMethod(request.method), template, String(response.status))
            return (count, durations.with(template))
        }
        meter.count.increment()
        meter.duration.observe(Double(nanoseconds) / 1e9)
        let level: LogLevel =
            response.status >= 500 ? .warn : progress.route?.isQuiet == true ? .debug : .info
        logger.log(
            level, "request",
            [
                "request_id": requestID, "trace_id": trace.traceID, "method": request.method.rawValue,
                "path": request.path, "status": response.status, "duration_ms": Double(nanoseconds / 1000) / 1000,
                "bytes_in": request.body.count, "bytes_out": response.body.count, "caller": progress.caller.description,
                "remote": address,
            ])
        guard let route = progress.route, route.isAudited else { return }
        logger.audit(
            "\(route.method) \(route.template)",
            [
                "request_id": requestID, "who": progress.caller.description, "from": address, "target": request.path,
                "status": response.status, "outcome": response.status < 400 ? "done" : "refused",
            ])
    }

    /// Sets a field that nearly never is there yet.
    private static func set(_ name: String, _ value: String, _ headers: inout HTTPHeaders) {
        if headers[name] == nil { headers.appendValidated(name, value) } else { headers[name] = value }
    }

    /// A made-up method must not make a new series.
    fileprivate static func knownMethod(_ method: HTTPMethod) -> String {
        switch method.rawValue {
        case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH": method.rawValue
        default: "other"
        }
    }

    /// The caller's id, when it is short and printable.
    private static func requestID(_ request: HTTPRequest) -> String? {
        guard let given = request.headers["X-Request-Id"], (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return given
    }
}

/// The instruments of each kind of request, found without putting their labels together.
private final class RequestMeters: Sendable {
    typealias Meter = (count: Counter, duration: Histogram)

    private struct Kind: Hashable {
        let method: HTTPMethod
        let template: String?
        let status: Int
    }

    /// Methods and templates are few, statuses too: but for a handler's whim, so there is a bound.
    private static let kindsMax = 2000
    private let found = Mutex<[Kind: Meter]>([:])

    func find(_ method: HTTPMethod, _ route: Router.Route?, _ status: Int, _ make: () -> Meter) -> Meter {
        // Of a method that no route has nothing is kept: it could be any text.
        guard let route, route.method == method else { return make() }
        let kind = Kind(method: method, template: route.template, status: status)
        if let meter = found.withLock({ $0[kind] }) { return meter }
        let meter = make()
        found.withLock { if $0.count < Self.kindsMax { $0[kind] = meter } }
        return meter
    }
}
