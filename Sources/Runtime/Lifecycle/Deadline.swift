import Clocks

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
