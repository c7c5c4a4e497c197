import Synchronization

/// What happened in a world, line by line; kept only when it will be read.
package final class SimulatedTrace: Sendable {
    private let executor: SimulatedExecutor
    private let lines: Mutex<[String]?>

    package init(_ executor: SimulatedExecutor, isKept: Bool) {
        self.executor = executor
        lines = Mutex(isKept ? [] : nil)
    }

    package var kept: [String] { lines.withLock { $0 } ?? [] }

    package func note(_ text: @autoclosure () -> String) {
        lines.withLock { lines in
            guard lines != nil else { return }
            let now = executor.now
            lines?.append("\(now / 1000).\(String(now % 1000 + 1000).dropFirst()) \(text())")
        }
    }
}

/// What was found wrong in a world.
package final class SimulatedFindings: Sendable {
    private let found = Mutex<[String]>([])
    private let trace: SimulatedTrace

    package init(_ trace: SimulatedTrace) { self.trace = trace }

    package var all: [String] { found.withLock { $0 } }

    package func add(_ what: String) {
        trace.note("FINDING \(what)")
        found.withLock { if $0.count < 20 { $0.append(what) } }
    }
}
