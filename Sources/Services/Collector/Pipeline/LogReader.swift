import Batching
import Files
import Synchronization
import WriteAheadLog

/// A durable record of the log.
struct LogRecord: Sendable {
    let sequence: UInt64
    let payload: [UInt8]
}

/// Hands each durable record to every table that is ready for it, in order.
///
/// Records come from the log's thread while the event table keeps up and the queue has room. What does not fit is left in
/// the log and read back from there, which is also how a restart begins, and how a table that fell behind catches up.
/// Tables that are behind share one reading. So an outage costs disk, not memory.
final class LogReader: Sendable {
    private struct State {
        var queue: [LogRecord] = []
        /// The first of `queue` that was not handed out.
        var first = 0
        var bytes = 0
        /// What comes behind the queue is only in the log.
        var isBehind = true
        /// The sequence after the last one handed out of the queue.
        var head: UInt64 = 0

        var isEmpty: Bool { first == queue.count }
        /// Where records begin that a table need not read back; nil when it must read until there are no more.
        var live: UInt64? { isEmpty ? (isBehind ? nil : head) : queue[first].sequence }
    }

    private let log: any RecordLog
    private let state = Mutex(State())
    private let recent: Mutex<RecentKeys>

    private static let queueBytesMax = 32 << 20
    private static let readBytesMax = 8 << 20
    private static let chunkRecords = 64
    /// Between two readings of tables that are behind.
    private static let chunksAtOnce = 16

    init(log: any RecordLog, keysMax: Int) {
        self.log = log
        recent = Mutex(RecentKeys(keysMax: keysMax))
    }

    var queuedBytes: Int { state.withLock { $0.bytes } }

    /// The keys of the records from `first` on and before `next`, as far as they were handed out lately; nil when not all
    /// were. Those before are not asked for again.
    func keys(from first: UInt64, before next: UInt64) -> [DedupJournal.Key]? {
        recent.withLock { recent in
            recent.forget(before: first)
            return recent.keys(from: first, before: next)
        }
    }

    private func note(_ records: ArraySlice<LogRecord>) {
        recent.withLock { recent in
            for record in records { recent.note(record.payload, sequence: record.sequence) }
        }
    }

    /// Takes a durable record; called by the log's thread, in order.
    func take(_ sequence: UInt64, _ payload: [UInt8]) {
        state.withLock { state in
            guard !state.isBehind, state.bytes + payload.count <= Self.queueBytesMax else {
                state.isBehind = true
                return
            }
            state.queue.append(LogRecord(sequence: sequence, payload: payload))
            state.bytes += payload.count
        }
    }

    /// Hands out some records. False when there is nothing to do until a record comes or a table has room again.
    ///
    /// - Parameter tables: the event table first.
    func step(_ tables: [TablePipeline]) async throws(LogError) -> Bool {
        var hasMoved = false
        for _ in 0..<Self.chunksAtOnce {
            guard handQueued(tables) else { break }
            hasMoved = true
        }
        let live = state.withLock { $0.live }
        let behind = tables.compactMap(\.position).filter { $0.hasRoom && $0.next < live ?? .max }
        guard let from = behind.map(\.next).min() else { return hasMoved }
        return try await readBack(from: from, tables) || hasMoved
    }

    /// Hands a few records out of the queue; false when that would not do.
    private func handQueued(_ tables: [TablePipeline]) -> Bool {
        let (chunk, isBehind) = state.withLock { state in
            (state.queue[state.first...].prefix(Self.chunkRecords), state.isBehind)
        }
        guard let first = chunk.first?.sequence, let events = tables.first else { return false }
        var handed = chunk
        if let position = events.position {
            // The event table is worth waiting for, as long as what comes meanwhile has room in the queue.
            if position.next < first || !position.hasRoom, position.hasRoom || !isBehind { return false }
            events.append(chunk)
            if position.hasRoom, let next = events.position?.next {
                handed = chunk.prefix { $0.sequence < next }
            }
        }
        guard let last = handed.last?.sequence, tables.contains(where: { $0.position != nil }) else { return false }
        for table in tables.dropFirst() { table.append(handed) }
        note(handed)
        state.withLock { state in
            state.first += handed.count
            state.bytes -= handed.reduce(0) { $0 + $1.payload.count }
            state.head = last + 1
            if state.first >= 1024 || state.isEmpty {
                state.queue.removeFirst(state.first)
                state.first = 0
            }
        }
        return true
    }

    /// Reads records back from the log's files. False when there is nothing more there.
    private func readBack(from next: UInt64, _ tables: [TablePipeline]) async throws(LogError) -> Bool {
        let log = log
        let records = try await BlockingPool.shared.run { () throws(LogError) in
            try log.records(from: next, bytesMax: Self.readBytesMax).map { LogRecord(sequence: $0.0, payload: $0.1) }
        }
        guard records.isEmpty else {
            for table in tables { table.append(records[...]) }
            note(records[...])
            return true
        }
        return state.withLock { state in
            guard state.isEmpty, state.isBehind else { return false }
            // Nothing is left behind: from here on records come by the queue. One that was synced between the two looks,
            // and not queued, is still to be read.
            state.isBehind = log.status.syncedThrough >= next
            state.head = next
            return state.isBehind
        }
    }
}
