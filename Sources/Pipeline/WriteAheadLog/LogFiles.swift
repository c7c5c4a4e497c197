import Failpoints
import Files
import Glibc

/// The files of a log being written: carries out one step after another. Blocks; no two at a time.
struct LogFiles: Sendable {
    private let storage: any LogStorage
    private let identity: LogIdentity
    private let seed: UInt32
    private var active: any LogFile
    /// Half a group was cut off the active segment, and a power loss may bring it back.
    private var hasUnsyncedCut = false

    init(_ storage: any LogStorage, _ identity: LogIdentity, active: any LogFile) {
        self.storage = storage
        self.identity = identity
        self.active = active
        seed = LogFormat.seed(identity)
    }

    mutating func perform<Ticket>(_ work: LogWork<Ticket>) -> LogOutcome {
        var outcome = LogOutcome()
        do throws(FileError) {
            if work.syncsFirst {
                try synchronize()
                outcome.isSynced = true
            }
            if let first = work.rotatesTo {
                // Behind a newer segment, what comes back would be damage and not a torn tail.
                if hasUnsyncedCut { try synchronize() }
                if let error = try rotate(first) {
                    outcome.end = .noSpaceForSegment(error)
                    return outcome
                }
                outcome.isRotated = true
            }
            if let error = try write(work) { outcome.end = .noSpace(error) }
        } catch {
            outcome.end = .failed(error.description)
        }
        return outcome
    }

    /// The new segment and its header are durable before the old one stops being the last.
    ///
    /// - Returns: why there is no space for it; then no file of that name is left.
    private mutating func rotate(_ first: UInt64) throws(FileError) -> FileError? {
        do throws(FileError) {
            try Failpoint.logBeforeRotate.pass { failure }
            active = try LogOpening.createSegment(storage, identity, first: first)
            try Failpoint.logAfterRotate.pass { failure }
            return nil
        } catch {
            guard error.isNoSpace else { throw error }
            // The same sequences may yet fit into the old segment: then no file may stand here that claims them.
            try storage.remove(LogFormat.segmentName(first: first))
            try storage.syncDirectory()
            return error
        }
    }

    /// - Returns: why there is no space for the group; then nothing of it is left.
    private mutating func write<Ticket>(_ work: LogWork<Ticket>) throws(FileError) -> FileError? {
        guard !work.group.entries.isEmpty else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(work.group.bytes)
        for entry in work.group.entries {
            LogFormat.appendFrame(
                entry.payload, sequence: entry.sequence, syncedThrough: work.syncedThrough, seed: seed, to: &bytes)
        }
        do throws(FileError) {
            try Failpoint.logBeforeWrite.pass { failure }
            try active.write(bytes, at: Int64(work.offset))
            try Failpoint.logAfterWrite.pass { failure }
        } catch {
            guard error.isNoSpace else { throw error }
            // No half frame stays behind: the next group is written where this one was to be.
            hasUnsyncedCut = true
            try active.truncate(to: Int64(work.offset))
            return error
        }
        if work.syncsAfter { try synchronize() }
        return nil
    }

    private mutating func synchronize() throws(FileError) {
        try Failpoint.logBeforeSync.pass { failure }
        try active.synchronize()
        hasUnsyncedCut = false
        try Failpoint.logAfterSync.pass { failure }
    }

    private var failure: FileError { FileError(operation: "failpoint", path: "log", errno: EIO) }
}
