import Bytes
import Clocks
import Events
import Glibc

/// When buffers are sealed, and what all of them may take.
package struct BatchLimits: Hashable, Sendable {
    /// A partition with this many events makes a batch due.
    package var partitionEventsMax = 2000
    /// A partition with this many bytes makes a batch due.
    package var partitionBytesMax = 1 << 20
    /// So does an event that has waited this long.
    package var ageMillisecondsMax: Int64 = 30_000
    /// Events of one open buffer: a fuller one is closed and the partition gets another, in the same file.
    package var openEventsMax = 5000
    /// When the open buffers take this much together, those worth a row group are closed: the many hours of history that is
    /// sent at once would all stay open.
    package var openBytesMax = 32 << 20
    /// All rows together. What does not fit stays in the log until there is room.
    package var memoryBytesMax = 256 << 20
    /// Partitions of one batch, each of which becomes a file; more make a batch due.
    package var partitionsMax = 1000

    package init() {}
}

/// The buffers of one table's partitions: takes records of the log in order, and gives what is in them for the table as
/// one batch.
///
/// A batch always takes every buffer. So a batch is a range of the log without gaps, and "everything up to its last
/// sequence is in the table" is one number.
package struct BatchMachine: Sendable {
    /// One partition's rows: full buffers, then the open one.
    package struct Buffer: Sendable {
        package var closed: [ClosedRows] = []
        package var open: EventRows
        /// When its first event came, in milliseconds of the monotonic clock.
        package let since: Int64
        /// The next buffer whose type and hour have the same hash.
        fileprivate var nextOfHash: Int?
        fileprivate let typeBytes: [UInt8]

        package var partition: EventPartition { open.partition }
        package var count: Int { closed.reduce(open.count) { $0 + $1.count } }
        package var bytes: Int { closed.reduce(open.bytes) { $0 + $1.bytes } }
        /// When the event received last was received, in microseconds since 1970.
        package var newestReceivedAt: Int64 { closed.reduce(open.newestReceivedAt) { max($0, $1.newestReceivedAt) } }
    }

    package let limits: BatchLimits
    package let filter: EventFilter
    /// The sequence that comes next.
    package private(set) var nextSequence: UInt64
    package private(set) var buffers: [Buffer] = []
    package private(set) var events = 0
    package private(set) var bytes = 0
    /// The next batch begins here.
    private var firstSequence: UInt64
    /// The first record behind `firstSequence` with an event for the table.
    private var firstWithEvents: UInt64?
    private var oldest: Int64?
    private var isFull = false
    private var firstOfHash: [UInt64: Int] = [:]
    private var last = 0
    /// Counts batches, also those that were forgotten.
    private var batch = 0
    /// Closed since they were last taken.
    private var newlyClosed: [ClosedRows] = []
    /// What the open buffers take, and when the larger ones are closed.
    private var openBytes = 0
    private var openBytesNext: Int

    package init(limits: BatchLimits, filter: EventFilter = .accepted, nextSequence: UInt64) {
        self.limits = limits
        self.filter = filter
        self.nextSequence = nextSequence
        firstSequence = nextSequence
        openBytesNext = limits.openBytesMax
    }

    /// Rows of this size are worth a row group of their own.
    package static let rowGroupBytes = 1 << 20
    /// An open buffer of this size is closed, however few its events.
    static let bufferBytesMax = 4 << 20
    /// What each buffer takes even with one small event.
    static let bufferBytes = 4096

    /// Whether another record fits, given what batches in flight still hold.
    package func hasRoom(besides bytesInFlight: Int) -> Bool {
        bytes + bytesInFlight < limits.memoryBytesMax && buffers.count < 4 * limits.partitionsMax
    }

    /// No record taken so far up to this one, and not yet sealed, has an event for the table: with what was sealed
    /// committed, the table has the log up to here.
    package var idleThrough: UInt64 { (firstWithEvents ?? nextSequence) - 1 }

    /// The rows of buffers that have become full since the last call: they can be encoded.
    package mutating func takeNewlyClosed() -> [ClosedRows] {
        defer { newlyClosed.removeAll() }
        return newlyClosed
    }

    /// `rows`, which take `encodedBytes` now, count only for these. False when they are in no open buffer any more.
    package mutating func noteEncoded(_ rows: ClosedRows, encodedBytes: Int) -> Bool {
        guard rows.batch == batch else { return false }
        bytes -= max(0, rows.bytes - encodedBytes)
        return true
    }

    /// Lets the next batch begin behind `sequence`, which the table was made to say; it is at most `idleThrough`.
    package mutating func advance(through sequence: UInt64) {
        precondition(sequence <= idleThrough, "records with events are committed, not passed over")
        firstSequence = max(firstSequence, sequence + 1)
    }

    /// Takes the record that comes next.
    ///
    /// - Throws: when the bytes are no record; the buffers may then hold part of it, so the machine is not to be used on.
    package mutating func append(
        _ record: UnsafeRawBufferPointer, sequence: UInt64, at milliseconds: Int64
    ) throws(EventBodyError) {
        precondition(sequence == nextSequence, "records are taken in order, without gaps")
        var fields: [(EventContext.Field, Range<Int>)] = []
        let head = try EventRecord.readHead(record) { fields.append(($0, $1)) }
        var shared = EventRows.Shared(receivedAt: head.receivedAt)
        for (field, value) in fields { shared.add(field, value) }
        let eventsBefore = events
        var at = head.eventsOffset
        for _ in 0..<head.count {
            guard let event = EncodedEvent(record, at: at) else {
                throw EventBodyError(.failed, "record \(sequence) of the log is damaged at byte \(at)")
            }
            at = event.end
            guard filter.admits(event, record) else { continue }
            events += 1
            let index = buffer(for: event, record, at: milliseconds)
            let before = buffers[index].open.bytes
            buffers[index].open.append(event, in: record, shared)
            let taken = buffers[index].open.bytes - before
            openBytes += taken
            bytes += taken + shared.bytes
            closeIfFull(index)
        }
        if openBytes >= openBytesNext { closeLargeOnes() }
        nextSequence += 1
        guard events > eventsBefore else { return }
        if oldest == nil { oldest = milliseconds }
        if firstWithEvents == nil { firstWithEvents = sequence }
    }

    private mutating func closeIfFull(_ index: Int) {
        let count = buffers[index].open.count
        if count >= limits.partitionEventsMax || buffers[index].open.bytes >= limits.partitionBytesMax {
            isFull = true
        }
        if count >= limits.openEventsMax || buffers[index].open.bytes >= Self.bufferBytesMax {
            close(index)
        }
    }

    private mutating func close(_ index: Int) {
        let rows = ClosedRows(buffers[index].open, batch: batch)
        buffers[index].closed.append(rows)
        newlyClosed.append(rows)
        buffers[index].open = EventRows(like: buffers[index].open)
        openBytes -= rows.bytes
    }

    private mutating func closeLargeOnes() {
        for index in buffers.indices where buffers[index].open.bytes >= Self.rowGroupBytes { close(index) }
        openBytesNext = max(limits.openBytesMax, openBytes + limits.openBytesMax / 8)
    }

    private mutating func buffer(for event: EncodedEvent, _ raw: UnsafeRawBufferPointer, at milliseconds: Int64) -> Int
    {
        let hour = Timestamp.floorDivide(event.time, 3_600_000_000)
        let type = UnsafeRawBufferPointer(rebasing: raw[event.type])
        if last < buffers.count, matches(buffers[last], type, hour) { return last }
        let hash = Self.hash(type, hour)
        var index = firstOfHash[hash]
        while let candidate = index {
            if matches(buffers[candidate], type, hour) {
                last = candidate
                return candidate
            }
            index = buffers[candidate].nextOfHash
        }
        let partition = EventPartition(type: String(decoding: type, as: UTF8.self), hour: hour)
        buffers.append(
            Buffer(
                open: EventRows(partition), since: milliseconds, nextOfHash: firstOfHash[hash],
                typeBytes: [UInt8](type)))
        last = buffers.count - 1
        firstOfHash[hash] = last
        bytes += Self.bufferBytes
        if buffers.count >= limits.partitionsMax { isFull = true }
        return last
    }

    private func matches(_ buffer: Buffer, _ type: UnsafeRawBufferPointer, _ hour: Int64) -> Bool {
        guard buffer.open.partition.hour == hour, buffer.typeBytes.count == type.count else { return false }
        guard let other = type.baseAddress else { return true }
        return buffer.typeBytes.withUnsafeBytes { own in
            own.baseAddress.map { memcmp($0, other, type.count) == 0 } ?? true
        }
    }

    /// As FNV-1a, eight bytes at a time: only spreads; equality is decided by the bytes.
    private static func hash(_ type: UnsafeRawBufferPointer, _ hour: Int64) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(bitPattern: hour)
        func take(_ bits: UInt64) {
            hash = (hash ^ bits) &* 0x100_0000_01b3
            hash ^= hash >> 32
        }
        var at = 0
        while type.count - at >= 8 {
            take(type.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            at += 8
        }
        while at < type.count {
            take(UInt64(type[at]))
            at += 1
        }
        return hash
    }

    /// Whether a batch should be sealed now.
    package func isDue(at milliseconds: Int64) -> Bool {
        isFull || bytes >= limits.memoryBytesMax / 2
            || oldest.map { milliseconds - $0 >= limits.ageMillisecondsMax } ?? false
    }

    /// When a batch is due by age alone; nil while there is no event.
    package var deadline: Int64? { oldest.map { $0 + limits.ageMillisecondsMax } }

    /// Takes all buffers as one batch; nil when no event has come since the last.
    package mutating func seal() -> SealedBatch? {
        guard events > 0 else { return nil }
        let batch = SealedBatch(
            first: firstSequence, last: nextSequence - 1, buffers: buffers.filter { $0.count > 0 }, events: events,
            bytes: bytes, number: batch)
        reset(to: nextSequence)
        return batch
    }

    /// Forgets all buffers and begins again at `sequence`: what was in them is still in the log.
    package mutating func reset(to sequence: UInt64) {
        nextSequence = sequence
        firstSequence = sequence
        firstWithEvents = nil
        batch += 1
        newlyClosed.removeAll()
        openBytes = 0
        openBytesNext = limits.openBytesMax
        buffers.removeAll()
        firstOfHash.removeAll()
        events = 0
        bytes = 0
        oldest = nil
        isFull = false
        last = 0
    }
}

/// Records `first` to `last` of the log, by partition.
package struct SealedBatch: Sendable {
    package let first: UInt64
    package let last: UInt64
    package let buffers: [BatchMachine.Buffer]
    package let events: Int
    package let bytes: Int
    /// As `ClosedRows.batch`.
    package let number: Int

    package init(
        first: UInt64, last: UInt64, buffers: [BatchMachine.Buffer], events: Int, bytes: Int, number: Int = 0
    ) {
        self.first = first
        self.last = last
        self.buffers = buffers
        self.events = events
        self.bytes = bytes
        self.number = number
    }
}
