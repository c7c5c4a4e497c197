import Batching

/// Brings the batches of one log to where they are kept, in order and one at a time. A table is one such place
/// (`TableCommitter`).
package protocol BatchSink: Sendable {
    /// The watermark: how far the log is in the table, read from it now. Nil when the table says nothing of this log.
    /// Tries once.
    func readWatermark() async throws(CommitError) -> UInt64?

    /// Commits a batch that begins behind the watermark, however long that takes.
    ///
    /// - Throws: `.contradiction` and `.unsuitableTable`, which need an operator; `.cancelled`.
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome

    /// Moves the watermark alone, however long that takes: no record behind `watermark` and up to `sequence` is for this
    /// table. A late one must not be able to undo a later one.
    ///
    /// - Parameter watermark: what the table says now; nil: nothing yet.
    /// - Throws: as `commit`.
    func advance(from watermark: UInt64?, through sequence: UInt64) async throws(CommitError) -> TableCommitter.Outcome

    /// As `advance`, over a part of the log that is gone: the table is new to a log that begins behind `sequence`, or
    /// was left out while that part went. A table that says something else than `watermark` by then, more, is told by
    /// `.restart`.
    func claim(after watermark: UInt64?, through sequence: UInt64) async throws(CommitError) -> TableCommitter.Outcome

    /// What can encode rows before they are committed; nil when there is none yet, or no need.
    func rowEncoder() async -> RowEncoder?

    /// Tells that the log now begins with `sequence`.
    func logBegins(with sequence: UInt64) async
}

extension BatchSink {
    package func rowEncoder() async -> RowEncoder? { nil }

    /// A batch without events.
    package func advance(
        from watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        try await commit(
            SealedBatch(first: (watermark ?? 0) + 1, last: sequence, buffers: [], events: 0, bytes: 0))
    }

    package func claim(
        after watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        try await advance(from: watermark, through: sequence)
    }
}

extension TableCommitter: BatchSink {}
