import Synchronization

/// Wakes one waiting loop; raised before the wait, it is not lost. Raising it again before the loop has looked costs next to
/// nothing.
final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let isRaised = Atomic(false)

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func raise() {
        if !isRaised.exchange(true, ordering: .acquiringAndReleasing) { continuation.yield() }
    }

    /// Returns at once when the task is cancelled.
    func wait() async {
        for await _ in stream { break }
        // Whoever raises it from here on wakes the loop once more; what was done before, the loop sees.
        _ = isRaised.exchange(false, ordering: .acquiringAndReleasing)
    }
}
