import Synchronization

/// Has a value that many ask for at the same time read once: after a start everybody wants the same large file.
final class SharedReads<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private enum Turn: Sendable {
        case first
        /// What the first one read; nil when it failed.
        case other(Value?)
    }

    /// Who waits for the first one's value; a key is present while that reads.
    private let waiting = Mutex<[Key: [CheckedContinuation<Turn, Never>]]>([:])

    /// A read that fails, or whose task is cancelled, is its own caller's affair: the others then read for themselves.
    func value<Failure: Error>(
        _ key: Key, _ read: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        switch await turn(key) {
        case .other(let value?): return value
        case .other(nil): return try await read()
        case .first:
            do throws(Failure) {
                let value = try await read()
                finish(key, value)
                return value
            } catch {
                finish(key, nil)
                throw error
            }
        }
    }

    /// How many wait for the one that reads.
    func waiterCount(_ key: Key) -> Int { waiting.withLock { $0[key]?.count ?? 0 } }

    private func turn(_ key: Key) async -> Turn {
        await withCheckedContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                guard waiting[key] == nil else {
                    waiting[key]?.append(continuation)
                    return false
                }
                waiting[key] = []
                return true
            }
            if isFirst { continuation.resume(returning: .first) }
        }
    }

    private func finish(_ key: Key, _ value: Value?) {
        let others = waiting.withLock { $0.removeValue(forKey: key) } ?? []
        for other in others { other.resume(returning: .other(value)) }
    }
}
