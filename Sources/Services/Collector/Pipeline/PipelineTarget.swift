import Batching
import Clocks
import Committing
import Synchronization

/// A table that is fed from the log: which events are for it, and how they get there.
package struct PipelineTarget: Sendable {
    /// Unique among the targets of a log, for as long as the log lives: the table's name.
    package let name: String
    package let filter: EventFilter
    package let sink: any BatchSink
    package let limits: BatchLimits
    /// Where the sink tells why it fails.
    package let trouble: SinkTrouble
    package let onCommit: @Sendable (TableCommitter.Receipt) -> Void

    package init(
        name: String, filter: EventFilter, sink: any BatchSink, limits: BatchLimits, trouble: SinkTrouble,
        onCommit: @escaping @Sendable (TableCommitter.Receipt) -> Void = { _ in }
    ) {
        self.name = name
        self.filter = filter
        self.sink = sink
        self.limits = limits
        self.trouble = trouble
        self.onCommit = onCommit
    }
}

/// Why a sink's present attempt fails, and since when. The sink tells it, the pipeline and whoever looks read it.
package final class SinkTrouble: Sendable {
    private let clock: any MonotonicClock
    private let current = Mutex<(message: String, since: Int64)?>(nil)

    package init(clock: any MonotonicClock = SystemClock()) { self.clock = clock }

    private var milliseconds: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

    /// nil: the last attempt succeeded.
    package func report(_ error: CommitError?) {
        let now = milliseconds
        current.withLock { current in
            let since = current?.since ?? now
            current = error.map { ($0.message, since) }
        }
    }

    package var message: String? { current.withLock { $0?.message } }

    /// For how long every attempt has failed.
    package var lastsMilliseconds: Int64? {
        let now = milliseconds
        return current.withLock { $0.map { now - $0.since } }
    }
}
