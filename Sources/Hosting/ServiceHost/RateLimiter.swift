import Clocks
import HTTP
import Synchronization

/// Lets each caller have so many requests in a window of time.
package final class RateLimiter: Sendable {
    /// Callers kept apart; more share one allowance, so that made-up callers cannot take the memory.
    package static let callersMax = 100_000

    private struct Window {
        var end: UInt64
        var count: Int
    }

    private let windows = Mutex<[String: Window]>([:])
    private let requestsMax: Int
    private let windowNanoseconds: UInt64
    private let clock: any MonotonicClock

    /// Nil when `requestsMax` is 0: no limit.
    package init?(requestsMax: Int, windowMilliseconds: Int, clock: any MonotonicClock = SystemClock()) {
        guard requestsMax > 0 else { return nil }
        self.requestsMax = requestsMax
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

    package func decide(_ caller: String) -> Decision {
        let now = clock.nanoseconds()
        let window = windows.withLock { windows in
            let key = Self.room(for: caller, in: &windows, now: now) ? caller : ""
            var window = windows[key] ?? Window(end: 0, count: 0)
            if window.end <= now { window = Window(end: now + windowNanoseconds, count: 0) }
            window.count += 1
            windows[key] = window
            return window
        }
        let reset = Int((window.end - now + 999_999_999) / 1_000_000_000)
        return Decision(
            isAllowed: window.count <= requestsMax, limit: requestsMax, remaining: max(0, requestsMax - window.count),
            resetSeconds: reset)
    }

    private static func room(for caller: String, in windows: inout [String: Window], now: UInt64) -> Bool {
        if windows[caller] != nil || windows.count < callersMax { return true }
        windows = windows.filter { $0.value.end > now }
        return windows.count < callersMax
    }
}

/// Whose request it is, behind proxies (`TRUSTED_PROXIES`).
package struct ClientAddress: Sendable {
    private let trusted: Set<String>
    private let trustsAll: Bool

    package init(trustedProxies: [String]) {
        trusted = Set(trustedProxies)
        trustsAll = trustedProxies.contains("*")
    }

    /// The peer's address; when the peer is trusted, the last address in `X-Forwarded-For` that is not a trusted proxy's.
    package func resolve(_ request: HTTPRequest) -> String {
        let peer: String
        switch request.peer {
        case .address(let address): peer = address
        case .unixSocket: peer = "unix"
        case .unknown: peer = "unknown"
        }
        guard trustsAll || trusted.contains(peer) else { return peer }
        let hops = request.headers.values("X-Forwarded-For").joined(separator: ",").split(separator: ",")
            .map { $0.filter { $0 != " " } }
        guard hops.count <= 50 else { return peer }
        if trustsAll { return hops.first.map { String($0.prefix(64)) } ?? peer }
        return hops.last { !trusted.contains($0) }.map { String($0.prefix(64)) } ?? peer
    }
}
