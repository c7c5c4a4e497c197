import Synchronization

/// One life of a program. It ends at a step that was drawn beforehand, or not at all; every effect on the world outside is
/// a step, so that it can end before and after each of them.
///
/// Code of a dead program runs on to its end, but nothing of what it does has an effect any more: that is how a single
/// thread can kill it at any point without leaving it hanging.
package final class SimulatedProcess: Sendable {
    package enum Death: String, Sendable {
        /// The program ends; the machine and what the operating system has in memory stay.
        case kill
        /// What was not synced may be lost.
        case powerLoss
    }

    private struct State {
        var isAlive = true
        var stepsLeft: Int?
        var death: Death
        var onDeath: [@Sendable (Death) -> Void] = []
    }

    package let name: String
    /// No request of it arrives before everything heals.
    package let isCutOff: Bool
    private let trace: SimulatedTrace
    private let state: Mutex<State>

    /// - Parameter steps: after how many steps it dies; nil: when it is told to.
    package init(
        _ name: String, steps: Int? = nil, death: Death = .kill, isCutOff: Bool = false, _ trace: SimulatedTrace
    ) {
        self.name = name
        self.isCutOff = isCutOff
        self.trace = trace
        state = Mutex(State(stepsLeft: steps, death: death))
    }

    package var isAlive: Bool { state.withLock { $0.isAlive } }

    /// Called once at its death; at once if it is dead.
    package func onDeath(_ body: @escaping @Sendable (Death) -> Void) {
        let death: Death? = state.withLock { state in
            guard !state.isAlive else {
                state.onDeath.append(body)
                return nil
            }
            return state.death
        }
        if let death { body(death) }
    }

    package enum Step { case goesOn, diesNow, dead }

    /// Before each effect. After `.diesNow`, part of the effect may be done, then `die` is to be called.
    package func step(_ what: @autoclosure () -> String) -> Step {
        let step: Step = state.withLock { state in
            guard state.isAlive else { return .dead }
            guard let left = state.stepsLeft else { return .goesOn }
            state.stepsLeft = left - 1
            return left <= 0 ? .diesNow : .goesOn
        }
        if step != .dead { trace.note("\(name) \(what())") }
        return step
    }

    /// As `step`, for an effect that happens whole or not at all: false when it does not.
    package func mayGoOn(_ what: @autoclosure () -> String) -> Bool {
        switch step(what()) {
        case .goesOn: return true
        case .dead: return false
        case .diesNow:
            die()
            return false
        }
    }

    package func die(_ how: Death? = nil) {
        let (callbacks, death) = state.withLock { state -> ([@Sendable (Death) -> Void], Death) in
            guard state.isAlive else { return ([], state.death) }
            state.isAlive = false
            if let how { state.death = how }
            defer { state.onDeath.removeAll() }
            return (state.onDeath, state.death)
        }
        guard !callbacks.isEmpty else { return }
        trace.note("\(name) dies: \(death)")
        for callback in callbacks { callback(death) }
    }

    /// From here on it dies only when it is told to.
    package func spare() { state.withLock { $0.stepsLeft = nil } }
}
