import ServiceHost
import Telemetry

/// The HTTP face of the collector: the only place that knows its paths, headers and status codes. Each group of routes is
/// an extension in a file of its own, added here with one line.
package struct CollectorRoutes: Sendable {
    let service: CollectorService
    let accepted: Counter
    let duplicates: Counter
    let rejected: MetricFamily<Counter>

    package init(_ service: CollectorService, metrics: MetricsRegistry) {
        self.service = service
        accepted = metrics.counter("collector_events_accepted_total", "Events written to the log.")
        duplicates = metrics.counter("collector_events_duplicate_total", "Events that had been stored before.")
        rejected = metrics.counter("collector_events_rejected_total", "Events refused.", labels: ["reason"])
    }

    package var router: Router {
        var router = Router()
        addEvents(to: &router)
        addDebug(to: &router)
        addAdministration(to: &router)
        router.errorMapper = Self.serviceError
        return router
    }
}
