import Clocks
import Synchronization

/// An operation did not end in time.
public struct DeadlineExceeded: Error, Hashable, Sendable, CustomStringConvertible {
    public let milliseconds: Int

    public init(milliseconds: Int) { self.milliseconds = milliseconds }

    public var description: String { "did not end within \(milliseconds) ms" }
}

/// Runs `body` and cancels it after `milliseconds`.
///
/// - Throws: `DeadlineExceeded`, or what `body` throws. Waits for `body` to react to its cancellation.
public func withDeadline<Value: Sendable>(
    milliseconds: Int, clock: any MonotonicClock = SystemClock(), _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await clock.sleep(milliseconds: milliseconds)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw DeadlineExceeded(milliseconds: milliseconds)
        }
        return value
    }
}

/// Runs `body` for at most `milliseconds`; then cancels it and returns nil without waiting, even if it takes no notice.
public func withAbandonment<Value: Sendable>(
    milliseconds: Int, clock: any MonotonicClock = SystemClock(), _ body: @escaping @Sendable () async -> Value
) async -> Value? {
    let outcome = FirstOutcome<Value>()
    let work = Task { outcome.resolve(await body()) }
    let timer = Task {
        do {
            try await clock.sleep(milliseconds: milliseconds)
            outcome.resolve(nil)
        } catch {
            // Cancelled because the body has ended.
        }
    }
    let value = await outcome.value()
    timer.cancel()
    if value == nil { work.cancel() }
    return value
}

/// Holds the first of several results for the one who waits.
private final class FirstOutcome<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case waiting(CheckedContinuation<Value?, Never>)
        case resolved(Value?)
    }

    private let state = Mutex(State.empty)

    func resolve(_ value: Value?) {
        let waiter = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            switch state {
            case .resolved: return nil
            case .empty:
                state = .resolved(value)
                return nil
            case .waiting(let waiter):
                state = .resolved(value)
                return waiter
            }
        }
        waiter?.resume(returning: value)
    }

    func value() async -> Value? {
        await withCheckedContinuation { continuation in
            let resolved = state.withLock { state -> Value?? in
                if case .resolved(let value) = state { return .some(value) }
                state = .waiting(continuation)
                return nil
            }
            if let resolved { continuation.resume(returning: resolved) }
        }
    }
}
