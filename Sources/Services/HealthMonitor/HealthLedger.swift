import Clocks
import JSONFormat
import ServiceHost

/// What one look at a component showed.
package struct Observation: Hashable, Sendable {
    package var status: HealthStatus
    package var latencyMilliseconds: Double
    /// Why it is not healthy.
    package var error: String?
    /// What the component says of its own parts.
    package var checks: JSONObject

    package init(
        _ status: HealthStatus, latencyMilliseconds: Double, error: String? = nil, checks: JSONObject = JSONObject()
    ) {
        self.status = status
        self.latencyMilliseconds = latencyMilliseconds
        self.error = error
        self.checks = checks
    }
}

/// A component is no longer as it was.
package struct HealthChange: Hashable, Sendable {
    package let component: Component
    package let from: HealthStatus?
    package let to: HealthStatus
    package let at: Timestamp
    package let error: String?
}

/// Time that was watched on one day, and how much of it the component was there.
package struct DayRecord: Hashable, Sendable {
    package let day: Int64
    package var observedMilliseconds: Int64 = 0
    package var availableMilliseconds: Int64 = 0
}

/// What is known of one component.
package struct ComponentRecord: Hashable, Sendable {
    /// Changes and days that are remembered.
    package static let changesMax = 200
    package static let daysMax = 90

    package let component: Component
    package internal(set) var latest: Observation?
    /// When the status became what it is.
    package internal(set) var since: Timestamp?
    package internal(set) var checkedAt: Timestamp?
    package internal(set) var lastError: String?
    package internal(set) var lastErrorAt: Timestamp?
    package internal(set) var consecutiveFailures = 0
    package internal(set) var changes: [HealthChange] = []
    package internal(set) var days: [DayRecord] = []

    init(_ component: Component) { self.component = component }

    /// A component that was never seen is not vouched for.
    package var status: HealthStatus { latest?.status ?? .unhealthy }

    /// Available and observed time of the last `count` days; degraded counts as available.
    package func availability(days count: Int, until now: Timestamp) -> (available: Int64, observed: Int64) {
        days.filter { $0.day > now.days - Int64(count) }.reduce(into: (available: 0, observed: 0)) {
            $0.available += $1.availableMilliseconds
            $0.observed += $1.observedMilliseconds
        }
    }
}

/// The record of every component. Pure: what is observed goes in, what has changed comes out.
package struct HealthLedger: Sendable {
    /// The availability promised.
    package static let objective = 0.999

    package internal(set) var records: [Component: ComponentRecord] = [:]
    /// A gap between two looks that is longer was the monitor's, not the component's, and counts neither way.
    private let gapMillisecondsMax: Int64

    package init(intervalMilliseconds: Int) {
        gapMillisecondsMax = Int64(max(intervalMilliseconds * 3, 30_000))
        for component in Component.allCases { records[component] = ComponentRecord(component) }
    }

    package func record(of component: Component) -> ComponentRecord {
        records[component] ?? ComponentRecord(component)
    }

    /// The worst status of all.
    package var status: HealthStatus { Component.allCases.map { record(of: $0).status }.max() ?? .healthy }

    /// Takes one observation.
    ///
    /// - Returns: the change, if the status is not what it was.
    package mutating func observe(
        _ component: Component, _ observation: Observation, at now: Timestamp
    ) -> HealthChange? {
        var record = record(of: component)
        defer { records[component] = record }
        let before = record.latest?.status
        count(&record, until: now)
        record.latest = observation
        record.checkedAt = now
        record.consecutiveFailures = observation.status == .unhealthy ? record.consecutiveFailures + 1 : 0
        if let error = observation.error {
            record.lastError = error
            record.lastErrorAt = now
        }
        guard before != observation.status else { return nil }
        record.since = now
        let change = HealthChange(
            component: component, from: before, to: observation.status, at: now, error: observation.error)
        record.changes.append(change)
        if record.changes.count > ComponentRecord.changesMax { record.changes.removeFirst() }
        return change
    }

    /// Adds the time since the last look, with the status it had then.
    private func count(_ record: inout ComponentRecord, until now: Timestamp) {
        guard let last = record.checkedAt, let status = record.latest?.status else { return }
        let elapsed = (now.microseconds - last.microseconds) / 1000
        guard elapsed > 0, elapsed <= gapMillisecondsMax else { return }
        if record.days.last?.day != now.days { record.days.append(DayRecord(day: now.days)) }
        if record.days.count > ComponentRecord.daysMax { record.days.removeFirst() }
        let index = record.days.count - 1
        record.days[index].observedMilliseconds += elapsed
        if status != .unhealthy { record.days[index].availableMilliseconds += elapsed }
    }
}
