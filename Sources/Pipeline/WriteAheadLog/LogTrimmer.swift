import Failpoints
import Files
import Glibc

/// A log as it is while it is being trimmed: others may append to it meanwhile.
protocol TrimmedLog {
    /// The segments that hold nothing behind `watermark`, oldest first, and where the next one begins.
    func removable(through watermark: UInt64) -> [(first: UInt64, next: UInt64, bytes: Int)]
    /// The file of this segment is gone.
    func removed(first: UInt64)
    /// Ends the active segment, if all of it is behind `watermark` and it is worth it.
    ///
    /// - Returns: false when there was no space for a new one.
    func endActive(through watermark: UInt64) -> Bool
    /// From its return on nothing that is appended reaches the disk.
    func holdAppends()
    func releaseAppends()
}

/// A segment that is about to go.
package struct LeavingSegment: Sendable {
    package let first: UInt64
    /// Where the next segment begins.
    package let next: UInt64
    fileprivate let bytes: Int
    fileprivate let reader: LogReader

    /// Its records, from the file. Blocks, and holds the whole segment in memory twice.
    package func records() throws(LogError) -> [[UInt8]] {
        var records: [[UInt8]] = []
        try reader.forEachRecord(of: first, bytes: bytes) { records.append([UInt8]($1)) }
        return records
    }
}

/// Frees what is behind the watermark. One caller at a time.
struct LogTrimmer: Sendable {
    /// Sees a segment before it goes, and makes what it wants of its records durable.
    typealias BeforeRemoving = (LeavingSegment) throws(LogError) -> Void

    private let reader: LogReader
    private var reserve: SpaceReserve
    /// A segment's name is gone, but a power loss may bring it back.
    private var hasUnsyncedRemoval = false

    init(_ reader: LogReader, reserveBytes: Int) {
        self.reader = reader
        reserve = SpaceReserve(reader.storage, bytesWanted: reserveBytes)
        reserve.fill()
    }

    /// - Returns: how many bytes were freed.
    mutating func trim(
        _ log: some TrimmedLog, through watermark: UInt64, _ beforeRemoving: BeforeRemoving
    ) throws(LogError) -> Int {
        var freed = 0
        try withReserve(log) { trimmer throws(LogError) in
            try trimmer.free(log, through: watermark, beforeRemoving, &freed)
        }
        return freed
    }

    /// Does `body`, and once more with the space set aside when the disk has none.
    mutating func withReserve(
        _ log: some TrimmedLog, _ body: (inout LogTrimmer) throws(LogError) -> Void
    ) throws(LogError) {
        var result = outcome(body)
        if case .failure(let error) = result, error.code == .full {
            // Appends would take what is given back before it has served.
            log.holdAppends()
            do throws(FileError) {
                try reserve.release()
                result = outcome(body)
            } catch {
                result = .failure(LogError(.failed, "the space set aside cannot be used: \(error)"))
            }
        }
        reserve.fill()
        log.releaseAppends()
        try result.get()
    }

    private mutating func outcome(
        _ body: (inout LogTrimmer) throws(LogError) -> Void
    ) -> Result<Void, LogError> {
        do throws(LogError) {
            return .success(try body(&self))
        } catch {
            return .failure(error)
        }
    }

    private mutating func free(
        _ log: some TrimmedLog, through watermark: UInt64, _ beforeRemoving: BeforeRemoving, _ freed: inout Int
    ) throws(LogError) {
        try removeSegments(log, through: watermark, beforeRemoving, &freed)
        guard log.endActive(through: watermark) else {
            throw LogError(.full, "the disk has no space for a new log segment")
        }
        try removeSegments(log, through: watermark, beforeRemoving, &freed)
    }

    /// Oldest first, and each removal durable with the directory's sync before the next, so that what a crash leaves has
    /// no gap. What `beforeRemoving` keeps is durable before the segment goes.
    private mutating func removeSegments(
        _ log: some TrimmedLog, through watermark: UInt64, _ beforeRemoving: BeforeRemoving, _ freed: inout Int
    ) throws(LogError) {
        if hasUnsyncedRemoval { try syncRemoval() }
        for segment in log.removable(through: watermark) {
            Failpoint.trimBeforeKeys.pass()
            try beforeRemoving(
                LeavingSegment(first: segment.first, next: segment.next, bytes: segment.bytes, reader: reader))
            Failpoint.trimAfterKeys.pass()
            do throws(FileError) {
                try Failpoint.trimBeforeUnlink.pass { Self.failure }
                try reader.storage.remove(LogFormat.segmentName(first: segment.first))
            } catch {
                throw Self.trimError(error)
            }
            hasUnsyncedRemoval = true
            log.removed(first: segment.first)
            freed += segment.bytes
            Failpoint.trimAfterUnlink.pass()
            try syncRemoval()
            Failpoint.trimAfterDirectorySync.pass()
        }
    }

    private mutating func syncRemoval() throws(LogError) {
        do throws(FileError) {
            try reader.storage.syncDirectory()
        } catch {
            throw Self.trimError(error)
        }
        hasUnsyncedRemoval = false
    }

    private static var failure: FileError { FileError(operation: "failpoint", path: "log", errno: EIO) }

    private static func trimError(_ error: FileError) -> LogError {
        LogError(error.isNoSpace ? .full : .failed, "the log cannot be trimmed: \(error)")
    }
}
