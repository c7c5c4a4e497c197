/// The log's state, without its files: which sequences wait, are written, are synced, and where they lie.
///
/// `Ticket` is whatever the owner wants back with a record's fate.
struct LogMachine<Ticket> {
    struct Entry {
        let sequence: UInt64
        let payload: [UInt8]
        let ticket: Ticket
    }

    /// Records to be written and synced together.
    struct Group {
        let entries: [Entry]
        let bytes: Int
        /// The current segment is full, or to be ended: begin the one that starts with the group's first sequence, or
        /// with the next one when the group has no records.
        let rotates: Bool
    }

    struct Segment: Equatable {
        let first: UInt64
        var bytes: Int
    }

    enum Health: Equatable {
        /// → poisoned, closed
        case open
        /// For good.
        case poisoned(String)
        /// For good.
        case closed
    }

    let bytesMax: Int
    let segmentBytes: Int
    let groupBytesMax: Int
    private(set) var health = Health.open
    /// Oldest first; the last one is written to.
    private(set) var segments: [Segment]
    /// Given to the next record.
    private(set) var nextSequence: UInt64
    private(set) var writtenThrough: UInt64
    private(set) var syncedThrough: UInt64
    private(set) var queue: [Entry] = []
    private(set) var queuedBytes = 0
    /// The active segment is to be ended before anything else is written.
    private(set) var mustRotate = false
    /// The last rotation found no space.
    private(set) var rotationFoundNoSpace = false
    /// A record was refused for want of space, and none was written since.
    private(set) var isShortOfSpace = false
    let syncsEveryGroup: Bool
    /// Written but not yet synced, when not every group is.
    private(set) var unsynced: [LogEffects<Ticket>.Record] = []

    init(
        bytesMax: Int, segmentBytes: Int, groupBytesMax: Int, segments: [Segment], nextSequence: UInt64,
        syncsEveryGroup: Bool = true
    ) {
        self.bytesMax = bytesMax
        self.segmentBytes = segmentBytes
        self.groupBytesMax = groupBytesMax
        self.segments = segments
        self.nextSequence = nextSequence
        self.syncsEveryGroup = syncsEveryGroup
        writtenThrough = nextSequence - 1
        syncedThrough = nextSequence - 1
    }

    var fileBytes: Int { segments.reduce(0) { $0 + $1.bytes } }
    var bytes: Int { fileBytes + queuedBytes }
    var firstSequence: UInt64 { segments.first?.first ?? nextSequence }

    var status: LogStatus {
        var why: String?
        if case .poisoned(let reason) = health { why = reason }
        return LogStatus(
            bytes: bytes, bytesMax: bytesMax, segments: segments.count, firstSequence: firstSequence,
            syncedThrough: syncedThrough, queuedRecords: queue.count, isShortOfSpace: isShortOfSpace, poisoned: why)
    }

    /// Takes a record into the queue and numbers it.
    mutating func enqueue(_ payload: [UInt8], _ ticket: Ticket) throws(LogError) -> UInt64 {
        switch health {
        case .open: break
        case .poisoned(let why): throw Self.poisoned(why)
        case .closed: throw LogError(.closed, "the log is closed")
        }
        guard !payload.isEmpty, payload.count <= LogFormat.payloadBytesMax else {
            throw LogError(
                .invalidRecord, "a record has 1 to \(LogFormat.payloadBytesMax) bytes, this one has \(payload.count)")
        }
        let frameBytes = LogFormat.frameHeaderBytes + payload.count
        guard bytes + frameBytes <= bytesMax else {
            isShortOfSpace = true
            throw LogError(.full, "the log has \(bytes) bytes of the \(bytesMax) allowed")
        }
        let sequence = nextSequence
        nextSequence += 1
        queue.append(Entry(sequence: sequence, payload: payload, ticket: ticket))
        queuedBytes += frameBytes
        return sequence
    }

    private static func poisoned(_ why: String) -> LogError {
        LogError(.poisoned, "the log takes nothing more until a restart: \(why)")
    }

    /// The records to write next; nil when none waits. They stay counted until `written` or `refused`. A group without
    /// records only ends the active segment; while records are held back there is no other.
    mutating func takeGroup(holdingRecords: Bool = false) -> Group? {
        guard health == .open else { return nil }
        if queue.isEmpty || holdingRecords { return mustRotate ? Group(entries: [], bytes: 0, rotates: true) : nil }
        var bytes = 0
        var count = 0
        for entry in queue {
            let next = bytes + LogFormat.frameHeaderBytes + entry.payload.count
            if count > 0 && next > groupBytesMax { break }
            bytes = next
            count += 1
        }
        let entries = Array(queue[..<count])
        queue.removeFirst(count)
        let active = segments.last?.bytes ?? 0
        let rotates = active > LogFormat.headerBytes && (mustRotate || active + bytes > segmentBytes)
        return Group(entries: entries, bytes: bytes, rotates: rotates)
    }

    /// A new segment was made durable.
    mutating func rotated(first: UInt64) {
        segments.append(Segment(first: first, bytes: LogFormat.headerBytes))
        mustRotate = false
        rotationFoundNoSpace = false
    }

    /// There was no space for a new segment: the active one goes on.
    mutating func rotationRefused() {
        mustRotate = false
        rotationFoundNoSpace = true
    }

    /// The group is in the file.
    mutating func written(_ group: Group) {
        guard let last = group.entries.last else { return }
        segments[segments.count - 1].bytes += group.bytes
        queuedBytes -= group.bytes
        writtenThrough = last.sequence
        isShortOfSpace = false
    }

    /// Everything up to `sequence` would survive a power loss.
    mutating func synced(through sequence: UInt64) { syncedThrough = max(syncedThrough, sequence) }

    /// The disk was full and nothing of the group is in the file: gives back everyone who waits, and their sequences.
    mutating func refused(_ group: Group) -> [Entry] {
        let failed = group.entries + queue
        queue.removeAll()
        queuedBytes = 0
        nextSequence = writtenThrough + 1
        isShortOfSpace = true
        return failed
    }

    /// The files may hold anything behind what was synced: nothing more is taken. Gives back everyone who waits.
    mutating func poison(_ why: String, _ group: Group?) -> [Entry] {
        let failed = (group?.entries ?? []) + queue
        queue.removeAll()
        queuedBytes = 0
        // A second sync may call safe what the first one lost.
        unsynced.removeAll()
        mustRotate = false
        health = .poisoned(why)
        return failed
    }

    mutating func close() {
        if health == .open { health = .closed }
    }

    /// The segments that hold nothing behind `watermark`; the one being written to is never among them. And where the
    /// next one begins.
    func removable(through watermark: UInt64) -> [(first: UInt64, next: UInt64, bytes: Int)] {
        let watermark = min(watermark, syncedThrough)
        return zip(segments, segments.dropFirst()).filter { $1.first <= watermark + 1 }
            .map { (first: $0.first, next: $1.first, bytes: $0.bytes) }
    }

    /// Asks for the active segment's end when `watermark` covers all of it, so that it can go too: when that is worth a
    /// new file, or when every byte counts.
    ///
    /// - Returns: whether it is asked for.
    mutating func endActive(through watermark: UInt64) -> Bool {
        guard canEndActive(through: watermark) else { return false }
        mustRotate = true
        rotationFoundNoSpace = false
        return true
    }

    func canEndActive(through watermark: UInt64) -> Bool {
        guard health == .open, let active = segments.last else { return false }
        return active.bytes > LogFormat.headerBytes && watermark >= writtenThrough && syncedThrough == writtenThrough
            && (isShortOfSpace || active.bytes > segmentBytes / 16)
    }

    mutating func removed(first: UInt64) { segments.removeAll { $0.first == first } }
}

// MARK: - Steps

extension LogMachine {
    /// What the files are to do next; nil when nothing waits. `absorb` follows before the next is asked for.
    mutating func nextWork(holdingRecords: Bool = false) -> LogWork<Ticket>? {
        guard let group = takeGroup(holdingRecords: holdingRecords) else { return nil }
        let rotatesTo = group.rotates ? group.entries.first?.sequence ?? writtenThrough + 1 : nil
        return LogWork(
            group: group, syncsFirst: group.rotates && !unsynced.isEmpty, rotatesTo: rotatesTo,
            offset: group.rotates ? LogFormat.headerBytes : segments.last?.bytes ?? 0, syncedThrough: syncedThrough,
            syncsAfter: syncsEveryGroup)
    }

    /// A sync of what was written; nil when all is synced.
    func syncWork() -> LogWork<Ticket>? {
        guard health == .open, !unsynced.isEmpty else { return nil }
        return LogWork(
            group: Group(entries: [], bytes: 0, rotates: false), syncsFirst: true, rotatesTo: nil, offset: 0,
            syncedThrough: syncedThrough, syncsAfter: false)
    }

    /// Takes note of what became of a step.
    mutating func absorb(_ work: LogWork<Ticket>, _ outcome: LogOutcome) -> LogEffects<Ticket> {
        var effects = LogEffects<Ticket>()
        if outcome.isSynced, let last = unsynced.last {
            synced(through: last.sequence)
            effects.durable = unsynced
            unsynced.removeAll()
        }
        if outcome.isRotated, let first = work.rotatesTo { rotated(first: first) }
        switch outcome.end {
        case .done:
            finish(work, &effects)
        case .noSpace(let error):
            tell(refused(work.group), LogError(.full, "the disk is full: \(error)"), &effects)
        case .noSpaceForSegment(let error):
            rotationRefused()
            if !work.group.entries.isEmpty {
                tell(refused(work.group), LogError(.full, "the disk is full: \(error)"), &effects)
            }
        case .failed(let why):
            tell(poison(why, work.group), Self.poisoned(why), &effects)
        }
        return effects
    }

    private mutating func finish(_ work: LogWork<Ticket>, _ effects: inout LogEffects<Ticket>) {
        let entries = work.group.entries
        guard let last = entries.last else { return }
        written(work.group)
        if work.syncsAfter {
            synced(through: last.sequence)
            effects.durable += entries.map { ($0.sequence, $0.payload) }
        } else {
            unsynced += entries.map { ($0.sequence, $0.payload) }
        }
        effects.told = entries.map { ($0.ticket, .success($0.sequence)) }
    }

    private func tell(_ entries: [Entry], _ error: LogError, _ effects: inout LogEffects<Ticket>) {
        effects.told = entries.map { ($0.ticket, .failure(error)) }
        effects.failure = error
    }
}
