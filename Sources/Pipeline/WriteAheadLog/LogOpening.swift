import Clocks
import Failpoints
import Files

/// Opening a log: its identity, then its segments.
enum LogOpening {
    struct Opened {
        let identity: LogIdentity
        let segments: [LogRecovery.Segment]
        let next: UInt64
        let tornBytes: Int
        let activeFile: any LogFile
    }

    static func open(_ storage: any LogStorage, _ random: some RandomSource) throws(LogError) -> Opened {
        let result: Result<Opened, LogError>
        do throws(FileError) {
            result = try openFiles(storage, random)
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "the log cannot be opened: \(error)")
        }
        return try result.get()
    }

    private static func openFiles(
        _ storage: any LogStorage, _ random: some RandomSource
    ) throws(FileError) -> Result<Opened, LogError> {
        let names = try storage.list()
        for name in names where name.hasPrefix(".") && name.hasSuffix(".tmp") {
            // What a crash left of an atomic write; nothing reads it, and the space may be needed.
            try storage.remove(name)
        }
        let firsts = names.compactMap(LogFormat.firstSequence(ofSegment:)).sorted()
        guard names.contains(LogFormat.identityName) else { return try create(storage, firsts, random) }
        guard let identity = LogFormat.decodeIdentity(try storage.read(LogFormat.identityName)) else {
            return .failure(
                LogError(.corrupt, "the file \(LogFormat.identityName) is damaged. \(LogRecovery.advice)"))
        }
        guard !firsts.isEmpty else {
            // To begin again at 1 under the same identity would make the table take new events for old ones.
            return .failure(
                LogError(
                    .corrupt, "the log \(identity.id) has its identity but no segment. \(LogRecovery.advice)"))
        }
        return try recover(storage, identity, firsts)
    }

    /// The identity is written last: a directory without one holds a log that was never used.
    private static func create(
        _ storage: any LogStorage, _ firsts: [UInt64], _ random: some RandomSource
    ) throws(FileError) -> Result<Opened, LogError> {
        for first in firsts {
            let bytes = try storage.read(LogFormat.segmentName(first: first))
            guard first == 1, bytes.count <= LogFormat.headerBytes else {
                return .failure(
                    LogError(
                        .corrupt,
                        "the directory has log segments but no \(LogFormat.identityName). \(LogRecovery.advice)"))
            }
        }
        let identity = LogIdentity(id: .random(random), secret: .random(random))
        let file = try createSegment(storage, identity, first: 1)
        Failpoint.logBeforeIdentity.pass()
        try storage.writeAtomically(LogFormat.identityName, LogFormat.encodeIdentity(identity))
        Failpoint.logAfterIdentity.pass()
        let segment = LogRecovery.Segment(
            first: 1, next: 1, validBytes: LogFormat.headerBytes, fileBytes: LogFormat.headerBytes, needsHeader: false)
        return .success(Opened(identity: identity, segments: [segment], next: 1, tornBytes: 0, activeFile: file))
    }

    /// Makes a segment and its header, both durable before any frame is written.
    static func createSegment(
        _ storage: any LogStorage, _ identity: LogIdentity, first: UInt64
    ) throws(FileError) -> any LogFile {
        let file = try storage.create(LogFormat.segmentName(first: first))
        Failpoint.logAfterCreate.pass()
        try file.write(LogFormat.encodeHeader(identity, first: first), at: 0)
        Failpoint.logAfterHeader.pass()
        try file.synchronize()
        Failpoint.logAfterHeaderSync.pass()
        try storage.syncDirectory()
        return file
    }

    private static func recover(
        _ storage: any LogStorage, _ identity: LogIdentity, _ firsts: [UInt64]
    ) throws(FileError) -> Result<Opened, LogError> {
        var segments: [LogRecovery.Segment] = []
        for (index, first) in firsts.enumerated() {
            if let before = segments.last, before.next != first {
                return .failure(
                    LogError(
                        .corrupt,
                        "the log segment \(LogFormat.segmentName(first: before.first)) ends at byte \(before.validBytes): "
                            + "record \(before.next) to record \(first &- 1), up to the next segment, are missing. "
                            + LogRecovery.advice))
            }
            let bytes = try storage.read(LogFormat.segmentName(first: first))
            let isLast = index == firsts.count - 1
            let scanned = bytes.withUnsafeBytes { raw in
                Result { () throws(LogError) in
                    try LogRecovery.scan(raw, first: first, isLast: isLast, identity: identity)
                }
            }
            switch scanned {
            case .success(let segment): segments.append(segment)
            case .failure(let error): return .failure(error)
            }
        }
        guard let last = segments.last else { return .failure(LogError(.corrupt, "the log has no segment")) }
        return .success(try finish(storage, identity, segments, last))
    }

    /// Cuts the torn tail off in the file, not only in memory: a later frame must never stand behind it.
    private static func finish(
        _ storage: any LogStorage, _ identity: LogIdentity, _ segments: [LogRecovery.Segment],
        _ last: LogRecovery.Segment
    ) throws(FileError) -> Opened {
        var segments = segments
        let file: any LogFile
        if last.needsHeader {
            do throws(FileError) {
                file = try createSegment(storage, identity, first: last.first)
            } catch {
                guard error.isNoSpace, segments.count > 1 else { throw error }
                // It holds nothing, and the one before is whole: that one goes on. Durable with the directory's sync,
                // before any frame could be written that the removed file claims.
                try storage.remove(LogFormat.segmentName(first: last.first))
                try storage.syncDirectory()
                segments.removeLast()
                return try finish(storage, identity, segments, segments[segments.count - 1])
            }
            segments[segments.count - 1] = LogRecovery.Segment(
                first: last.first, next: last.next, validBytes: LogFormat.headerBytes,
                fileBytes: LogFormat.headerBytes, needsHeader: false)
        } else {
            file = try storage.open(LogFormat.segmentName(first: last.first))
            if last.fileBytes > last.validBytes {
                Failpoint.logBeforeCut.pass()
                try file.truncate(to: Int64(last.validBytes))
                Failpoint.logAfterCut.pass()
            }
            // Also for a whole file: a process may have died between its write and its sync, and from here on these
            // records count as durable.
            try file.synchronize()
            try storage.syncDirectory()
        }
        return Opened(
            identity: identity, segments: segments, next: last.next,
            tornBytes: last.needsHeader ? last.fileBytes : last.fileBytes - last.validBytes, activeFile: file)
    }
}
