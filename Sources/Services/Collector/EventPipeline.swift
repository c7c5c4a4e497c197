import Batching
import Clocks
import Committing
import Events
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// The road from the log to the table: durable records into buffers, buffers into batches, batches into commits, and the
/// log trimmed behind them.
///
/// Records come from the log's thread while memory lasts; what does not fit is left in the log and read back from there
/// when there is room, which is also how a restart begins. So an outage costs disk, not memory.
package final class EventPipeline: Sendable {
    package struct Configuration: Sendable {
        package var limits: BatchLimits
        package var commitIntervalMilliseconds: Int
        package var dedupWindowSeconds: Int64

        package init(limits: BatchLimits, commitIntervalMilliseconds: Int, dedupWindowSeconds: Int64) {
            self.limits = limits
            self.commitIntervalMilliseconds = commitIntervalMilliseconds
            self.dedupWindowSeconds = dedupWindowSeconds
        }
    }

    /// What a flush brought into the table.
    package struct Flushed: Sendable {
        package var events = 0
        package var snapshotID: Int64?
        package var files: [String] = []
    }

    package struct BufferStatus: Sendable {
        package let partition: EventPartition
        package let count: Int
        package let bytes: Int
        package let ageMilliseconds: Int64
    }

    package struct Status: Sendable {
        package let buffers: [BufferStatus]
        package let bufferedBytes: Int
        package let inFlightEvents: Int
        /// Calls of `flush` that wait for a commit.
        package let waitingFlushes: Int
        /// nil until the table has been read.
        package let committedThrough: UInt64?
        package let lastCommit: Timestamp?
        package let lastSnapshotID: Int64?
        package let commits: Int
        /// Why the present attempt fails; nil while all goes well.
        package let trouble: String?
        /// Milliseconds since when nothing could be committed although there was something to commit.
        package let troubleMilliseconds: Int64?
        /// Why nothing will be committed any more before an operator has looked.
        package let halted: String?
    }

    /// What every request asks for: without a look at any buffer.
    package struct Condition: Sendable {
        /// As in `Status`.
        package let troubleMilliseconds: Int64?
        package let halted: String?
    }

    private struct Waiter {
        let id: Int
        let target: UInt64
        let type: String?
        let deadline: Int64
        var flushed = Flushed()
        let resume: @Sendable (Result<Flushed, CommitError>) -> Void
    }

    private struct State {
        /// nil until the table has said where to begin.
        var machine: BatchMachine?
        var queue: [(sequence: UInt64, payload: [UInt8])] = []
        var queueBytes = 0
        /// The next sequence was not queued: read from the log.
        var isBehind = true
        var inFlight: (events: Int, bytes: Int, buffers: [BufferStatus])?
        var waiters: [Waiter] = []
        var nextWaiter = 0
        var committedThrough: UInt64?
        var lastCommit: Timestamp?
        var lastSnapshotID: Int64?
        var lastSeal: Int64 = .min / 2
        var commits = 0
        var trouble: String?
        var troubleSince: Int64?
        var halted: String?
        var lastTrim: Int64 = .min / 2
        /// Why the last trim failed; nil when it did not.
        var trimTrouble: String?
    }

    private let configuration: Configuration
    private let log: any RecordLog
    private let journal: DedupJournal
    private let sink: any BatchSink
    private let clock: any WallClock & MonotonicClock
    private let random: any RandomSource
    private let logger: Logger
    private let onCommit: @Sendable (TableCommitter.Receipt) -> Void
    private let state = Mutex(State())
    private let ingest = Signal()
    private let commits = Signal()

    private static let queueBytesMax = 32 << 20
    private static let readBytesMax = 8 << 20
    /// How often a trim is tried again without a commit.
    private static let trimAgainMilliseconds: Int64 = 1000

    package init(
        _ configuration: Configuration, log: any RecordLog, journal: DedupJournal, sink: any BatchSink,
        clock: any WallClock & MonotonicClock = SystemClock(), random: any RandomSource = SystemRandom(),
        logger: Logger = .disabled,
        onCommit: @escaping @Sendable (TableCommitter.Receipt) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.log = log
        self.journal = journal
        self.sink = sink
        self.clock = clock
        self.random = random
        self.logger = logger
        self.onCommit = onCommit
    }

    private var milliseconds: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

    // MARK: - In

    /// Takes a durable record; called by the log's thread, in order.
    package func take(_ sequence: UInt64, _ payload: [UInt8]) {
        state.withLock { state in
            guard !state.isBehind, state.queueBytes + payload.count <= Self.queueBytesMax else {
                state.isBehind = true
                return
            }
            state.queue.append((sequence, payload))
            state.queueBytes += payload.count
        }
        ingest.raise()
    }

    /// Told by the sink why an attempt failed, and nil when one succeeds.
    package func report(_ error: CommitError?) {
        let now = milliseconds
        state.withLock { state in
            state.trouble = error?.message
            state.troubleSince = error == nil ? nil : state.troubleSince ?? now
        }
    }

    // MARK: - The loops

    /// Runs until cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.ingestLoop() }
            group.addTask { await self.commitLoop() }
            group.addTask { await self.tickLoop() }
        }
    }

    private func tickLoop() async {
        while !Task.isCancelled {
            do { try await clock.sleep(milliseconds: 20) } catch { break }
            expireWaiters()
            commits.raise()
            ingest.raise()
        }
        commits.raise()
        ingest.raise()
    }

    private func ingestLoop() async {
        while !Task.isCancelled {
            await ingest.wait()
            do {
                try await drain()
            } catch {
                halt("the log cannot be read back: \(error)")
                return
            }
        }
    }

    /// Moves what is durable into the buffers, while there is room.
    private func drain() async throws {
        while !Task.isCancelled {
            let moved = try moveQueued()
            if moved { commits.raise() }
            let next = state.withLock { state -> UInt64? in
                guard let machine = state.machine, state.isBehind, hasRoom(state) else { return nil }
                return machine.nextSequence
            }
            guard let next, try await readBack(from: next) else { return }
            commits.raise()
        }
    }

    private func hasRoom(_ state: State) -> Bool {
        state.machine?.hasRoom(besides: state.inFlight?.bytes ?? 0) ?? false
    }

    private func moveQueued() throws -> Bool {
        var moved = false
        while true {
            let now = milliseconds
            let more = try state.withLock { state throws(EventBodyError) -> Bool in
                guard !state.queue.isEmpty, hasRoom(state), var machine = state.machine else { return false }
                state.machine = nil
                defer { state.machine = machine }
                var taken = 0
                for record in state.queue {
                    guard taken < 64, machine.hasRoom(besides: state.inFlight?.bytes ?? 0) else { break }
                    taken += 1
                    state.queueBytes -= record.payload.count
                    // Read back from the log already.
                    if record.sequence < machine.nextSequence { continue }
                    guard record.sequence == machine.nextSequence else {
                        state.isBehind = true
                        break
                    }
                    try Self.append(record.payload, record.sequence, to: &machine, at: now)
                }
                state.queue.removeFirst(taken)
                return taken > 0
            }
            guard more else { return moved }
            moved = true
        }
    }

    private static func append(
        _ payload: [UInt8], _ sequence: UInt64, to machine: inout BatchMachine, at now: Int64
    ) throws(EventBodyError) {
        let result = payload.withUnsafeBytes { raw in
            Result { () throws(EventBodyError) in try machine.append(raw, sequence: sequence, at: now) }
        }
        try result.get()
    }

    /// Reads records back from the log's files. False when there is nothing more there.
    private func readBack(from next: UInt64) async throws -> Bool {
        let log = log
        let records = try await BlockingPool.shared.run { () throws(LogError) -> [(UInt64, [UInt8])] in
            try log.records(from: next, bytesMax: Self.readBytesMax)
        }
        let now = milliseconds
        return try state.withLock { state throws(EventBodyError) -> Bool in
            guard var machine = state.machine, machine.nextSequence == next else { return true }
            guard !records.isEmpty else {
                // Nothing is left behind: from here on records come by the queue. One that was synced between the two
                // looks, and not queued, is still to be read.
                state.isBehind = log.status.syncedThrough >= next
                return state.isBehind
            }
            state.machine = nil
            defer { state.machine = machine }
            for (sequence, payload) in records { try Self.append(payload, sequence, to: &machine, at: now) }
            return true
        }
    }

    private func commitLoop() async {
        guard await begin() else { return }
        // What an earlier life committed and could not free: without space there may never be another commit.
        await trim()
        while !Task.isCancelled {
            await commits.wait()
            if mustTrimAgain() { await trim() }
            guard let batch = sealIfDue() else { continue }
            do throws(CommitError) {
                switch try await sink.commit(batch) {
                case .committed(let receipt): await finish(batch, receipt)
                case .restart(let after): restart(after: after)
                }
            } catch {
                guard error.code != .cancelled else { return }
                halt(error.message)
                return
            }
        }
    }

    /// Learns from the table where the log is to be continued; waits while it cannot be read.
    private func begin() async -> Bool {
        var attempt = 0
        while !Task.isCancelled {
            do throws(CommitError) {
                let watermark = try await sink.readWatermark()
                let log = log.status
                if let problem = Self.problem(watermark: watermark, log: log) {
                    halt(problem)
                    return false
                }
                state.withLock { state in
                    state.machine = BatchMachine(limits: configuration.limits, nextSequence: (watermark ?? 0) + 1)
                    state.committedThrough = watermark ?? 0
                }
                report(nil)
                settle()
                ingest.raise()
                return true
            } catch {
                guard error.code != .contradiction && error.code != .unsuitableTable else {
                    halt(error.message)
                    return false
                }
                attempt += 1
                report(error)
                logger.warn("the table cannot be read; events wait in the log", ["error": error.message])
                do {
                    try await clock.sleep(
                        milliseconds: Backoff(maxMilliseconds: 10_000)
                            .milliseconds(attempt: attempt, random) + 100)
                } catch { return false }
            }
        }
        return false
    }

    /// Why log and table cannot belong together; nil when they can.
    static func problem(watermark: UInt64?, log: WriteAheadLog.Status) -> String? {
        if let problem = CommitMachine.contradiction(found: watermark, known: nil, firstInLog: log.firstSequence) {
            return problem
        }
        guard let watermark, watermark > log.syncedThrough else { return nil }
        return
            "the table has this log up to record \(watermark), but the log ends with record \(log.syncedThrough): it is an "
            + "old copy. Move the log directory away to begin a new log"
    }

    private func halt(_ why: String) {
        logger.error("committing has stopped until an operator has looked", ["reason": why])
        let waiters = state.withLock { state in
            state.halted = why
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(.failure(CommitError(.contradiction, why))) }
    }

    private func sealIfDue() -> SealedBatch? {
        let now = milliseconds
        return state.withLock { state in
            guard state.halted == nil, var machine = state.machine else { return nil }
            let isAsked = state.waiters.contains { $0.target >= (state.committedThrough ?? 0) + 1 }
            let isTime = now - state.lastSeal >= Int64(configuration.commitIntervalMilliseconds)
            // A flush waits until all it asks for is in the buffers, unless memory does not hold so much.
            let isGathered =
                !machine.hasRoom(besides: 0) || state.waiters.contains { machine.nextSequence > $0.target }
            guard isAsked && isGathered || isTime && machine.isDue(at: now) else { return nil }
            state.machine = nil
            let batch = machine.seal()
            state.machine = machine
            guard let batch else { return nil }
            state.lastSeal = now
            state.inFlight = (batch.events, batch.bytes, batch.buffers.map { Self.status($0, now) })
            return batch
        }
    }

    private func finish(_ batch: SealedBatch, _ receipt: TableCommitter.Receipt) async {
        let now = clock.now()
        let done = state.withLock { state -> [Waiter] in
            state.inFlight = nil
            state.committedThrough = receipt.watermark
            state.lastCommit = now
            state.lastSnapshotID = receipt.snapshotID
            state.commits += 1
            for index in state.waiters.indices { Self.credit(&state.waiters[index], batch, receipt) }
            let done = state.waiters.filter { $0.target <= receipt.watermark }
            state.waiters.removeAll { $0.target <= receipt.watermark }
            return done
        }
        onCommit(receipt)
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
        ingest.raise()
        await trim()
    }

    private static func credit(_ waiter: inout Waiter, _ batch: SealedBatch, _ receipt: TableCommitter.Receipt) {
        waiter.flushed.snapshotID = receipt.snapshotID ?? waiter.flushed.snapshotID
        var listed: Set<Int> = []
        for (index, buffer) in batch.buffers.enumerated() {
            guard waiter.type.map({ $0 == buffer.partition.type }) ?? true else { continue }
            waiter.flushed.events += buffer.count
            guard index < receipt.fileOfBuffer.count else { continue }
            let file = receipt.fileOfBuffer[index]
            if listed.insert(file).inserted { waiter.flushed.files.append(receipt.files[file]) }
        }
    }

    /// Answers flushes whose records the table turned out to have already.
    private func settle() {
        let done = state.withLock { state in
            let committed = state.committedThrough ?? 0
            defer { state.waiters.removeAll { $0.target <= committed } }
            return state.waiters.filter { $0.target <= committed }
        }
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
    }

    private func restart(after watermark: UInt64) {
        logger.warn("an earlier commit landed late: its records are not written again", ["committed": watermark])
        state.withLock { state in
            state.inFlight = nil
            state.committedThrough = watermark
            state.machine?.reset(to: watermark + 1)
            state.isBehind = true
        }
        settle()
        ingest.raise()
    }

    /// A log without space takes no records, so no commit follows that would trim it; and a trim that failed may find
    /// space later, when remembered keys have expired.
    private func mustTrimAgain() -> Bool {
        let (last, failed) = state.withLock { ($0.lastTrim, $0.trimTrouble != nil) }
        guard milliseconds - last >= Self.trimAgainMilliseconds else { return false }
        return failed || log.status.isShortOfSpace
    }

    /// Frees what the table has, keys first.
    private func trim() async {
        let now = milliseconds
        let (watermark, failedBefore) = state.withLock { state in
            state.lastTrim = now
            return (state.committedThrough ?? 0, state.trimTrouble != nil)
        }
        let (log, journal, window) = (log, journal, configuration.dedupWindowSeconds)
        let seconds = clock.now().milliseconds / 1000
        var trouble: LogError?
        do throws(LogError) {
            let freed = try await BlockingPool.shared.run { () throws(LogError) -> Int in
                let needsSpace = failedBefore || log.status.isShortOfSpace
                if needsSpace { try journal.removeExpired(windowSeconds: window, now: seconds) }
                let freed = try log.trim(through: watermark) { first, records throws(LogError) in
                    if window > 0 { try journal.keep(first: first, records: records) }
                }
                if freed > 0 && !needsSpace { try journal.removeExpired(windowSeconds: window, now: seconds) }
                return freed
            }
            if freed > 0 { await sink.logBegins(with: log.status.firstSequence) }
        } catch {
            trouble = error
        }
        let before = state.withLock { state in
            defer { state.trimTrouble = trouble?.message }
            return state.trimTrouble
        }
        if let trouble, trouble.message != before {
            logger.warn("the log cannot be trimmed; it is tried again", ["error": "\(trouble)"])
        }
    }

    // MARK: - Flush and status

    /// Brings everything that is durable by now into the table.
    ///
    /// - Parameter type: counts and lists only the events of this type.
    /// - Throws: `.unavailable` when that has not happened within `timeoutMilliseconds`; it is still tried.
    package func flush(type: String? = nil, timeoutMilliseconds: Int) async throws -> Flushed {
        try await log.waitForQueued()
        let target = log.status.syncedThrough
        let deadline = milliseconds + Int64(timeoutMilliseconds)
        let result: Result<Flushed, CommitError> = await withCheckedContinuation { continuation in
            let now = state.withLock { state -> Result<Flushed, CommitError>? in
                if let why = state.halted { return .failure(CommitError(.contradiction, why)) }
                if let committed = state.committedThrough, committed >= target { return .success(Flushed()) }
                state.nextWaiter += 1
                state.waiters.append(
                    Waiter(
                        id: state.nextWaiter, target: target, type: type, deadline: deadline,
                        resume: { continuation.resume(returning: $0) }))
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        return try result.get()
    }

    private func expireWaiters() {
        let now = milliseconds
        let (expired, trouble) = state.withLock { state in
            let expired = state.waiters.filter { $0.deadline <= now }
            state.waiters.removeAll { $0.deadline <= now }
            return (expired, state.trouble)
        }
        for waiter in expired {
            waiter.resume(
                .failure(
                    CommitError(
                        .unavailable,
                        "the events are safe in the log, but not in the table yet: \(trouble ?? "it takes longer")")))
        }
    }

    private static func status(_ buffer: BatchMachine.Buffer, _ now: Int64) -> BufferStatus {
        BufferStatus(
            partition: buffer.partition, count: buffer.count, bytes: buffer.bytes, ageMilliseconds: now - buffer.since)
    }

    package var condition: Condition {
        let now = milliseconds
        return state.withLock { state in
            Condition(troubleMilliseconds: state.troubleSince.map { now - $0 }, halted: state.halted)
        }
    }

    /// Everything at once. Cost: linear in the buffers, and they wait meanwhile.
    package var status: Status {
        let now = milliseconds
        return state.withLock { state in
            var buffers: [EventPartition: BufferStatus] = [:]
            for buffer in (state.inFlight?.buffers ?? []) + (state.machine?.buffers.map { Self.status($0, now) } ?? [])
            {
                let before = buffers[buffer.partition]
                buffers[buffer.partition] = BufferStatus(
                    partition: buffer.partition, count: buffer.count + (before?.count ?? 0),
                    bytes: buffer.bytes + (before?.bytes ?? 0),
                    ageMilliseconds: max(buffer.ageMilliseconds, before?.ageMilliseconds ?? 0))
            }
            let sorted = buffers.values.sorted {
                ($0.partition.type, $1.partition.hour) < ($1.partition.type, $0.partition.hour)
            }
            return Status(
                buffers: sorted, bufferedBytes: (state.machine?.bytes ?? 0) + state.queueBytes,
                inFlightEvents: state.inFlight?.events ?? 0, waitingFlushes: state.waiters.count,
                committedThrough: state.committedThrough,
                lastCommit: state.lastCommit, lastSnapshotID: state.lastSnapshotID, commits: state.commits,
                trouble: state.trouble, troubleMilliseconds: state.troubleSince.map { now - $0 }, halted: state.halted)
        }
    }
}

/// Wakes one waiting loop; raised before the wait, it is not lost.
struct Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func raise() { continuation.yield() }

    /// Returns at once when the task is cancelled.
    func wait() async {
        for await _ in stream { return }
    }
}
