import Batching
import Clocks
import Committing

/// Counts and times what a sink does.
struct MeteredSink: BatchSink {
    let sink: any BatchSink
    let metrics: TableMetrics
    let clock: any MonotonicClock

    func readWatermark() async throws(CommitError) -> UInt64? { try await sink.readWatermark() }

    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        let started = clock.nanoseconds()
        let outcome = try await sink.commit(batch)
        metrics.count(outcome, seconds: Double(clock.nanoseconds() - started) / 1e9)
        return outcome
    }

    func advance(
        from watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        let outcome = try await sink.advance(from: watermark, through: sequence)
        metrics.countAdvance()
        return outcome
    }

    func claim(
        after watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        let outcome = try await sink.claim(after: watermark, through: sequence)
        metrics.countAdvance()
        return outcome
    }

    func rowEncoder() async -> RowEncoder? { await sink.rowEncoder() }

    func logBegins(with sequence: UInt64) async { await sink.logBegins(with: sequence) }
}
