import Clocks
import WriteAheadLog

/// The log of a simulated collector: `LogWriter`, whose steps the world's scheduler takes in place of a thread.
// Safe to share: only code of one world touches it, and that runs on the one thread that runs its executor.
package final class SimulatedLog: RecordLog, @unchecked Sendable {
    private let writer: LogWriter<WriteAheadLog.Completion>
    private let executor: SimulatedExecutor
    private let random: SimulatedRandom
    private let bug: Mistake?
    private var sink: WriteAheadLog.Sink = { _, _ in }
    private var waiters: [CheckedContinuation<LogError?, Never>] = []
    /// Of the mistake `handedOnUnsynced`: what is not written yet.
    private var early: [UInt64: [UInt8]] = [:]
    private var isScheduled = false
    private let sync: WriteAheadLog.Sync
    private var onPoison: @Sendable () -> Void = {}
    /// The sync that is to come, where not every group is synced.
    private var syncsPlanned = 0
    private var isSyncPlanned = false

    /// Opens the log.
    package init(
        storage: any LogStorage, configuration: WriteAheadLog.Configuration, identities: some RandomSource,
        _ executor: SimulatedExecutor, _ random: SimulatedRandom, bug: Mistake? = nil
    ) throws(LogError) {
        writer = try LogWriter(storage: storage, configuration: configuration, identities)
        sync = configuration.sync
        self.executor = executor
        self.random = random
        self.bug = bug
    }

    /// Every record that becomes durable from here on is given to `sink`, in order.
    package func start(onPoison: @escaping @Sendable () -> Void, sink: @escaping WriteAheadLog.Sink) {
        self.onPoison = onPoison
        self.sink = sink
    }

    package var identity: LogIdentity { writer.identity }
    package var status: WriteAheadLog.Status { writer.status }
    package var isSynced: Bool { writer.isSynced }

    package func enqueue(
        _ payload: [UInt8], completion: @escaping WriteAheadLog.Completion
    ) throws(LogError) -> UInt64 {
        let isEarly = bug == .acknowledgeBeforeWrite
        let ignored: WriteAheadLog.Completion = { _ in }
        let sequence = try writer.enqueue(payload, isEarly ? ignored : completion)
        if bug == .handedOnUnsynced { early[sequence] = payload }
        if isEarly { completion(.success(sequence)) }
        if !isScheduled {
            isScheduled = true
            let delay = Int64(random.below(2000))
            executor.spawn {
                await self.executor.sleep(microseconds: delay)
                self.write()
            }
        }
        return sequence
    }

    private func write() {
        isScheduled = false
        while writer.step() { tell() }
        planSync()
    }

    /// An interval after the first record that waits for it.
    private func planSync() {
        guard case .interval(let milliseconds) = sync, !writer.isSynced else { return }
        guard !isSyncPlanned || bug == .syncPutOff else { return }
        isSyncPlanned = true
        syncsPlanned += 1
        let number = syncsPlanned
        executor.spawn {
            await self.executor.sleep(microseconds: Int64(milliseconds) * 1000)
            guard number == self.syncsPlanned else { return }
            self.isSyncPlanned = false
            self.writer.sync()
            self.tell()
        }
    }

    private func tell() {
        let effects = writer.takeEffects()
        if bug == .handedOnUnsynced {
            for case (_, .success(let sequence)) in effects.told {
                if let payload = early.removeValue(forKey: sequence) { sink(sequence, payload) }
            }
        } else {
            for record in effects.durable { sink(record.sequence, record.payload) }
        }
        if effects.failure != nil, status.poisoned != nil { onPoison() }
        for entry in effects.told { entry.ticket(entry.fate) }
        guard writer.status.queuedRecords == 0 || effects.failure != nil else { return }
        for waiter in waiters { waiter.resume(returning: effects.failure) }
        waiters.removeAll()
    }

    package func waitForQueued() async throws(LogError) {
        if let why = status.poisoned { throw LogError(.poisoned, why) }
        guard status.queuedRecords > 0 else { return }
        if let error = await withCheckedContinuation({ waiters.append($0) }) { throw error }
    }

    package func waitForSynced() async throws(LogError) {
        try await waitForQueued()
        writer.sync()
        tell()
        if let why = status.poisoned { throw LogError(.poisoned, why) }
    }

    package func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])] {
        try writer.records(from: sequence, bytesMax: bytesMax)
    }

    package func canTrim(through watermark: UInt64) -> Bool { writer.canTrim(through: watermark) }

    package func trim(
        through watermark: UInt64,
        beforeRemoving: (LeavingSegment) throws(LogError) -> Void
    ) throws(LogError) -> Int {
        defer { tell() }
        return try writer.trim(
            through: bug == .trimBeforeCommit ? status.syncedThrough : watermark, beforeRemoving: beforeRemoving)
    }

    package func withReserve(_ body: () throws(LogError) -> Void) throws(LogError) {
        try writer.withReserve(body)
    }
}
