import Glibc
import Synchronization

/// The failpoints of this process.
package enum Failpoints {
    private static let armed = Atomic<Bool>(false)
    private static let passages = Mutex(FailpointPassages(FailpointPlan()))

    static var isArmed: Bool { armed.load(ordering: .relaxed) }

    /// Once, at the start of a process in development.
    package static func arm(_ plan: FailpointPlan) {
        guard !plan.steps.isEmpty else { return }
        passages.withLock { $0 = FailpointPassages(plan) }
        armed.store(true, ordering: .relaxed)
    }

    static func pass(_ point: Failpoint) -> FailpointPlan.Action? {
        guard let step = passages.withLock({ $0.pass(point) }) else { return nil }
        say("failpoint \(point.rawValue): \(step.action.rawValue) at passage \(step.passage)\n")
        switch step.action {
        case .crash: kill(getpid(), SIGKILL)
        case .pause: kill(getpid(), SIGSTOP)
        case .error: break
        }
        return step.action
    }

    private static func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Counts how often each planned failpoint was passed.
struct FailpointPassages: Sendable {
    private let plan: FailpointPlan
    private var counts: [Failpoint: Int] = [:]

    init(_ plan: FailpointPlan) { self.plan = plan }

    /// What is to happen at this passage.
    mutating func pass(_ point: Failpoint) -> FailpointPlan.Step? {
        guard let steps = plan.steps[point] else { return nil }
        counts[point, default: 0] += 1
        return steps.first { $0.passage == counts[point] }
    }
}
