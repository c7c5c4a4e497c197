import Clocks
import Files
import Synchronization
import WriteAheadLog

/// The lives of a log: a random id for every start of a collector over its directory, kept in the file `lives` there.
///
/// Layout: an id of 36 characters and a line feed each, the oldest first, then zeros. The zeros are disk space: on a full
/// disk nothing could be committed, and so nothing trimmed, if a life could not be written down.
///
/// A life is written down before its first commit, and not earlier: a collector that starts over and over without ever
/// committing does not push out the life that committed last.
package final class LogLives: Sendable {
    package static let fileName = "lives"
    /// The newest are kept; a table that has not seen a commit through so many restarts halts with an explanation.
    static let livesMax = 10_000
    static let lineBytes = 37
    /// Without the lives that are in it, the file has room for about 1,700.
    private static let fileBytesMin = 64 << 10

    package let life: UUID
    private let known: [UUID]
    private let logEnd: UInt64
    private let storage: any LogStorage
    private let isRecorded = Mutex(false)
    /// The newest marks of this life, of all tables: a second committer of a table must know what the first one made.
    private let marks = Mutex<[CommitMark]>([])
    private static let marksMax = 4096

    /// Reads the file, and makes it where there is none or it is nearly full. Blocks.
    ///
    /// - Parameter logEnd: the last durable record of the log, before anything is appended.
    /// - Throws: `.contradiction` for a damaged file, `.failed` for one that cannot be read.
    package init(
        storage: any LogStorage, logEnd: UInt64, random: some RandomSource = SystemRandom()
    ) throws(CommitError) {
        self.storage = storage
        self.logEnd = logEnd
        life = .random(random)
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try storage.list().contains(Self.fileName) ? try storage.read(Self.fileName) : nil
        } catch {
            throw CommitError(.failed, "the lives of the log cannot be read: \(error)")
        }
        let found = try Self.parse(bytes ?? [])
        guard (found.count + 2) * Self.lineBytes > bytes?.count ?? 0 else {
            known = found
            return
        }
        known = found.suffix(Self.livesMax)
        do throws(FileError) {
            try storage.writeAtomically(Self.fileName, Self.content(known))
        } catch {
            // There may be room when the life is to be written down; a file that is there stays as it was.
            guard error.isNoSpace else { throw CommitError(.failed, "the lives of the log cannot be kept: \(error)") }
        }
    }

    private static func parse(_ bytes: [UInt8]) throws(CommitError) -> [UUID] {
        var lives: [UUID] = []
        var at = 0
        while at < bytes.count, bytes[at] != 0 {
            let line = bytes[at..<min(bytes.count, at + lineBytes)]
            guard line.last == 0x0A, let life = UUID(String(decoding: line.dropLast(), as: UTF8.self)) else {
                // A crash while it was written: that life has committed nothing.
                if bytes[line.endIndex...].allSatisfy({ $0 == 0 }) { break }
                throw CommitError(
                    .contradiction,
                    "the file \(fileName) of the log directory is damaged at byte \(at). Restore it from a copy, or move the "
                        + "log directory away to begin a new log")
            }
            lives.append(life)
            at = line.endIndex
        }
        return lives
    }

    private static func content(_ lives: [UUID]) -> [UInt8] {
        var bytes = lives.flatMap { Array("\($0)\n".utf8) }
        bytes += [UInt8](repeating: 0, count: max(fileBytesMin, bytes.count * 2) - bytes.count)
        return bytes
    }

    /// For one table of the log.
    package var fence: CommitFence {
        CommitFence(
            life: life, predecessors: Set(known), logEnd: logEnd, attempted: Set(marks.withLock { $0 }))
    }

    /// To be called before each commit: remembers its mark, and writes this life down, durably, the first time. Blocks.
    package func record(_ mark: CommitMark? = nil) throws(CommitError) {
        if let mark {
            marks.withLock { marks in
                if marks.count >= Self.marksMax { marks.removeFirst(marks.count / 2) }
                if marks.last != mark { marks.append(mark) }
            }
        }
        let failure = isRecorded.withLock { isRecorded -> FileError? in
            guard !isRecorded else { return nil }
            do throws(FileError) {
                try write()
                isRecorded = true
                return nil
            } catch {
                return error
            }
        }
        if let failure {
            throw CommitError(.unavailable, "the life of this process cannot be written down: \(failure)")
        }
    }

    private func write() throws(FileError) {
        let line = Array("\(life)\n".utf8)
        guard try storage.list().contains(Self.fileName) else {
            return try storage.writeAtomically(Self.fileName, Self.content(known + [life]))
        }
        let file = try storage.open(Self.fileName)
        try file.write(line, at: Int64(known.count * Self.lineBytes))
        try file.synchronize()
    }
}
