import Clocks
import Configuration
import Files
import Glibc
import HTTP
import HTTPServer
import Lifecycle
import ObjectStore
import Synchronization
import Telemetry

/// A running worker of the suite, as its service sees it: configuration common to all, log, metrics, health, bindings, and what is to
/// be done in the background and at the end. `Worker.main` runs one; a `main.swift` is no more than this:
///
///     import Compaction
///     import ServiceHost
///
///     await Worker.main(.compaction, CompactionConfiguration.self) { configuration, worker in
///         let store = try configuration.objectStore.open(http: worker.httpClient(), counting: worker.storeRequests)
///         let service = try await CompactionService(configuration, store: store, logger: worker.logger)
///         worker.health.register("store") { try await service.probe() }
///         worker.every("schedule", milliseconds: 1000) { try await service.tick() }      // a loop, until the stop
///         worker.background("jobs") { await service.runJobs() }                          // a task, cancelled at the stop
///         worker.onShutdown("jobs") { await service.finish() }                           // after the server has stopped
///
///         var router = Router()
///         router.post("/compact/{table}") { context in
///             .json(try await service.compact(context.parameter("table"), force: context.flag("force")))
///         }
///         router.get("/history", access: .keyOutsideDevelopment) { _ in .json(await service.history()) }
///         router.errorMapper = { ($0 as? CompactionError).map { ServiceError(status: 409, "\($0)") } }
///         return router
///     }
///
/// It takes `--help`, `--version`, `--check-config`; prints a wrong configuration a line per variable and exits 1; listens on
/// `BIND_ADDRESS:PORT` and on the Unix socket its entry of `BINDINGS_FILE` names; answers `/health`, `/health/live`, `/health/ready`,
/// `/metrics`; on SIGTERM stops accepting, finishes requests, cancels and awaits the background, runs the shutdown steps (last
/// registered first), and exits 0. A handler that throws `ServiceError` answers with it; anything else is a 500 whose
/// cause is in the log.
package final class Worker: Sendable {
    package let configuration: WorkerConfiguration
    package let logger: Logger
    package let metrics: MetricsRegistry
    package let health: HealthRegistry
    package let clock: SystemClock
    package let keys: KeyRing
    /// What this process asks of its object stores; in the metrics.
    package let storeRequests: StoreRequests

    private struct State {
        var reloads: [(name: String, body: @Sendable () async throws -> Void)] = []
        var background: [(name: String, body: @Sendable () async -> Void)] = []
        var client: CurlClient?
        var workLoop: WorkLoop?
        var ports: [Int] = []
    }

    private let state = Mutex(State())
    let shutdown = ShutdownSequence()

    package init(configuration: WorkerConfiguration, logger: Logger, metrics: MetricsRegistry = MetricsRegistry()) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        clock = SystemClock()
        keys = configuration.keyRing()
        health = HealthRegistry()
        metrics.registerProcessMetrics()
        storeRequests = StoreRequests(metrics: metrics)
        metrics.gauge("analytics_build_info", "The version that runs.", labels: ["version"]).with(Release.version).set(
            1)
    }

    package var environment: DeploymentEnvironment { configuration.environment }

    /// Runs `body` from the end of the start to the stop, which cancels it and waits for its end.
    package func background(_ name: String, _ body: @escaping @Sendable () async -> Void) {
        state.withLock { $0.background.append((name: name, body: body)) }
    }

    /// Runs `body` again and again, once at the start and then every `milliseconds`; an error is logged and changes nothing.
    package func every(_ name: String, milliseconds: Int, _ body: @escaping @Sendable () async throws -> Void) {
        let loop = PeriodicLoop(name, everyMilliseconds: milliseconds, logger: logger, clock: clock, body)
        background(name) { await loop.run() }
    }

    /// Adds a step to the stop: after the server and the background have ended, before the steps registered earlier.
    package func onShutdown(_ name: String, _ action: @escaping @Sendable () async -> Void) {
        shutdown.onShutdown(name, action)
    }

    /// Runs `body` at every SIGHUP: to read files again.
    package func onReload(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
        state.withLock { $0.reloads.append((name: name, body: body)) }
    }

    /// Starts what `onReload` registered; false when there is nothing.
    package func reload() -> Bool {
        let reloads = state.withLock { $0.reloads }
        guard !reloads.isEmpty else { return false }
        let logger = logger
        Task.detached {
            for entry in reloads {
                do {
                    try await entry.body()
                } catch {
                    logger.warn("could not be read again", ["what": entry.name, "error": "\(error)"])
                }
            }
        }
        return true
    }

    /// Looks every two seconds, and at SIGHUP, whether the file of keys has changed.
    private func watchKeys() {
        guard keys.hasFile else { return }
        let (keys, logger) = (keys, logger)
        let look: @Sendable () async throws -> Void = {
            guard await BlockingPool.shared.run({ keys.reload() }) else { return }
            if let problem = keys.problem {
                logger.warn("the file of keys is wrong; the keys of before stay in force", ["problem": problem])
            } else {
                logger.audit("keys", ["outcome": "done", "keys": keys.count])
                if keys.isFileEmpty { logger.warn(Self.emptyKeyFile) }
            }
        }
        every("keys", milliseconds: 2000, look)
        onReload("keys", look)
        health.register("keys") {
            if let problem = keys.problem { return .degraded("\(problem); the keys of before stay in force") }
            return keys.isFileEmpty ? .degraded(Self.emptyKeyFile) : .healthy
        }
        metrics.computedGauge("access_keys", "Keys that are known, in force or not.") { Double(keys.count) }
    }

    /// A mistake more often than an intention, and all senders are refused: said aloud, and still done.
    private static let emptyKeyFile = "the file of keys has no key in it: only keys of variables are in force"

    /// The TCP ports it listens on, once started: what the system chose for port 0.
    package var ports: [Int] { state.withLock { $0.ports } }

    /// Asks the worker to stop, as SIGTERM would.
    package func requestShutdown() { shutdown.request() }

    /// Another worker; nil when `BINDINGS_FILE` has no such binding.
    package func binding(_ name: String) throws(HTTPClientError) -> ServiceBinding? {
        guard let entry = configuration.bindings[name] else { return nil }
        return ServiceBinding(
            entry, caller: configuration.deployedName,
            signature: configuration.bindingSecret.map { BindingSignature(secret: $0.revealed) },
            client: try httpClient())
    }

    /// The HTTP client of the process, made when it is first asked for.
    package func httpClient() throws(HTTPClientError) -> any HTTPClient {
        if let client = state.withLock({ $0.client }) { return client }
        let made = try CurlClient()
        return state.withLock { state in
            if state.client == nil { state.client = made }
            return state.client ?? made
        }
    }

    /// A thread for tasks that compute little and wait for the HTTP client, made when it is first asked for.
    package func workLoop() throws(HTTPServerError) -> any TaskExecutor {
        if let loop = state.withLock({ $0.workLoop }) { return loop }
        let made = try WorkLoop()
        return state.withLock { state in
            if state.workLoop == nil { state.workLoop = made }
            return state.workLoop ?? made
        }
    }

    // MARK: - Running

    /// Serves `router` until the shutdown is asked for, then stops in order.
    ///
    /// - Parameter onStart: gets the TCP ports, when the worker is ready.
    /// - Returns: whether everything ended within the grace period.
    package func run(_ router: Router, onStart: @Sendable ([Int]) -> Void = { _ in }) async throws -> Bool {
        var router = router
        router.addBuiltInRoutes(health: health, metrics: metrics)
        let pipeline = RequestPipeline(
            configuration: configuration, router: router, logger: logger, metrics: metrics, keys: keys)
        watchKeys()
        let listening = serverConfiguration
        let proxies = configuration.trustedProxies
        let server = HTTPServer(
            listening, refusal: { pipeline.refuse($0) }, isShort: { pipeline.isShort($0) },
            needsBody: { pipeline.needsBody($0) },
            isUnlimited: { proxies.believes(HTTPRequest(method: .get, target: "/", peer: $0)) }
        ) { request in await pipeline.respond(to: request) }
        if pipeline.access.isOpen {
            logger.warn("no API key is set: everybody who can reach this worker may use it (development only)")
        }
        registerServerMetrics(server)
        try server.start()
        state.withLock { $0.ports = server.ports }
        let tasks = startBackground()
        let grace = configuration.shutdownGraceMilliseconds
        shutdown.onShutdown("background work") {
            for (_, task) in tasks { task.cancel() }
            for (_, task) in tasks { await task.value }
        }
        shutdown.onShutdown("HTTP server") { [health] in
            health.isReady = false
            // A part of the grace is kept for what comes after.
            await server.stop(graceMilliseconds: grace * 3 / 5)
        }
        health.isReady = true
        logger.info(
            "started",
            [
                "version": Release.version, "environment": environment.rawValue, "pid": Int(getpid()),
                "listening": listening.endpoints.map(\.description).joined(separator: ", "),
                "ports": server.ports.map(String.init).joined(separator: ","),
            ])
        onStart(server.ports)
        await shutdown.waitForRequest()
        logger.info("stopping")
        let isDone = await shutdown.run(graceMilliseconds: grace, logger: logger)
        logger.info("stopped", ["in_time": isDone])
        return isDone
    }

    private var serverConfiguration: HTTPServerConfiguration {
        var endpoints: [HTTPServerConfiguration.Endpoint] = [
            .tcp(address: configuration.bindAddress, port: configuration.port)
        ]
        let service = configuration.deployedName
        if let path = configuration.bindings.socketPath(service: service, binding: configuration.identity.binding) {
            endpoints.append(.unix(path: path, mode: configuration.socketMode))
        }
        var limits = configuration.limits
        let most = DescriptorLimit.connections(wanted: limits.connectionsMax)
        if most < limits.connectionsMax {
            logger.warn(
                "fewer connections than MAX_CONNECTIONS: the system's limit on open files is too low (ulimit -Hn)",
                ["max_connections": limits.connectionsMax, "possible": most])
            limits.connectionsMax = most
        }
        return HTTPServerConfiguration(endpoints: endpoints, tls: configuration.tls, limits: limits)
    }

    private func registerServerMetrics(_ server: HTTPServer) {
        func counter(_ name: String, _ help: String, _ value: @escaping @Sendable (HTTPServerStatistics) -> Int) {
            metrics.computedCounter(name, help) { Double(value(server.statistics)) }
        }
        metrics.computedGauge("http_connections", "Open connections.") { Double(server.statistics.connections) }
        metrics.computedGauge("http_requests_in_flight", "Requests being received or answered.") {
            Double(server.statistics.requests)
        }
        metrics.computedGauge("http_body_bytes", "Request bodies received and not answered.") {
            Double(server.statistics.bodyBytes)
        }
        counter("http_connections_accepted_total", "Connections accepted.") { $0.accepted }
        counter("http_connections_turned_away_total", "Connections refused: too many, of all or of one address.") {
            $0.turnedAway
        }
        counter("http_connections_evicted_total", "Resting connections closed to make room for new ones.") {
            $0.evicted
        }
        counter("http_timeouts_total", "Requests and responses that took too long.") { $0.timedOut }
    }

    private func startBackground() -> [(name: String, task: Task<Void, Never>)] {
        let work = state.withLock { $0.background }
        return work.map { entry in
            let body = entry.body
            return (name: entry.name, task: Task.detached { await body() })
        }
    }
}
