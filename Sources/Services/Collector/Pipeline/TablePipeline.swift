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

    private struct State {
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
    private struct InFlight {
        let number: Int
        let events: Int
        var bytes: Int
        let buffers: [EventPipeline.BufferStatus]
    }

    let target: PipelineTarget
    /// The event table, which no other may hold up.
    private let isEvents: Bool
    private let surroundings: Surroundings
    private let limits: BatchLimits
    private let state = Mutex(State())
    private let isHalted = Atomic<Bool>(false)
    private let wake = Signal()
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

    private func hasRoom(_ state: State) -> Bool {
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

    private func account(_ state: inout State) {
        let bytes = state.bytes
        surroundings.budget.add(bytes - state.budgetedBytes, isEvents: isEvents)
        state.budgetedBytes = bytes
    }

    /// Flushes that have all they wait for.
    private func settled(_ state: inout State) -> [FlushWaiters.Waiter] {
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

    private func commitLoop() async {
        guard await begin() else { return }
        surroundings.onProgress()
        while !Task.isCancelled {
            await wake.wait()
            do throws(CommitError) {
                if let through = takeAdvance() { try await advance(through: through) }
                guard let batch = sealIfDue() else { continue }
                switch try await target.sink.commit(batch) {
                case .committed(let receipt): finish(batch, receipt)
                case .restart(let after): restart(after: after)
                }
                await note()
                surroundings.onProgress()
            } catch {
                guard error.code != .cancelled else { return }
                halt(error.message)
                return
            }
        }
    }

    func raise() { wake.raise() }

    /// Learns from the table where the log is to be continued; waits while it cannot be read.
    private func begin() async -> Bool {
        var attempt = 0
        while !Task.isCancelled {
            do throws(CommitError) {
                let said = try await target.sink.readWatermark()
                await noteBeginning()
                let watermark = try await claimed(said)
                let log = surroundings.log.status
                if let problem = EventPipeline.problem(watermark: watermark, log: log) {
                    throw CommitError(.contradiction, problem)
                }
                let done = state.withLock { state in
                    state.machine = BatchMachine(
                        limits: limits, filter: target.filter, nextSequence: (watermark ?? 0) + 1)
                    state.watermark = watermark
                    state.committedThrough = watermark ?? 0
                    return settled(&state)
                }
                target.trouble.report(nil)
                for waiter in done { waiter.resume(.success(waiter.flushed)) }
                await note()
                return true
            } catch {
                guard error.code != .contradiction && error.code != .unsuitableTable else {
                    halt(error.message)
                    return false
                }
                guard error.code != .cancelled else { return false }
                attempt += 1
                target.trouble.report(error)
                surroundings.logger.warn(
                    "the table cannot be read; events wait in the log",
                    ["table": target.name, "error": error.message])
                let delay = Backoff(maxMilliseconds: 10_000).milliseconds(attempt: attempt, surroundings.random)
                do { try await surroundings.clock.sleep(milliseconds: delay + 100) } catch { return false }
            }
        }
        return false
    }

    /// Claims what the log has lost and the table does not have: of a table new to the log all of that, of one that was
    /// left out while it went what it lacks. The event table never does: every event there was, was for it.
    private func claimed(_ said: UInt64?) async throws(CommitError) -> UInt64? {
        var watermark = said
        while true {
            let first = surroundings.log.status.firstSequence
            guard !isEvents, (watermark ?? 0) + 1 < first, try await mayClaim(after: watermark) else {
                return watermark
            }
            surroundings.logger.warn(
                "a table begins behind the first record of the log",
                ["table": target.name, "lacks": "\((watermark ?? 0) + 1) to \(first - 1)"])
            switch try await target.sink.claim(after: watermark, through: first - 1) {
            case .committed(let receipt): watermark = receipt.watermark
            case .restart(let after): watermark = after
            }
        }
    }

    private func mayClaim(after watermark: UInt64?) async throws(CommitError) -> Bool {
        let entry: TargetsFile.Entry?
        do throws(LogError) {
            entry = try await surroundings.targets.entry(of: target.name)
        } catch {
            throw CommitError(error.code == .corrupt ? .contradiction : .unavailable, error.message)
        }
        switch (entry, watermark) {
        case (nil, nil): return true
        case (let entry?, nil) where !entry.hasSaid: return true
        case (.some, nil):
            throw CommitError(
                .contradiction,
                "the table \(target.name) no longer says how far this log is committed: it was rolled back, replaced or "
                    + "edited. Restore the property; going on could lose or double its events")
        // Before it was left out nothing went that it did not have.
        case (let entry?, let watermark?): return entry.passedOverFrom.map { watermark + 1 >= $0 } ?? false
        case (nil, .some): return false
        }
    }

    /// Before the first commit, whose answer may get lost.
    private func noteBeginning() async {
        guard !isEvents else { return }
        do throws(LogError) {
            try await surroundings.targets.begin(target.name)
        } catch {
            // On a full disk: nothing may be trimmed before the table goes on.
            surroundings.logger.warn("it is tried again when the table has been committed to", ["error": "\(error)"])
        }
    }

    /// Keeps beside the log that the table has a part of it.
    private func note() async {
        let isDue = state.withLock { !isEvents && !$0.isNoted && $0.watermark != nil }
        guard isDue else { return }
        do throws(LogError) {
            try await surroundings.targets.note(target.name)
            state.withLock { $0.isNoted = true }
        } catch {
            surroundings.logger.warn("it is tried again with the next commit", ["error": "\(error)"])
        }
    }

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

    // MARK: - Commits

    private func sealIfDue() -> SealedBatch? {
        let now = surroundings.milliseconds
        return state.withLock { state in
            guard let machine = state.machine else { return nil }
            // A flush waits until all it asks for is in the buffers, unless memory does not hold so much.
            let isAsked = !state.waiters.all.isEmpty
            let isGathered = !hasRoom(state) || state.waiters.all.contains { machine.nextSequence > $0.target }
            guard isAsked && isGathered || isSealable(state, at: now) else { return nil }
            guard let batch = state.machine?.seal() else { return nil }
            state.lastSeal = now
            let buffers = batch.buffers.map { EventPipeline.BufferStatus($0, at: now) }
            state.inFlight = InFlight(
                number: batch.number, events: batch.events, bytes: batch.bytes, buffers: buffers)
            return batch
        }
    }

    /// Whether a batch is due that nobody has asked for.
    private func isSealable(_ state: State, at now: Int64) -> Bool {
        guard let machine = state.machine else { return false }
        return now - state.lastSeal >= Int64(surroundings.commitIntervalMilliseconds)
            && (machine.isDue(at: now) || !hasRoom(state))
    }

    private func finish(_ batch: SealedBatch, _ receipt: TableCommitter.Receipt) {
        let now = surroundings.clock.now()
        let done = state.withLock { state -> [FlushWaiters.Waiter] in
            state.inFlight = nil
            state.closed.removeAll { $0.batch <= batch.number }
            account(&state)
            state.watermark = receipt.watermark
            state.committedThrough = receipt.watermark
            state.lastCommit = now
            state.lastSnapshotID = receipt.snapshotID
            state.commits += 1
            state.ended += 1
            state.waiters.credit(batch, receipt)
            return settled(&state)
        }
        target.onCommit(receipt)
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
    }

    private func restart(after watermark: UInt64) {
        surroundings.logger.warn(
            "the batch is given up: what the table lacks of it is read from the log again",
            ["table": target.name, "committed": watermark])
        let done = state.withLock { state in
            state.inFlight = nil
            state.closed.removeAll()
            state.ended += 1
            state.watermark = watermark == 0 ? nil : watermark
            state.committedThrough = watermark
            state.machine?.reset(to: watermark + 1)
            account(&state)
            return settled(&state)
        }
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
    }

    // MARK: - The watermark alone

    /// nil while it is not known.
    var progress: Progress? {
        state.withLock { state in
            guard let durable = state.committedThrough, let idle = state.idleThrough else { return nil }
            return Progress(durable: durable, idle: idle)
        }
    }

    /// Makes the table say that it has the log up to `sequence`, of which it has all that is for it.
    func askAdvance(through sequence: UInt64) {
        state.withLock { $0.advanceThrough = max($0.advanceThrough ?? 0, sequence) }
        wake.raise()
    }

    private func takeAdvance() -> UInt64? {
        state.withLock { state in
            defer { state.advanceThrough = nil }
            guard let through = state.advanceThrough, let idle = state.idleThrough, through <= idle,
                through > state.committedThrough ?? 0
            else { return nil }
            return through
        }
    }

    private func advance(through sequence: UInt64) async throws(CommitError) {
        let watermark = state.withLock { $0.watermark }
        switch try await target.sink.advance(from: watermark, through: sequence) {
        case .committed(let receipt):
            state.withLock { state in
                state.watermark = receipt.watermark
                state.committedThrough = receipt.watermark
                state.machine?.advance(through: receipt.watermark)
            }
        case .restart(let after): restart(after: after)
        }
        await note()
        surroundings.onProgress()
    }

    // MARK: - Flush and status

    /// Waits until everything up to `sequence` that is for the table is in it.
    func flush(through sequence: UInt64, type: String?, deadline: Int64) async throws(CommitError)
        -> EventPipeline.Flushed
    {
        let result: Result<EventPipeline.Flushed, CommitError> = await withCheckedContinuation { continuation in
            let now = state.withLock { state -> Result<EventPipeline.Flushed, CommitError>? in
                if let why = state.halted { return .failure(CommitError(.contradiction, why)) }
                if let idle = state.idleThrough, idle >= sequence { return .success(EventPipeline.Flushed()) }
                state.waiters.add(target: sequence, type: type, deadline: deadline) {
                    continuation.resume(returning: $0)
                }
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        return try result.get()
    }

    /// Gives up on flushes whose time is over.
    func expireWaiters() {
        let now = surroundings.milliseconds
        let expired = state.withLock { $0.waiters.take { $0.deadline <= now } }
        for waiter in expired {
            let why = target.trouble.message ?? "it takes longer"
            waiter.resume(
                .failure(
                    CommitError(
                        .unavailable,
                        "the events are safe in the log, but not in the table \(target.name) yet: \(why)")))
        }
    }

    /// Every request asks: none waits for a buffer that is being filled.
    var halted: String? {
        guard isHalted.load(ordering: .acquiring) else { return nil }
        return state.withLock { $0.halted }
    }

    /// Cost: linear in the buffers, and they wait meanwhile.
    var status: EventPipeline.TableStatus {
        let now = surroundings.milliseconds
        let (trouble, lasts) = (target.trouble.message, target.trouble.lastsMilliseconds)
        return state.withLock { state in
            let open = state.machine?.buffers.map { EventPipeline.BufferStatus($0, at: now) } ?? []
            return EventPipeline.TableStatus(
                name: target.name, buffers: EventPipeline.BufferStatus.merged((state.inFlight?.buffers ?? []) + open),
                bufferedBytes: state.machine?.bytes ?? 0, inFlightEvents: state.inFlight?.events ?? 0,
                waitingFlushes: state.waiters.all.count, committedThrough: state.committedThrough,
                settledThrough: state.committedThrough.map { max($0, state.idleThrough ?? 0) },
                lastCommit: state.lastCommit, lastSnapshotID: state.lastSnapshotID, commits: state.commits,
                trouble: trouble, troubleMilliseconds: lasts, halted: state.halted)
        }
    }
}
