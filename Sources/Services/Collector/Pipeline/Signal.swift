/// Wakes one waiting loop; raised before the wait, it is not lost.
struct Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func raise() { continuation.yield() }

    /// Returns at once when the task is cancelled.
    func wait() async {
        for await _ in stream { return }
    }
}
