import Files

/// One step of the files of a log, in the order of its members.
struct LogWork<Ticket> {
    /// May have no records.
    let group: LogMachine<Ticket>.Group
    /// Sync what earlier steps wrote: before a new segment claims that the old one is whole.
    let syncsFirst: Bool
    /// Begin the segment of this first sequence.
    let rotatesTo: UInt64?
    /// Where the group goes, in the segment that is then active.
    let offset: Int
    /// What the group's frames state.
    let syncedThrough: UInt64
    /// Sync the group.
    let syncsAfter: Bool
}

/// What became of a step.
struct LogOutcome {
    enum End {
        case done
        /// The disk is full; nothing of the group is in the file.
        case noSpace(FileError)
        /// The disk is full; there is no new segment, and nothing of the group is in any file.
        case noSpaceForSegment(FileError)
        /// The files may hold anything behind what was synced.
        case failed(String)
    }

    var isSynced = false
    var isRotated = false
    var end = End.done
}

/// What a step means for those outside.
package struct LogEffects<Ticket> {
    package typealias Record = (sequence: UInt64, payload: [UInt8])

    /// Records that are durable now, in order.
    package var durable: [Record] = []
    /// The fates of appends, in order; to be told after `durable` was handed on.
    package var told: [(ticket: Ticket, fate: Result<UInt64, LogError>)] = []
    /// Why nothing that was queued has been written; nil when it has.
    package var failure: LogError?

    package init() {}

    mutating func append(_ other: LogEffects) {
        durable += other.durable
        told += other.told
        failure = other.failure ?? failure
    }
}
