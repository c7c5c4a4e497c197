import Clocks
import Synchronization
import Telemetry

/// What is to be done, in which order, when the process is asked to stop.
///
/// Steps run one after another, the last registered first, as the parts were built: what was started last depends on
/// what was started before. All of them together have the grace period; a step that is late is left behind, and logged.
public final class ShutdownSequence: Sendable {
    private struct Step {
        let name: String
        let action: @Sendable () async -> Void
    }

    private struct State {
        var steps: [Step] = []
        var isRequested = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// Adds a step, to be run before those that are there.
    public func onShutdown(_ name: String, _ action: @escaping @Sendable () async -> Void) {
        state.withLock { $0.steps.append(Step(name: name, action: action)) }
    }

    public var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Asks for the shutdown. Safe from any thread; further calls change nothing.
    ///
    /// - Returns: whether this was the first call.
    @discardableResult
    public func request() -> Bool {
        let (isFirst, waiters) = state.withLock { state in
            defer {
                state.isRequested = true
                state.waiters = []
            }
            return (!state.isRequested, state.waiters)
        }
        for waiter in waiters { waiter.resume() }
        return isFirst
    }

    /// Returns when the shutdown has been asked for.
    public func waitForRequest() async {
        await withCheckedContinuation { continuation in
            let isRequested = state.withLock { state in
                if !state.isRequested { state.waiters.append(continuation) }
                return state.isRequested
            }
            if isRequested { continuation.resume() }
        }
    }

    /// Runs the steps.
    ///
    /// - Returns: whether all of them ended within `graceMilliseconds`.
    public func run(
        graceMilliseconds: Int, logger: Logger, clock: any MonotonicClock = SystemClock()
    ) async -> Bool {
        let steps = state.withLock { Array($0.steps.reversed()) }
        let start = clock.nanoseconds()
        for (index, step) in steps.enumerated() {
            let left = graceMilliseconds - Int((clock.nanoseconds() &- start) / 1_000_000)
            logger.debug("stopping", ["part": step.name])
            if await Self.run(step, milliseconds: Swift.max(0, left), clock: clock) { continue }
            logger.error(
                "the grace period is over",
                ["part": step.name, "parts_not_stopped": steps[index...].map(\.name).joined(separator: ", ")])
            return false
        }
        return true
    }

    private static func run(_ step: Step, milliseconds: Int, clock: any MonotonicClock) async -> Bool {
        await withAbandonment(milliseconds: milliseconds, clock: clock) {
            await step.action()
            return true
        } ?? false
    }
}
