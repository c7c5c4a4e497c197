import Clocks
import Telemetry

/// Work done again and again: one run at a time, the next starts one interval after the last has started, or at once
/// if that has passed. A run that throws is logged, and the next takes place as usual.
public struct PeriodicLoop: Sendable {
    public let name: String
    public let intervalMilliseconds: Int
    private let clock: any MonotonicClock
    private let logger: Logger
    private let body: @Sendable () async throws -> Void

    public init(
        _ name: String, everyMilliseconds interval: Int, logger: Logger, clock: any MonotonicClock = SystemClock(),
        _ body: @escaping @Sendable () async throws -> Void
    ) {
        self.name = name
        self.intervalMilliseconds = Swift.max(1, interval)
        self.logger = logger
        self.clock = clock
        self.body = body
    }

    /// Runs until the task is cancelled; a run under way then ends by itself (or by noticing the cancellation).
    public func run() async {
        while !Task.isCancelled {
            let start = clock.nanoseconds()
            do {
                try await body()
            } catch is CancellationError {
                return
            } catch {
                logger.error("\(name) failed", ["error": "\(error)"])
            }
            let elapsed = Int((clock.nanoseconds() &- start) / 1_000_000)
            do {
                try await clock.sleep(milliseconds: Swift.max(0, intervalMilliseconds - elapsed))
            } catch {
                return
            }
        }
    }
}
