import Telemetry

/// What the collector counts of schemas.
struct SchemaMetrics: Sendable {
    private let refreshes: Counter
    private let failures: Counter
    private let evolutions: Counter
    private let refusals: Counter

    init(_ metrics: MetricsRegistry) {
        refreshes = metrics.counter(
            "collector_schema_refreshes_total", "Times the schema registry was asked and answered.")
        failures = metrics.counter(
            "collector_schema_registry_errors_total", "Times the schema registry did not answer.")
        evolutions = metrics.counter("collector_schema_evolutions_total", "Versions that events have brought about.")
        refusals = metrics.counter(
            "collector_schema_evolutions_refused_total", "Wider schemas that the registry did not take.")
    }

    func refreshed() { refreshes.increment() }
    func failed() { failures.increment() }
    func evolved() { evolutions.increment() }
    func refused() { refusals.increment() }
}
