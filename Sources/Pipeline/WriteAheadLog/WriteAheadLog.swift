import Clocks
import Files
import Glibc

/// A log of records on disk, numbered without gaps, each checked, written in groups.
///
/// Any number of callers append at once; one thread writes what has gathered with one write and one `fdatasync`, and
/// tells them. A record is durable when its `append` returns (with `Sync.always`).
///
/// One process has a log open. Opening reads every segment, cuts off a torn tail and refuses a damaged log. A failed
/// write that left nothing behind (a full disk) fails the waiting appends; any other failed write or sync poisons the
/// log: the kernel may have dropped pages that a second sync would call safe, so only a restart tells.
// Safe to share: `state`, `unsynced`, `sink`, `waiters` and the flags are read and written only with `mutex` held;
// `activeFile` and `lastSync` belong to the writer's thread, which `start` begins after all other writes to them;
// `reserve` and `hasUnsyncedRemoval` to the one caller of `trim`; everything else is constant. The mutex and the condition lie at fixed addresses from `init` to `deinit`.
package final class WriteAheadLog: @unchecked Sendable {
    package enum Sync: Hashable, Sendable {
        /// Replies wait for `fdatasync`.
        case always
        /// Replies wait for the write only: what came within the interval before a power loss can be lost. A crash of the
        /// process alone loses nothing.
        case interval(milliseconds: Int)
    }

    package struct Configuration: Hashable, Sendable {
        package var sync = Sync.always
        /// All segments together.
        package var bytesMax = 1 << 30
        package var segmentBytesMax = 64 << 20
        package var groupBytesMax = 8 << 20

        package init() {}

        /// A part of what the log can grow to, so that there is always something to free before it is full.
        func segmentBytes(capacity: Int) -> Int { max(4096, min(segmentBytesMax, min(bytesMax, capacity) / 8)) }

        /// Enough for the keys of a whole segment: an event takes 24 bytes there, and at least 53 in the segment.
        func reserveBytes(capacity: Int) -> Int { segmentBytes(capacity: capacity) / 2 }
    }

    /// Receives every record once it is durable, in order, on the writer's thread: keep it short.
    package typealias Sink = @Sendable (_ sequence: UInt64, _ payload: [UInt8]) -> Void
    /// The fate of one append.
    package typealias Completion = @Sendable (Result<UInt64, LogError>) -> Void

    package struct Status: Hashable, Sendable {
        package let bytes: Int
        package let bytesMax: Int
        package let segments: Int
        package let firstSequence: UInt64
        /// The last sequence that would survive a power loss; one less than the first when there is none.
        package let syncedThrough: UInt64
        package let queuedRecords: Int
        /// The last record was refused, because the log has its largest size or the disk is full.
        package let isShortOfSpace: Bool
        /// Why the log takes nothing more; nil while it does.
        package let poisoned: String?
    }

    package let identity: LogIdentity
    /// What opening cut off the end: bytes of a group that was never acknowledged.
    package let tornBytes: Int
    private let storage: any LogStorage
    private let configuration: Configuration
    private let seed: UInt32
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: LogMachine<Completion>
    private var activeFile: any LogFile
    /// Written but not yet synced, in interval mode.
    private var unsynced: [(sequence: UInt64, payload: [UInt8])] = []
    private var sink: Sink?
    private var isStopping = false
    private var isStopped = true
    /// The writer's thread has a group in hand.
    private var isBusy = false
    /// Records are left in the queue, while a trim uses the last of the disk.
    private var isHeld = false
    private var reserve: SpaceReserve
    /// A segment's name is gone, but a power loss may bring it back.
    private var hasUnsyncedRemoval = false
    private var waiters: [(sequence: UInt64, completion: @Sendable (LogError?) -> Void)] = []

    /// Opens the log, or makes one where there is none. Blocks. A log that was used opens on a full disk too.
    package init(
        storage: any LogStorage, configuration: Configuration = Configuration(),
        _ random: some RandomSource = SystemRandom()
    ) throws(LogError) {
        let capacity: Int
        do throws(FileError) {
            capacity = try storage.capacityBytes()
        } catch {
            throw LogError(.failed, "the log cannot be opened: \(error)")
        }
        let opened = try LogOpening.open(storage, random)
        reserve = SpaceReserve(storage, bytesWanted: configuration.reserveBytes(capacity: capacity))
        reserve.fill()
        self.storage = storage
        self.configuration = configuration
        identity = opened.identity
        tornBytes = opened.tornBytes
        seed = LogFormat.seed(opened.identity)
        activeFile = opened.activeFile
        state = LogMachine(
            bytesMax: configuration.bytesMax, segmentBytes: configuration.segmentBytes(capacity: capacity),
            groupBytesMax: min(configuration.groupBytesMax, configuration.segmentBytes(capacity: capacity)),
            segments: opened.segments.map { LogMachine.Segment(first: $0.first, bytes: $0.validBytes) },
            nextSequence: opened.next)
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

    package var status: Status {
        locked {
            var why: String?
            if case .poisoned(let reason) = state.health { why = reason }
            return Status(
                bytes: state.bytes, bytesMax: state.bytesMax, segments: state.segments.count,
                firstSequence: state.firstSequence, syncedThrough: state.syncedThrough,
                queuedRecords: state.queue.count, isShortOfSpace: state.isShortOfSpace, poisoned: why)
        }
    }

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

    /// Returns when everything queued so far is durable.
    package func waitForQueued() async throws(LogError) {
        let error: LogError? = await withCheckedContinuation { continuation in
            let now = locked { () -> LogError?? in
                if case .poisoned(let why) = state.health { return .some(LogError(.poisoned, why)) }
                let last = state.nextSequence - 1
                let reached = configuration.sync == .always ? state.syncedThrough : state.writtenThrough
                if reached >= last { return .some(nil) }
                waiters.append((last, { continuation.resume(returning: $0) }))
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        if let error { throw error }
    }

    // MARK: - The writer's thread

    private func work() {
        while let group = nextGroup() {
            if !group.entries.isEmpty { write(group) } else if group.rotates { endActive(group) }
            syncIfDue(force: false)
        }
        syncIfDue(force: true)
        locked {
            state.close()
            isStopped = true
            pthread_cond_broadcast(condition)
        }
    }

    /// Waits for records; a group without any when only a rotation or a sync is due, nil when the log is to stop.
    private func nextGroup() -> LogMachine<Completion>.Group? {
        locked {
            isBusy = false
            // `trim` waits for the end of a group.
            pthread_cond_broadcast(condition)
            while true {
                if let group = state.takeGroup(holdingRecords: isHeld) {
                    isBusy = true
                    return group
                }
                if isStopping && !(isHeld && !state.queue.isEmpty) { return nil }
                if case .interval(let milliseconds) = configuration.sync, !unsynced.isEmpty {
                    if !wait(milliseconds: milliseconds) {
                        return LogMachine.Group(entries: [], bytes: 0, rotates: false)
                    }
                } else {
                    pthread_cond_wait(condition, mutex)
                }
            }
        }
    }

    /// False when the time ran out.
    private func wait(milliseconds: Int) -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        until.tv_sec += milliseconds / 1000
        until.tv_nsec += milliseconds % 1000 * 1_000_000
        if until.tv_nsec >= 1_000_000_000 {
            until.tv_sec += 1
            until.tv_nsec -= 1_000_000_000
        }
        return pthread_cond_timedwait(condition, mutex, &until) == 0
    }

    private func write(_ group: LogMachine<Completion>.Group) {
        guard let first = group.entries.first, let last = group.entries.last else { return }
        let (synced, offset) = locked { (state.syncedThrough, state.segments.last?.bytes ?? 0) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(group.bytes)
        for entry in group.entries {
            LogFormat.appendFrame(
                entry.payload, sequence: entry.sequence, syncedThrough: synced, seed: seed, to: &bytes)
        }
        var start = Int64(offset)
        if group.rotates {
            // What is not synced of the old segment must be, before a new one claims that it is whole.
            guard syncIfDue(force: true) else { return fail(group, with: "a sync failed") }
            guard rotate(group, first: first.sequence) else { return }
            start = Int64(LogFormat.headerBytes)
        }
        do throws(FileError) {
            try activeFile.write(bytes, at: start)
        } catch {
            guard error.isNoSpace else { return fail(group, with: error.description) }
            do throws(FileError) {
                // No half frame stays behind: the next group is written where this one was to be.
                try activeFile.truncate(to: start)
            } catch {
                return fail(group, with: error.description)
            }
            return refuse(group, error)
        }
        if configuration.sync == .always {
            do throws(FileError) {
                try activeFile.synchronize()
            } catch {
                return fail(group, with: error.description)
            }
        }
        finish(group, last: last.sequence)
    }

    /// Ends the active segment for `trim`, which waits for it.
    private func endActive(_ group: LogMachine<Completion>.Group) {
        guard syncIfDue(force: true) else { return }
        _ = rotate(group, first: locked { state.writtenThrough + 1 })
    }

    /// False when there is no new segment; the group's fate is then told.
    ///
    /// The new segment and its header are durable before the old one stops being the last.
    private func rotate(_ group: LogMachine<Completion>.Group, first: UInt64) -> Bool {
        do throws(FileError) {
            activeFile = try LogOpening.createSegment(storage, identity, first: first)
            locked { state.rotated(first: first) }
            return true
        } catch {
            guard error.isNoSpace else {
                fail(group, with: error.description)
                return false
            }
            do throws(FileError) {
                // The same sequences may yet fit into the old segment: then no file may stand here that claims them.
                try storage.remove(LogFormat.segmentName(first: first))
                try storage.syncDirectory()
            } catch {
                fail(group, with: error.description)
                return false
            }
            locked { state.rotationRefused() }
            if !group.entries.isEmpty { refuse(group, error) }
            return false
        }
    }

    private func finish(_ group: LogMachine<Completion>.Group, last: UInt64) {
        let isSynced = configuration.sync == .always
        let woken = locked {
            state.written(group)
            if isSynced { state.synced(through: last) }
            if !isSynced { unsynced += group.entries.map { ($0.sequence, $0.payload) } }
            return takeWaiters { $0 <= last }
        }
        if isSynced { deliver(group.entries.map { ($0.sequence, $0.payload) }) }
        for entry in group.entries { entry.ticket(.success(entry.sequence)) }
        for waiter in woken { waiter(nil) }
    }

    private var lastSync: UInt64 = 0

    /// Interval mode: syncs what is written, when it is time. False when that failed.
    @discardableResult
    private func syncIfDue(force: Bool) -> Bool {
        guard case .interval(let milliseconds) = configuration.sync else { return true }
        let now = SystemClock().nanoseconds()
        guard force || now &- lastSync >= UInt64(milliseconds) * 1_000_000 else { return true }
        let records = locked { unsynced }
        lastSync = now
        guard let last = records.last else { return true }
        do throws(FileError) {
            try activeFile.synchronize()
        } catch {
            fail(nil, with: error.description)
            return false
        }
        locked {
            unsynced.removeAll()
            state.synced(through: last.sequence)
        }
        deliver(records)
        return true
    }

    private func deliver(_ records: [(sequence: UInt64, payload: [UInt8])]) {
        guard let sink = locked({ sink }) else { return }
        for record in records { sink(record.sequence, record.payload) }
    }

    private func refuse(_ group: LogMachine<Completion>.Group, _ error: FileError) {
        complete(
            locked { (state.refused(group), takeWaiters { _ in true }) }, LogError(.full, "the disk is full: \(error)"))
    }

    private func fail(_ group: LogMachine<Completion>.Group?, with why: String) {
        let error = LogError(.poisoned, "the log takes nothing more until a restart: \(why)")
        complete(locked { (state.poison(why, group), takeWaiters { _ in true }) }, error)
    }

    private func complete(
        _ failed: (entries: [LogMachine<Completion>.Entry], waiters: [@Sendable (LogError?) -> Void]), _ error: LogError
    ) {
        for entry in failed.entries { entry.ticket(.failure(error)) }
        for waiter in failed.waiters { waiter(error) }
    }

    private func takeWaiters(_ isDone: (UInt64) -> Bool) -> [@Sendable (LogError?) -> Void] {
        let done = waiters.filter { isDone($0.sequence) }.map(\.completion)
        waiters.removeAll { isDone($0.sequence) }
        return done
    }

    // MARK: - Reading and trimming

    /// Calls `body` with every record from `sequence` on that is in the files, in order. Blocks; reads a segment at a
    /// time.
    package func forEachRecord(
        from sequence: UInt64, _ body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) -> Void
    ) throws(LogError) {
        let (segments, through) = locked { (state.segments, state.writtenThrough) }
        for (index, segment) in segments.enumerated() {
            if index + 1 < segments.count, segments[index + 1].first <= sequence { continue }
            try forEachRecord(ofSegment: segment.first, bytes: segment.bytes) { found, payload in
                if found >= sequence && found <= through { body(found, payload) }
            }
        }
    }

    /// Durable records from `sequence` on, at least one if there is one, about `bytesMax` bytes. Blocks.
    package func records(from sequence: UInt64, bytesMax: Int) throws(LogError) -> [(UInt64, [UInt8])] {
        let (segments, through) = locked { (state.segments, state.syncedThrough) }
        var records: [(UInt64, [UInt8])] = []
        var bytes = 0
        for (index, segment) in segments.enumerated() where bytes < bytesMax {
            if index + 1 < segments.count, segments[index + 1].first <= sequence { continue }
            try forEachRecord(ofSegment: segment.first, bytes: segment.bytes) { found, payload in
                guard found >= sequence, found <= through, bytes < bytesMax else { return }
                records.append((found, [UInt8](payload)))
                bytes += payload.count
            }
        }
        return records
    }

    private func forEachRecord(
        ofSegment first: UInt64, bytes count: Int, _ body: (UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(LogError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try storage.read(LogFormat.segmentName(first: first))
        } catch {
            throw LogError(.failed, "the log cannot be read: \(error)")
        }
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(LogError) in
                let whole = UnsafeRawBufferPointer(rebasing: raw[..<min(count, raw.count)])
                _ = try LogRecovery.scan(whole, first: first, isLast: false, identity: identity, body)
            }
        }
        try result.get()
    }

    /// Removes the segments that hold nothing behind `watermark`, which the caller has read back from the table. The
    /// active one is ended first when all of it is behind and it is worth it. `beforeRemoving` sees the records of each
    /// segment and makes what it wants of them durable; when it throws, the segment stays, and it may see the same again
    /// after a crash. On a full disk it has what was set aside. Blocks; one caller at a time.
    ///
    /// - Returns: how many bytes were freed.
    package func trim(
        through watermark: UInt64,
        beforeRemoving: (_ first: UInt64, _ records: [[UInt8]]) throws(LogError) -> Void = { _, _ in }
    ) throws(LogError) -> Int {
        var freed = 0
        var result = free(through: watermark, beforeRemoving, &freed)
        if case .failure(let error) = result, error.code == .full {
            // Appends would take what is given back before it has served.
            locked {
                isHeld = true
                while isBusy && !isStopped { pthread_cond_wait(condition, mutex) }
            }
            do throws(FileError) {
                try reserve.release()
                result = free(through: watermark, beforeRemoving, &freed)
            } catch {
                result = .failure(LogError(.failed, "the space set aside cannot be used: \(error)"))
            }
        }
        reserve.fill()
        locked {
            isHeld = false
            pthread_cond_broadcast(condition)
        }
        try result.get()
        return freed
    }

    private func free(
        through watermark: UInt64, _ beforeRemoving: (UInt64, [[UInt8]]) throws(LogError) -> Void, _ freed: inout Int
    ) -> Result<Void, LogError> {
        do throws(LogError) {
            try removeSegments(through: watermark, beforeRemoving, &freed)
            let foundNoSpace = locked {
                guard !isStopping, !isStopped, state.endActive(through: watermark) else { return false }
                pthread_cond_broadcast(condition)
                while state.mustRotate && !isStopped { pthread_cond_wait(condition, mutex) }
                return state.rotationFoundNoSpace
            }
            if foundNoSpace { throw LogError(.full, "the disk has no space for a new log segment") }
            try removeSegments(through: watermark, beforeRemoving, &freed)
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// Oldest first, and each removal durable with the directory's sync before the next, so that what a crash leaves has
    /// no gap. What `beforeRemoving` keeps is durable before the segment goes.
    private func removeSegments(
        through watermark: UInt64, _ beforeRemoving: (UInt64, [[UInt8]]) throws(LogError) -> Void, _ freed: inout Int
    ) throws(LogError) {
        if hasUnsyncedRemoval { try syncRemoval() }
        for segment in locked({ state.removable(through: watermark) }) {
            var records: [[UInt8]] = []
            try forEachRecord(ofSegment: segment.first, bytes: segment.bytes) { records.append([UInt8]($1)) }
            try beforeRemoving(segment.first, records)
            do throws(FileError) {
                try storage.remove(LogFormat.segmentName(first: segment.first))
            } catch {
                throw Self.trimError(error)
            }
            hasUnsyncedRemoval = true
            locked { state.removed(segment) }
            freed += segment.bytes
            try syncRemoval()
        }
    }

    private func syncRemoval() throws(LogError) {
        do throws(FileError) {
            try storage.syncDirectory()
        } catch {
            throw Self.trimError(error)
        }
        hasUnsyncedRemoval = false
    }

    private static func trimError(_ error: FileError) -> LogError {
        LogError(error.isNoSpace ? .full : .failed, "the log cannot be trimmed: \(error)")
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
}
