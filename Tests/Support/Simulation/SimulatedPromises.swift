import Synchronization

/// What the collectors of one machine have answered, and what of it a power loss may take: nothing, but where the log is
/// synced at intervals. There it is what was answered within the last interval before the program's end, or before its log
/// failed, and was not found again by the next one.
final class SimulatedPromises: Sendable {
    private struct State {
        /// When each event was first answered, in microseconds of the world.
        var made: [String: Int64] = [:]
        /// What a program left unsynced that was killed: the next one syncs it.
        var atRisk: Set<String> = []
        var failedAt: Int64?
    }

    private let interval: Int64?
    private let state = Mutex(State())

    init(intervalMilliseconds: Int?) { interval = intervalMilliseconds.map { Int64($0) * 1000 } }

    /// Senders are told that these events are kept.
    func make(_ ids: [String], at now: Int64) {
        guard interval != nil else { return }
        state.withLock { state in
            for id in ids where state.made[id] == nil { state.made[id] = now }
        }
    }

    /// What was found in the log's files is synced from here on.
    func logWasOpened() {
        state.withLock { state in
            state.atRisk.removeAll()
            state.failedAt = nil
        }
    }

    /// It is not synced any more.
    func logHasFailed(at now: Int64) { state.withLock { $0.failedAt = $0.failedAt ?? now } }

    /// A program ends.
    ///
    /// - Returns: what may be gone.
    func end(with death: SimulatedProcess.Death, at now: Int64) -> Set<String> {
        guard let interval else { return [] }
        return state.withLock { state in
            let since = (state.failedAt ?? now) - interval
            state.atRisk.formUnion(state.made.filter { $0.value >= since }.keys)
            guard death == .powerLoss else { return [] }
            for id in state.atRisk { state.made[id] = nil }
            defer { state.atRisk.removeAll() }
            return state.atRisk
        }
    }
}
