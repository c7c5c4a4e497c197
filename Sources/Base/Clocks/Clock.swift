import Glibc

/// Where the time of day comes from: the system, or a test.
public protocol WallClock: Sendable {
    func now() -> Timestamp
}

/// Where durations and deadlines come from. Never goes backwards.
public protocol MonotonicClock: Sendable {
    /// Nanoseconds since an arbitrary fixed moment.
    func nanoseconds() -> UInt64
    /// Suspends for `milliseconds`; returns early, throwing `CancellationError`, when the task is cancelled.
    func sleep(milliseconds: Int) async throws
}

/// The clocks of the machine.
public struct SystemClock: WallClock, MonotonicClock {
    public init() {}

    public func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    public func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    public func sleep(milliseconds: Int) async throws {
        try await Task.sleep(nanoseconds: UInt64(max(0, milliseconds)) * 1_000_000)
    }
}
