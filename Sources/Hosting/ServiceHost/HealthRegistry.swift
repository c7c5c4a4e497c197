import Clocks
import JSONFormat
import Lifecycle
import Synchronization

/// How well something is.
package enum HealthStatus: String, CaseIterable, Comparable, Sendable {
    case healthy, degraded, unhealthy

    private var rank: Int {
        switch self {
        case .healthy: 0
        case .degraded: 1
        case .unhealthy: 2
        }
    }

    package static func < (left: HealthStatus, right: HealthStatus) -> Bool { left.rank < right.rank }
}

/// The outcome of one check.
package struct HealthCheck: Hashable, Sendable {
    package var status: HealthStatus
    package var message: String?
    package var details: JSONObject

    package init(_ status: HealthStatus, _ message: String? = nil, details: JSONObject = JSONObject()) {
        self.status = status
        self.message = message
        self.details = details
    }

    package static let healthy = HealthCheck(.healthy)
    package static func degraded(_ message: String) -> HealthCheck { HealthCheck(.degraded, message) }
    package static func unhealthy(_ message: String) -> HealthCheck { HealthCheck(.unhealthy, message) }
}

/// The checks behind `/health` and `/health/ready`.
///
///     worker.health.register("log") { await log.isWritable ? .healthy : .unhealthy("the log cannot be written") }
package final class HealthRegistry: Sendable {
    package typealias Check = @Sendable () async throws -> HealthCheck

    package struct Report: Sendable {
        package let status: HealthStatus
        package let checks: [(name: String, check: HealthCheck, milliseconds: Double)]
    }

    private struct State {
        var checks: [(name: String, timeoutMilliseconds: Int, check: Check)] = []
        var last: (time: UInt64, report: Report)?
        var isReady = false
    }

    private let state = Mutex(State())
    private let clock: any MonotonicClock
    private let startNanoseconds: UInt64
    /// Checks may be dear; more frequent questions get the last answer.
    private let cacheMilliseconds: UInt64

    package init(clock: any MonotonicClock = SystemClock(), cacheMilliseconds: Int = 500) {
        self.clock = clock
        self.cacheMilliseconds = UInt64(max(0, cacheMilliseconds))
        startNanoseconds = clock.nanoseconds()
    }

    /// Adds a check; one of the same name is replaced. One that throws, or takes longer than its timeout, is unhealthy.
    package func register(_ name: String, timeoutMilliseconds: Int = 2000, _ check: @escaping Check) {
        state.withLock { state in
            state.checks.removeAll { $0.name == name }
            state.checks.append((name: name, timeoutMilliseconds: timeoutMilliseconds, check: check))
            state.last = nil
        }
    }

    /// Whether the worker takes requests: from the end of its start to the beginning of its stop.
    package var isReady: Bool {
        get { state.withLock { $0.isReady } }
        set { state.withLock { $0.isReady = newValue } }
    }

    package var uptimeSeconds: Double { Double(clock.nanoseconds() &- startNanoseconds) / 1e9 }

    /// Runs the checks, all at once.
    package func report() async -> Report {
        let now = clock.nanoseconds()
        let (checks, last) = state.withLock { ($0.checks, $0.last) }
        if let last, now &- last.time < cacheMilliseconds * 1_000_000 { return last.report }
        let results = await withTaskGroup(of: (Int, HealthCheck, Double).self) { group in
            for (index, entry) in checks.enumerated() {
                group.addTask { [clock] in
                    let start = clock.nanoseconds()
                    let check = await Self.run(entry.check, entry.timeoutMilliseconds)
                    return (index, check, Double(clock.nanoseconds() &- start) / 1e6)
                }
            }
            return await group.reduce(into: [(Int, HealthCheck, Double)]()) { $0.append($1) }
        }
        let sorted = results.sorted { $0.0 < $1.0 }
        let report = Report(
            status: sorted.map(\.1.status).max() ?? .healthy,
            checks: sorted.map { (name: checks[$0.0].name, check: $0.1, milliseconds: $0.2) })
        state.withLock { $0.last = (time: now, report: report) }
        return report
    }

    private static func run(_ check: @escaping Check, _ timeoutMilliseconds: Int) async -> HealthCheck {
        let outcome = await withAbandonment(milliseconds: timeoutMilliseconds) {
            do {
                return try await check()
            } catch {
                return .unhealthy("\(error)")
            }
        }
        return outcome ?? .unhealthy("no answer within \(timeoutMilliseconds) ms")
    }

    /// The body of `/health`.
    package func json(_ report: Report) -> JSONValue {
        var checks = JSONObject()
        for entry in report.checks {
            var check = JSONObject([.init(key: "status", value: .string(entry.check.status.rawValue))])
            if let message = entry.check.message { check["message"] = .string(message) }
            check["latency_ms"] = .double((entry.milliseconds * 1000).rounded() / 1000)
            for member in entry.check.details.members { check[member.key] = member.value }
            checks[entry.name] = .object(check)
        }
        return [
            "status": .string(report.status.rawValue), "checks": .object(checks), "version": .string(Release.version),
            "uptime_seconds": .double((uptimeSeconds * 1000).rounded() / 1000),
        ]
    }
}
