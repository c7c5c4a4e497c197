import Clocks
import Glibc

/// A log of records on disk, numbered without gaps, each checked, written in groups.
///
/// Any number of callers append at once; one thread writes what has gathered with one write and one `fdatasync`, and
/// tells them. A record is durable when its `append` returns (with `Sync.always`). What is done to the files, and in
/// which order, `LogMachine` and `LogFiles` say; here are the thread and the waiting.
///
/// One process has a log open. Opening reads every segment, cuts off a torn tail and refuses a damaged log. A failed
/// write that left nothing behind (a full disk) fails the waiting appends; any other failed write or sync poisons the
/// log: the kernel may have dropped pages that a second sync would call safe, so only a restart tells.
// Safe to share: `state`, `sink`, `waiters` and the flags are read and written only with `mutex` held; `files` and
// `lastSync` belong to the writer's thread, which `start` begins after all other writes to them; `trimmer` to the one
// caller of `trim`; everything else is constant. The mutex and the condition lie at fixed addresses from `init` to
// `deinit`.
package final class WriteAheadLog: TrimmedLog, @unchecked Sendable {
    package typealias Configuration = LogConfiguration
    package typealias Sync = LogConfiguration.Sync
    package typealias Status = LogStatus
    /// Receives every record once it is durable, in order, on the writer's thread: keep it short.
    package typealias Sink = @Sendable (_ sequence: UInt64, _ payload: [UInt8]) -> Void
    /// The fate of one append.
    package typealias Completion = @Sendable (Result<UInt64, LogError>) -> Void

    package let identity: LogIdentity
    /// What opening cut off the end: bytes of a group that was never acknowledged.
    package let tornBytes: Int
    private let sync: Sync
    private let reader: LogReader
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: LogMachine<Completion>
    private var files: LogFiles
    private var trimmer: LogTrimmer
    private var lastSync: UInt64 = 0
    private var sink: Sink?
    private var isStopping = false
    private var isStopped = true
    /// The writer's thread has a group in hand.
    private var isBusy = false
    /// Records are left in the queue, while a trim uses the last of the disk.
    private var isHeld = false
    /// Records are gone from the queue, and not all who wait for them have been told.
    private var isTellingFailure = false
    private var waiters: [Waiter] = []

    private struct Waiter {
        let sequence: UInt64
        /// For the sync, and not the write alone.
        let isForSync: Bool
        let completion: @Sendable (LogError?) -> Void
    }

    /// Opens the log, or makes one where there is none. Blocks. A log that was used opens on a full disk too.
    package init(
        storage: any LogStorage, configuration: Configuration = Configuration(),
        _ random: some RandomSource = SystemRandom()
    ) throws(LogError) {
        let parts = try LogParts<Completion>(storage, configuration, random)
        identity = parts.identity
        tornBytes = parts.tornBytes
        sync = configuration.sync
        reader = parts.reader
        state = parts.state
        files = parts.files
        trimmer = parts.trimmer
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    private func locked<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    package var status: Status { locked { state.status } }

    // MARK: - Appending

    /// Starts the writer's thread. Records found at opening are not given to `sink`: read them with `forEachRecord`.
    package func start(sink: @escaping Sink) throws(LogError) {
        locked {
            self.sink = sink
            isStopped = false
        }
        var thread = pthread_t()
        let log = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<WriteAheadLog>.fromOpaque(argument).takeRetainedValue().work() }
                return nil
            }, log.toOpaque())
        guard failure == 0 else {
            log.release()
            locked { isStopped = true }
            throw LogError(.failed, "the log's thread cannot be started: error \(failure)")
        }
        pthread_detach(thread)
    }

    /// Queues a record; `completion` is called exactly once, on the writer's thread, unless this throws. Sequences are
    /// given in the order of calls.
    package func enqueue(_ payload: [UInt8], completion: @escaping Completion) throws(LogError) -> UInt64 {
        let result = locked { () -> Result<UInt64, LogError> in
            guard !isStopping, !isStopped else { return .failure(LogError(.closed, "the log is closed")) }
            let result = Result { () throws(LogError) in try state.enqueue(payload, completion) }
            pthread_cond_broadcast(condition)
            return result
        }
        return try result.get()
    }

    /// Appends a record and returns its sequence when it is durable.
    package func append(_ payload: [UInt8]) async throws(LogError) -> UInt64 {
        let result: Result<UInt64, LogError> = await withCheckedContinuation { continuation in
            do throws(LogError) {
                _ = try enqueue(payload) { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    package func waitForQueued() async throws(LogError) { try await wait(isForSync: sync == .always) }

    package func waitForSynced() async throws(LogError) { try await wait(isForSync: true) }

    private func wait(isForSync: Bool) async throws(LogError) {
        let error: LogError? = await withCheckedContinuation { continuation in
            let now = locked { () -> LogError?? in
                if case .poisoned(let why) = state.health { return .some(LogError(.poisoned, why)) }
                let last = state.nextSequence - 1
                let reached = isForSync ? state.syncedThrough : state.writtenThrough
                if reached >= last && !isTellingFailure { return .some(nil) }
                waiters.append(
                    Waiter(sequence: last, isForSync: isForSync, completion: { continuation.resume(returning: $0) }))
                pthread_cond_broadcast(condition)
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        if let error { throw error }
    }

    /// Writes and syncs what is queued, then ends the writer's thread. Blocks.
    package func close() {
        locked {
            isStopping = true
            pthread_cond_broadcast(condition)
            while !isStopped { pthread_cond_wait(condition, mutex) }
            state.close()
        }
    }

    // MARK: - The writer's thread

    private func work() {
        while let work = nextWork() { perform(work) }
        locked {
            state.close()
            isStopped = true
            pthread_cond_broadcast(condition)
        }
    }

    /// Waits for something to do; nil when the log is to stop.
    private func nextWork() -> LogWork<Completion>? {
        locked {
            isBusy = false
            // `trim` waits for the end of a group.
            pthread_cond_broadcast(condition)
            while true {
                if let work = dueSync() ?? state.nextWork(holdingRecords: isHeld) {
                    isBusy = true
                    return work
                }
                if isStopping && !(isHeld && !state.queue.isEmpty) { return state.syncWork() }
                if case .interval(let milliseconds) = sync, !state.unsynced.isEmpty {
                    wait(milliseconds: milliseconds)
                } else {
                    pthread_cond_wait(condition, mutex)
                }
            }
        }
    }

    /// Interval mode: the sync of what is written, when it is time.
    private func dueSync() -> LogWork<Completion>? {
        guard case .interval(let milliseconds) = sync, let work = state.syncWork() else { return nil }
        let now = SystemClock().nanoseconds()
        let isAwaited = waiters.contains { $0.isForSync && $0.sequence <= state.writtenThrough }
        guard isAwaited || now &- lastSync >= UInt64(milliseconds) * 1_000_000 else { return nil }
        lastSync = now
        return work
    }

    private func wait(milliseconds: Int) {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        until.tv_sec += milliseconds / 1000
        until.tv_nsec += milliseconds % 1000 * 1_000_000
        if until.tv_nsec >= 1_000_000_000 {
            until.tv_sec += 1
            until.tv_nsec -= 1_000_000_000
        }
        _ = pthread_cond_timedwait(condition, mutex, &until)
    }

    private func perform(_ work: LogWork<Completion>) {
        let outcome = files.perform(work)
        let (effects, woken, sink) = locked { () -> (LogEffects<Completion>, [@Sendable (LogError?) -> Void], Sink?) in
            let effects = state.absorb(work, outcome)
            isTellingFailure = effects.failure != nil
            return (effects, takeWaiters(all: effects.failure != nil), self.sink)
        }
        if let sink { for record in effects.durable { sink(record.sequence, record.payload) } }
        for entry in effects.told { entry.ticket(entry.fate) }
        for waiter in woken { waiter(effects.failure) }
        guard effects.failure != nil else { return }
        let late = locked {
            isTellingFailure = false
            return takeWaiters(all: true)
        }
        for waiter in late { waiter(effects.failure) }
    }

    private func takeWaiters(all: Bool) -> [@Sendable (LogError?) -> Void] {
        guard !waiters.isEmpty else { return [] }
        let (written, synced) = (state.writtenThrough, state.syncedThrough)
        func isDone(_ waiter: Waiter) -> Bool { all || waiter.sequence <= (waiter.isForSync ? synced : written) }
        let done = waiters.filter(isDone).map(\.completion)
        waiters.removeAll(where: isDone)
        return done
    }

    // MARK: - Reading and trimming

    /// Calls `body` with every record from `sequence` on that is in the files, in order. Blocks; reads a segment at a
    /// time.
    package func forEachRecord(
        from sequence: UInt64, _ body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) -> Void
    ) throws(LogError) {
        let (segments, through) = locked { (state.segments, state.writtenThrough) }
        try reader.forEachRecord(of: segments, from: sequence, through: through) {
            body($0, $1)
            return true
        }
    }

    /// Durable records from `sequence` on, at least one if there is one, about `bytesMax` bytes. Blocks.
    package func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])] {
        let (segments, through) = locked { (state.segments, state.syncedThrough) }
        return try reader.records(of: segments, from: sequence, through: through, bytesMax: bytesMax)
    }

    /// Whether `trim` would free anything.
    package func canTrim(through watermark: UInt64) -> Bool {
        locked { !state.removable(through: watermark).isEmpty || state.canEndActive(through: watermark) }
    }

    /// Removes the segments that hold nothing behind `watermark`, which the caller has read back from the table. The
    /// active one is ended first when all of it is behind and it is worth it. `beforeRemoving` sees each segment
    /// and makes what it wants of its records durable; when it throws, the segment stays, and it may see the same again
    /// after a crash. On a full disk it has what was set aside. Blocks; one caller at a time.
    ///
    /// - Returns: how many bytes were freed.
    package func trim(
        through watermark: UInt64,
        beforeRemoving: (LeavingSegment) throws(LogError) -> Void = { _ in }
    ) throws(LogError) -> Int {
        try trimmer.trim(self, through: watermark, beforeRemoving)
    }

    /// Writes a little beside the log also when the disk is full: `body` is done again with what is set aside when it finds
    /// no space, and appends wait meanwhile. Blocks; one caller at a time, of this and of `trim`.
    package func withReserve(_ body: () throws(LogError) -> Void) throws(LogError) {
        try trimmer.withReserve(self) { _ throws(LogError) in try body() }
    }

    func removable(through watermark: UInt64) -> [(first: UInt64, next: UInt64, bytes: Int)] {
        locked { state.removable(through: watermark) }
    }

    func removed(first: UInt64) { locked { state.removed(first: first) } }

    func endActive(through watermark: UInt64) -> Bool {
        locked {
            guard !isStopping, !isStopped, state.endActive(through: watermark) else { return true }
            pthread_cond_broadcast(condition)
            while state.mustRotate && !isStopped { pthread_cond_wait(condition, mutex) }
            return !state.rotationFoundNoSpace
        }
    }

    func holdAppends() {
        locked {
            isHeld = true
            while isBusy && !isStopped { pthread_cond_wait(condition, mutex) }
        }
    }

    func releaseAppends() {
        locked {
            isHeld = false
            pthread_cond_broadcast(condition)
        }
    }
}
