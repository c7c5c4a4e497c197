import Synchronization

/// One holder per key within this process, first come first served.
///
/// It spares writers of one table the work of losing races against each other. Correctness never rests on it: other
/// replicas write too, and the register decides.
final class KeyedLock<Key: Hashable & Sendable>: Sendable {
    /// Waiters by key; a key is present while held.
    private let waiters = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

    func withLock<Result, Failure: Error>(
        _ key: Key, _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        await acquire(key)
        defer { release(key) }
        return try await body()
    }

    private func acquire(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = waiters.withLock { waiters in
                guard waiters[key] == nil else {
                    waiters[key]?.append(continuation)
                    return false
                }
                waiters[key] = []
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    private func release(_ key: Key) {
        let next: CheckedContinuation<Void, Never>? = waiters.withLock { waiters in
            guard var queue = waiters[key], !queue.isEmpty else {
                waiters[key] = nil
                return nil
            }
            let first = queue.removeFirst()
            waiters[key] = queue
            return first
        }
        next?.resume()
    }
}
