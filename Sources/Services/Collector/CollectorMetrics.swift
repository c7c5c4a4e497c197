import Clocks
import Committing
import Events
import Telemetry
import WriteAheadLog

/// What the collector counts and times, by the names of docs/collector.md. Labels have few values each: never an event type,
/// an id or a key.
package struct CollectorMetrics: Sendable {
    let accepted: Counter
    let duplicates: Counter
    /// By reason; of events.
    let rejected: MetricFamily<Counter>
    /// By reason; of whole requests.
    let refused: MetricFamily<Counter>
    let acknowledgement: Histogram
    let sync: Histogram
    let flushes: Counter
    private let commits: MetricFamily<Counter>
    private let duration: MetricFamily<Histogram>
    private let events: MetricFamily<Counter>
    private let files: MetricFamily<Counter>
    private let bytes: MetricFamily<Counter>
    private let unfit: MetricFamily<Counter>

    /// Seconds: a quarter of a millisecond to 10 s.
    static let fastBounds = [
        0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    package init(_ metrics: MetricsRegistry) {
        accepted = metrics.counter("collector_events_accepted_total", "Events written to the log.")
        duplicates = metrics.counter("collector_events_duplicate_total", "Events that had been stored before.")
        rejected = metrics.counter("collector_events_rejected_total", "Events refused.", labels: ["reason"])
        // A series that begins at 0 shows its first increase.
        for reason in EventRejection.Reason.allCases { _ = rejected.with(reason.rawValue) }
        refused = metrics.counter(
            "collector_requests_refused_total", "Requests of which nothing was kept.", labels: ["reason"])
        acknowledgement = metrics.histogram(
            "collector_ack_seconds", "From a received request to the durability of its events.", bounds: Self.fastBounds
        )
        sync = metrics.histogram("collector_fsync_seconds", "One fdatasync of the log.", bounds: Self.fastBounds)
        flushes = metrics.counter("collector_flushes_total", "Flushes asked for.")
        let table = ["table"]
        commits = metrics.counter(
            "collector_commits_total",
            "committed: batches brought into the table; advanced: only the watermark; restarted: part of a batch was there "
                + "already; conflicted, rejected, unknown: requests to commit that came to that.",
            labels: ["table", "outcome"])
        duration = metrics.histogram(
            "collector_commit_seconds", "From a sealed batch to its commit, with all attempts.", labels: table)
        events = metrics.counter("collector_events_committed_total", "Events brought into the table.", labels: table)
        files = metrics.counter("collector_files_written_total", "Data files brought into the table.", labels: table)
        bytes = metrics.counter("collector_file_bytes_written_total", "Bytes of these files.", labels: table)
        unfit = metrics.counter(
            "collector_unfit_values_total", "Fields of data that do not fit their column, and are null there.",
            labels: table)
    }

    /// Why a request was refused, in a word.
    static func reason(of error: any Error) -> String {
        switch error {
        case CollectorRoutes.Closed.paused: "paused"
        case CollectorRoutes.Closed.halted: "halted"
        case CollectorRoutes.Closed.outage: "catalog_outage"
        case let error as LogError: error.code == .full ? "log_full" : "log_unavailable"
        case let error as EventBodyError:
            switch error.code {
            case .malformed, .failed: "malformed_body"
            case .unsupportedMediaType: "unsupported_media_type"
            case .tooLarge: "too_large"
            }
        default: "other"
        }
    }

    /// What is counted for one table, from zero on.
    func table(_ name: String) -> TableMetrics {
        let outcomes = CommitSetback.allCases.map(\.rawValue) + ["committed", "advanced", "restarted"]
        for outcome in outcomes { _ = commits.with(name, outcome) }
        return TableMetrics(
            name: name, commits: commits, duration: duration.with(name), events: events.with(name),
            files: files.with(name), bytes: bytes.with(name), unfit: unfit.with(name))
    }
}

/// The metrics of one table.
struct TableMetrics: Sendable {
    fileprivate let name: String
    fileprivate let commits: MetricFamily<Counter>
    fileprivate let duration: Histogram
    fileprivate let events: Counter
    fileprivate let files: Counter
    fileprivate let bytes: Counter
    fileprivate let unfit: Counter

    func count(_ setback: CommitSetback) { commits.with(name, setback.rawValue).increment() }

    func count(_ outcome: TableCommitter.Outcome, seconds: Double) {
        switch outcome {
        case .restart: commits.with(name, "restarted").increment()
        case .committed(let receipt):
            commits.with(name, "committed").increment()
            duration.observe(seconds)
            events.increment(by: receipt.events)
            files.increment(by: receipt.files.count)
            bytes.increment(by: Int(receipt.bytes))
            unfit.increment(by: receipt.unfit.values.reduce(0, +))
        }
    }

    func countAdvance() { commits.with(name, "advanced").increment() }
}
