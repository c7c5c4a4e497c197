import Synchronization

/// Every metric of a process; asked for the same name again, gives the same metric.
///
///     let accepted = metrics.counter("events_accepted_total", "Events written to the log.")
///     let rejected = metrics.counter("events_rejected_total", "Events refused.", labels: ["reason"])
///     accepted.increment(by: 100)
///     rejected.with("too_large").increment()
public final class MetricsRegistry: Sendable {
    enum Body: Sendable {
        case counters(MetricFamily<Counter>)
        case gauges(MetricFamily<Gauge>)
        case histograms(MetricFamily<Histogram>)
        case computed(type: String, labels: [String], read: @Sendable () -> [(values: [String], value: Double)])
    }

    struct Metric: Sendable {
        let name: String
        let help: String
        let body: Body
    }

    private let metrics = Mutex<[String: Metric]>([:])

    public init() {}

    public func counter(_ name: String, _ help: String, labels: [String]) -> MetricFamily<Counter> {
        let metric = register(name, help) { .counters(MetricFamily(labelNames: labels) { Counter() }) }
        guard case .counters(let family) = metric.body, family.labelNames == labels else { clash(name) }
        return family
    }

    public func counter(_ name: String, _ help: String) -> Counter { counter(name, help, labels: []).with() }

    public func gauge(_ name: String, _ help: String, labels: [String]) -> MetricFamily<Gauge> {
        let metric = register(name, help) { .gauges(MetricFamily(labelNames: labels) { Gauge() }) }
        guard case .gauges(let family) = metric.body, family.labelNames == labels else { clash(name) }
        return family
    }

    public func gauge(_ name: String, _ help: String) -> Gauge { gauge(name, help, labels: []).with() }

    public func histogram(
        _ name: String, _ help: String, bounds: [Double] = Histogram.latencyBounds, labels: [String]
    ) -> MetricFamily<Histogram> {
        let metric = register(name, help) {
            .histograms(MetricFamily(labelNames: labels) { Histogram(bounds: bounds) })
        }
        guard case .histograms(let family) = metric.body, family.labelNames == labels else { clash(name) }
        return family
    }

    public func histogram(_ name: String, _ help: String, bounds: [Double] = Histogram.latencyBounds) -> Histogram {
        histogram(name, help, bounds: bounds, labels: []).with()
    }

    /// A gauge that is read when metrics are asked for. A second registration replaces the first.
    public func computedGauge(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double) {
        computedGauge(name, help, labels: []) { [(values: [], value: read())] }
    }

    /// As the gauge without labels, with a value for each combination of label values: in the order of `labels`, and as many.
    public func computedGauge(
        _ name: String, _ help: String, labels: [String],
        _ read: @escaping @Sendable () -> [(values: [String], value: Double)]
    ) {
        set(Metric(name: name, help: help, body: .computed(type: "gauge", labels: labels, read: read)))
    }

    /// A counter kept elsewhere, read when metrics are asked for.
    public func computedCounter(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double) {
        let body = Body.computed(type: "counter", labels: []) { [(values: [], value: read())] }
        set(Metric(name: name, help: help, body: body))
    }

    var all: [Metric] { metrics.withLock { Array($0.values) }.sorted { $0.name < $1.name } }

    private func set(_ metric: Metric) {
        precondition(Self.isName(metric.name), "\(metric.name) is no metric name")
        metrics.withLock { $0[metric.name] = metric }
    }

    private func register(_ name: String, _ help: String, _ body: () -> Body) -> Metric {
        precondition(Self.isName(name), "\(name) is no metric name")
        return metrics.withLock { metrics in
            if let found = metrics[name] { return found }
            let metric = Metric(name: name, help: help, body: body())
            metrics[name] = metric
            return metric
        }
    }

    private func clash(_ name: String) -> Never {
        preconditionFailure("the metric \(name) was registered before with another type or other labels")
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x3A: true
            default: false
            }
        }
    }
}
