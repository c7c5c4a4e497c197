import Bytes
import Clocks
import Files
import JSONFormat
import ServiceHost
import Synchronization
import Telemetry

/// Looks at every component again and again, remembers, and tells of changes.
package final class HealthMonitorService: Sendable {
    private let probes: [Component: any HealthProbe]
    private let ledger: Mutex<HealthLedger>
    private let stateFile: String?
    private let notifier: WebhookNotifier?
    private let logger: Logger
    private let clock: any WallClock
    private let up: MetricFamily<Gauge>
    private let latency: MetricFamily<Gauge>
    private let availability: MetricFamily<Gauge>
    private let changes: MetricFamily<Counter>

    package init(
        probes: [Component: any HealthProbe], intervalMilliseconds: Int, stateFile: String? = nil,
        notifier: WebhookNotifier? = nil, logger: Logger, metrics: MetricsRegistry, clock: any WallClock = SystemClock()
    ) {
        self.probes = probes
        ledger = Mutex(HealthLedger(intervalMilliseconds: intervalMilliseconds))
        self.stateFile = stateFile
        self.notifier = notifier
        self.logger = logger
        self.clock = clock
        up = metrics.gauge(
            "analytics_component_up", "1 healthy, 0.5 degraded, 0 unhealthy.", labels: ["component"])
        latency = metrics.gauge(
            "analytics_component_latency_seconds", "Of the last look.", labels: ["component"])
        availability = metrics.gauge(
            "analytics_component_availability_30d", "Part of the last 30 days it was available.", labels: ["component"])
        changes = metrics.counter(
            "analytics_component_changes_total", "Changes of status.", labels: ["component", "to"])
    }

    /// Takes up what the state file holds; one that is damaged is said and forgotten.
    package func restore() async {
        guard let stateFile else { return }
        do {
            let bytes = try await BlockingPool.shared.run { () throws(FileError) in
                try FileSystem.read(stateFile, bytesMax: 16 << 20)
            }
            let state = try JSONValue.parse(bytes)
            try ledger.withLock { try $0.restore(state) }
        } catch let error as FileError where error.isNotFound {
            logger.info("no history yet", ["file": stateFile])
        } catch {
            logger.warn("the history cannot be read and begins anew", ["file": stateFile, "error": "\(error)"])
        }
    }

    /// One look at every component, all at once.
    package func look() async {
        await withTaskGroup(of: (Component, Observation).self) { group in
            for (component, probe) in probes {
                group.addTask { (component, await probe.observe()) }
            }
            // Each is taken as it comes: a slow one does not hold up the news of the others.
            for await (component, observation) in group { take(component, observation) }
        }
        await save()
    }

    private func take(_ component: Component, _ observation: Observation) {
        let now = clock.now()
        let (change, overall, uptime) = ledger.withLock { ledger in
            let change = ledger.observe(component, observation, at: now)
            let uptime = ledger.record(of: component).availability(days: 30, until: now)
            return (change, ledger.status, uptime)
        }
        let value = observation.status == .healthy ? 1 : observation.status == .degraded ? 0.5 : 0
        up.with(component.rawValue).set(value)
        latency.with(component.rawValue).set(observation.latencyMilliseconds / 1000)
        if uptime.observed > 0 {
            availability.with(component.rawValue).set(Double(uptime.available) / Double(uptime.observed))
        }
        guard let change else { return }
        changes.with(component.rawValue, change.to.rawValue).increment()
        logger.log(
            change.to == .healthy ? .info : .warn, "component changed",
            [
                "component": component.rawValue, "from": change.from?.rawValue, "to": change.to.rawValue,
                "error": change.error, "overall": overall.rawValue,
            ])
        notifier?.notify(change, overall: overall)
    }

    private func save() async {
        guard let stateFile else { return }
        let bytes = ledger.withLock { $0.state }.serialized()
        do {
            // Atomic: after a crash the file is the old one or the new one.
            try await BlockingPool.shared.run { () throws(FileError) in
                try FileSystem.writeAtomically(stateFile, bytes)
            }
        } catch {
            logger.warn("the history cannot be saved", ["file": stateFile, "error": "\(error)"])
        }
    }

    package var snapshot: HealthLedger { ledger.withLock { $0 } }
}
