import Batching
import Clocks
import Committing
import Events
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// One table's part of the pipeline: records into buffers, buffers into batches, batches into commits.
final class TablePipeline: Sendable {
    /// Where the table is in the log, and whether it can take more of it.
    struct Position {
        let next: UInt64
        let hasRoom: Bool
    }

    /// How far the log is in the table.
    struct Progress {
        /// As the table says.
        let durable: UInt64
        /// Nothing up to here is for the table and not in it.
        let idle: UInt64
    }

    struct State {
        /// nil until the table has said where to begin, and once it has halted.
        var machine: BatchMachine?
        var inFlight: InFlight?
        /// Rows of full buffers that can be encoded ahead of their commit.
        var closed: [ClosedRows] = []
        /// What counts in the budget.
        var budgetedBytes = 0
        var waiters = FlushWaiters()
        /// What the table says; nil when it says nothing.
        var watermark: UInt64?
        /// nil until the table has been read.
        var committedThrough: UInt64?
        /// The watermark is asked for, to trim the log.
        var advanceThrough: UInt64?
        var lastCommit: Timestamp?
        var lastSnapshotID: Int64?
        var lastSeal: Int64 = .min / 2
        var commits = 0
        /// Batches committed and given up: after each the table may want its rows otherwise.
        var ended = 0
        var halted: String?
        var isNoted = false

        /// What is buffered for the table and what is being committed.
        var bytes: Int { (machine?.bytes ?? 0) + (inFlight?.bytes ?? 0) }
        var idleThrough: UInt64? { inFlight == nil ? machine?.idleThrough ?? committedThrough : committedThrough }
    }

    /// The batch that is being committed.
    struct InFlight {
        let number: Int
        let events: Int
        var bytes: Int
        let buffers: [EventPipeline.BufferStatus]
    }

    let target: PipelineTarget
    /// The event table, which no other may hold up.
    let isEvents: Bool
    let surroundings: Surroundings
    let limits: BatchLimits
    let state = Mutex(State())
    let isHalted = Atomic<Bool>(false)
    let wake = Signal()
    private let encoding = Signal()

    /// What the tables of a pipeline share.
    struct Surroundings: Sendable {
        let log: any RecordLog
        let targets: TargetsFile
        let budget: MemoryBudget
        let commitIntervalMilliseconds: Int
        let clock: any WallClock & MonotonicClock
        let random: any RandomSource
        let logger: Logger
        /// Told when there may be room again, or something to trim.
        let onProgress: @Sendable () -> Void

        var milliseconds: Int64 { Int64(clock.nanoseconds() / 1_000_000) }
    }

    init(_ target: PipelineTarget, isEvents: Bool, _ surroundings: Surroundings) {
        self.target = target
        self.isEvents = isEvents
        self.surroundings = surroundings
        var limits = target.limits
        limits.memoryBytesMax = min(
            limits.memoryBytesMax,
            isEvents ? surroundings.budget.bytesMax : surroundings.budget.othersBytesMax)
        self.limits = limits
    }

    // MARK: - In

    /// nil while the table takes nothing.
    var position: Position? {
        state.withLock { state in
            state.machine.map { Position(next: $0.nextSequence, hasRoom: hasRoom(state)) }
        }
    }

    func hasRoom(_ state: State) -> Bool {
        guard let machine = state.machine else { return false }
        let besides = surroundings.budget.bytes(besides: state.budgetedBytes, isEvents: isEvents)
        if !isEvents, state.bytes == 0 { return true }
        return machine.hasRoom(besides: besides + (state.inFlight?.bytes ?? 0))
    }

    /// Takes those of `records`, which follow each other, that come next, as long as there is room.
    func append(_ records: ArraySlice<LogRecord>) {
        let now = surroundings.milliseconds
        do throws(EventBodyError) {
            let (done, hasWork) = try state.withLock { state throws(EventBodyError) in
                for record in records {
                    guard let next = state.machine?.nextSequence, record.sequence <= next, hasRoom(state) else { break }
                    // Read back from the log already.
                    if record.sequence < next { continue }
                    try Self.append(record, to: &state.machine, at: now)
                    account(&state)
                }
                state.closed += state.machine?.takeNewlyClosed() ?? []
                if !state.closed.isEmpty { encoding.raise() }
                // The rest waits for the next tick.
                let hasWork = !state.waiters.all.isEmpty || isSealable(state, at: now)
                return (settled(&state), hasWork)
            }
            for waiter in done { waiter.resume(.success(waiter.flushed)) }
            if hasWork { wake.raise() }
        } catch {
            halt("the log cannot be read back: \(error)")
            wake.raise()
        }
    }

    private static func append(
        _ record: LogRecord, to machine: inout BatchMachine?, at now: Int64
    ) throws(EventBodyError) {
        let result = record.payload.withUnsafeBytes { raw in
            Result { () throws(EventBodyError) in try machine?.append(raw, sequence: record.sequence, at: now) }
        }
        try result.get()
    }

    func account(_ state: inout State) {
        let bytes = state.bytes
        surroundings.budget.add(bytes - state.budgetedBytes, isEvents: isEvents)
        state.budgetedBytes = bytes
    }

    /// Flushes that have all they wait for.
    func settled(_ state: inout State) -> [FlushWaiters.Waiter] {
        guard let idle = state.idleThrough else { return [] }
        return state.waiters.take { $0.target <= idle }
    }

    // MARK: - The loop

    /// Runs until cancelled, or until the table and the log contradict each other.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.encodeLoop() }
            await commitLoop()
            group.cancelAll()
        }
    }

    /// Encodes rows ahead of their commit, while more come.
    private func encodeLoop() async {
        var encoder: RowEncoder?
        var seen = -1
        while !Task.isCancelled {
            await encoding.wait()
            while !Task.isCancelled, let ended = state.withLock({ $0.closed.isEmpty ? nil : $0.ended }) {
                // Commits see what the table has become, those that are given up too.
                if encoder == nil || ended != seen { encoder = await target.sink.rowEncoder() }
                seen = ended
                guard let encoder, let rows = state.withLock({ $0.closed.popLast() }) else { break }
                do throws(CommitError) {
                    let bytes = try await BlockingPool.computing.run { () throws(CommitError) in
                        try encoder.encode(rows)
                    }
                    if let bytes { note(rows, encodedBytes: bytes) }
                } catch {
                    // The commit tries it again, and says so.
                    continue
                }
            }
        }
    }

    private func note(_ rows: ClosedRows, encodedBytes: Int) {
        state.withLock { state in
            if state.machine?.noteEncoded(rows, encodedBytes: encodedBytes) != true,
                state.inFlight?.number == rows.batch
            {
                state.inFlight?.bytes -= max(0, rows.bytes - encodedBytes)
            }
            account(&state)
        }
        surroundings.onProgress()
    }

    func raise() { wake.raise() }

    /// Nothing is committed any more. What is not in the table stays in the log.
    func halt(_ why: String) {
        surroundings.logger.error(
            "committing has stopped until an operator has looked", ["table": target.name, "reason": why])
        let waiters = state.withLock { state in
            state.halted = state.halted ?? why
            isHalted.store(true, ordering: .releasing)
            state.machine = nil
            state.inFlight = nil
            state.closed.removeAll()
            account(&state)
            return state.waiters.take { _ in true }
        }
        for waiter in waiters { waiter.resume(.failure(CommitError(.contradiction, why))) }
        surroundings.onProgress()
    }
}
