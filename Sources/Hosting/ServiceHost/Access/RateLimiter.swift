import Clocks
import HTTP
import Synchronization

/// Counts what each caller does in a window of time.
package final class RateLimiter: Sendable {
    /// Callers kept apart; more share one allowance, so that made-up callers cannot take the memory.
    package static let callersMax = 100_000

    private struct Window {
        var end: UInt64
        var count: Int
    }

    private let windows = Mutex<[String: Window]>([:])
    private let windowNanoseconds: UInt64
    private let clock: any MonotonicClock

    package init(windowMilliseconds: Int, clock: any MonotonicClock = SystemClock()) {
        windowNanoseconds = UInt64(max(1, windowMilliseconds)) * 1_000_000
        self.clock = clock
    }

    package struct Decision: Sendable {
        package let isAllowed: Bool
        package let limit: Int
        package let remaining: Int
        package let resetSeconds: Int

        package var headers: HTTPHeaders {
            [
                "RateLimit-Limit": String(limit), "RateLimit-Remaining": String(remaining),
                "RateLimit-Reset": String(resetSeconds),
            ]
        }
    }

    /// Counts one more for `caller`, who may have `max` in a window.
    package func decide(_ caller: String, max: Int) -> Decision {
        decision(advance(caller, by: 1), max: max, isAllowed: { $0 <= max })
    }

    /// Whether `caller` has any of `max` left, without counting.
    package func look(_ caller: String, max: Int) -> Decision {
        decision(advance(caller, by: 0), max: max, isAllowed: { $0 < max })
    }

    /// Counts `cost` for `caller`.
    package func charge(_ caller: String, _ cost: Int) { _ = advance(caller, by: cost) }

    private func advance(_ caller: String, by cost: Int) -> (count: Int, resetNanoseconds: UInt64) {
        let now = clock.nanoseconds()
        return windows.withLock { windows in
            let key = Self.room(for: caller, in: &windows, now: now) ? caller : ""
            var window = windows[key] ?? Window(end: 0, count: 0)
            if window.end <= now { window = Window(end: now + windowNanoseconds, count: 0) }
            window.count = window.count.addingReportingOverflow(cost).partialValue
            windows[key] = window
            return (window.count, window.end - now)
        }
    }

    private func decision(
        _ window: (count: Int, resetNanoseconds: UInt64), max limit: Int, isAllowed: (Int) -> Bool
    ) -> Decision {
        Decision(
            isAllowed: isAllowed(window.count), limit: limit, remaining: max(0, limit - window.count),
            resetSeconds: Int((window.resetNanoseconds + 999_999_999) / 1_000_000_000))
    }

    private static func room(for caller: String, in windows: inout [String: Window], now: UInt64) -> Bool {
        if windows[caller] != nil || windows.count < callersMax { return true }
        windows = windows.filter { $0.value.end > now }
        return windows.count < callersMax
    }
}

/// What a key may still send. A request that begins within it is taken whole, so it may be overdrawn by one request.
struct EventAllowance: Sendable {
    let limiter: RateLimiter
    let caller: String

    func charge(_ events: Int) { limiter.charge(caller, events) }
}
