import Clocks
import Files
import Synchronization

/// A world of one thread: which runnable job comes next is drawn from a seed, and time passes only when nothing is left
/// to run.
///
/// Covers whatever stays on the executor of its task: actors, task groups, `async let`, continuations, streams.
/// `Task {}`, `Task.detached` and `Task.sleep` would escape it.
package final class SimulatedExecutor: TaskExecutor {
    private struct Timer {
        let at: Int64
        let order: Int
        let wake: CheckedContinuation<Void, Never>
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var timers: [Timer] = []
        var random: SplitMix
        var now: Int64 = 0
        var passed: Int64 = 0
        var order = 0
        var steps = 0
    }

    private let state: Mutex<State>

    package init(seed: UInt64) { state = Mutex(State(random: SplitMix(state: seed))) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
    }

    /// Microseconds since the world began.
    package var now: Int64 { state.withLock { $0.now } }
    /// Microseconds of the calendar in which nothing happened: everybody was stalled, and whatever is under way goes on.
    package var passed: Int64 { state.withLock { $0.passed } }
    package func pass(microseconds: Int64) { state.withLock { $0.passed += microseconds } }
    /// Jobs run so far.
    package var steps: Int { state.withLock { $0.steps } }
    /// A digest of every decision so far.
    package var digest: UInt64 { state.withLock { $0.random.state &+ UInt64(bitPattern: $0.now) } }

    package func sleep(microseconds: Int64) async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.order += 1
                state.timers.append(
                    Timer(at: state.now + max(0, microseconds), order: state.order, wake: continuation))
            }
        }
    }

    @discardableResult
    package func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        BlockingPool.$runsInPlace.withValue(true) { Task(executorPreference: self) { await body() } }
    }

    /// Runs until `isDone` says so, until nothing is left to do, or until `deadline` (in microseconds) or `stepsMax` more
    /// jobs have passed.
    ///
    /// - Returns: whether it ended by itself.
    package func run(until deadline: Int64, stepsMax: Int, isDone: () -> Bool = { false }) -> Bool {
        let last = steps + stepsMax
        while !isDone() {
            guard steps < last else { return false }
            if let job = nextJob() {
                job.runSynchronously(on: asUnownedTaskExecutor())
                continue
            }
            guard let wake = nextTimer(deadline) else { return isIdle }
            wake.resume()
        }
        return true
    }

    private var isIdle: Bool { state.withLock { $0.jobs.isEmpty && $0.timers.isEmpty } }

    private func nextJob() -> UnownedJob? {
        state.withLock { state in
            guard !state.jobs.isEmpty else { return nil }
            state.steps += 1
            let index = state.jobs.count == 1 ? 0 : state.random.next(below: state.jobs.count)
            return state.jobs.remove(at: index)
        }
    }

    private func nextTimer(_ deadline: Int64) -> CheckedContinuation<Void, Never>? {
        state.withLock { state in
            var first: Int?
            for index in state.timers.indices {
                guard let known = first else {
                    first = index
                    continue
                }
                if (state.timers[index].at, state.timers[index].order)
                    < (state.timers[known].at, state.timers[known].order)
                {
                    first = index
                }
            }
            guard let first, state.timers[first].at <= deadline else { return nil }
            let timer = state.timers.remove(at: first)
            state.now = max(state.now, timer.at)
            return timer.wake
        }
    }
}

/// The time of a simulated world, as one host's clock shows it.
package struct SimulatedClock: WallClock, MonotonicClock {
    /// When every world begins: 2024-01-15T14:30:00Z.
    package static let beginning: Int64 = 1_705_329_000_000_000

    package let executor: SimulatedExecutor
    /// By how much the host's time of day is wrong.
    package var skewMicroseconds: Int64 = 0

    package init(_ executor: SimulatedExecutor, skewMicroseconds: Int64 = 0) {
        self.executor = executor
        self.skewMicroseconds = skewMicroseconds
    }

    package func now() -> Timestamp {
        Timestamp(microseconds: Self.beginning + executor.now + executor.passed + skewMicroseconds)
    }
    package func nanoseconds() -> UInt64 { UInt64(executor.now) * 1000 }

    package func sleep(milliseconds: Int) async throws {
        try Task.checkCancellation()
        await executor.sleep(microseconds: Int64(milliseconds) * 1000)
        try Task.checkCancellation()
    }
}
