import HTTP
import JSONFormat
import Telemetry

extension Router {
    /// Adds `/health`, `/health/live`, `/health/ready` and `/metrics`, each unless the worker has its own.
    mutating func addBuiltInRoutes(health: HealthRegistry, metrics: MetricsRegistry) {
        addUnlessThere("/health") { _ in
            let report = await health.report()
            return .json(health.json(report), status: report.status == .unhealthy ? 503 : 200)
        }
        addUnlessThere("/health/live") { _ in .json(["status": "alive"]) }
        addUnlessThere("/health/ready") { _ in
            guard health.isReady else { return .json(["status": "not ready"], status: 503) }
            let report = await health.report()
            let isReady = report.status != .unhealthy
            return .json(
                ["status": isReady ? "ready" : "not ready", "checks": health.json(report)["checks"] ?? [:]],
                status: isReady ? 200 : 503)
        }
        addUnlessThere("/metrics") { context in
            if context.request.headers["Accept"]?.contains("application/json") == true { return .json(metrics.json()) }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": MetricsRegistry.prometheusContentType],
                body: metrics.prometheusText())
        }
    }

    private mutating func addUnlessThere(_ template: String, _ handler: @escaping Handler) {
        guard !has(.get, template) else { return }
        on(.get, template, access: .open, isRateLimited: false, isQuiet: true, handler)
    }
}
