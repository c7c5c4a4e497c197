import Checksums
import Clocks
import Files
import Synchronization
import WriteAheadLog

/// The lives of a log: a random id for every start of a collector over its directory, kept in the file `lives` there.
///
/// Layout: lines of 36 characters and a line feed, the oldest first, then zeros. The zeros are disk space: on a full disk
/// nothing could be committed, and so nothing trimmed, if a life could not be written down. A line is an id, or says where
/// the log ended when the first life after that id began: `end 00000000000000000005 crc`, and eight digits of CRC-32C.
///
/// A life is written down before its first commit, and not earlier: a collector that starts over and over without ever
/// committing does not push out the life that committed last. The end is written down before anything is accepted: what
/// follows it in this directory no earlier life can have committed, whatever the log has grown to when a later one looks.
/// Where the disk is too full even for that, the log opens, commits and is trimmed, but accepts nothing (`noteEnd`).
package final class LogLives: Sendable {
    package static let fileName = "lives"
    /// The newest are kept, 10,000 lives at least; a table that has not seen a commit through so many restarts halts with
    /// an explanation.
    static let linesMax = 20_000
    static let lineBytes = 37
    /// Without what is in it, the file has room for about 880 lives.
    private static let fileBytesMin = 64 << 10

    package let life: UUID
    private let known: [Line]
    private let logEnd: UInt64
    private let storage: any LogStorage
    private let notes: Mutex<Notes>
    private let isEndNoted: Atomic<Bool>
    /// The newest marks of this life, of all tables: a second committer of a table must know what the first one made.
    private let marks = Mutex<[CommitMark]>([])
    private static let marksMax = 4096

    /// What is not durable yet of the lines of this life.
    private struct Notes {
        /// Where the log ended, the last line of `known`.
        var end: UInt64?
        var isLifeRecorded = false
    }

    private enum Line: Equatable {
        case life(UUID)
        case end(UInt64)
    }

    /// Reads the file, makes it where there is none or it is nearly full, and writes the log's end down where no life has
    /// done so since the last commit. Blocks.
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
        // The file that is there stays as it was on a full disk; there may be room when this life is to be written down.
        var lines = found
        do throws(FileError) {
            if (found.count + 3) * Self.lineBytes > bytes?.count ?? 0 {
                lines = Array(found.suffix(Self.linesMax))
                try storage.writeAtomically(Self.fileName, Self.content(lines))
            }
        } catch {
            lines = found
            guard error.isNoSpace else { throw CommitError(.failed, "the lives of the log cannot be kept: \(error)") }
        }
        var end: UInt64?
        switch lines.last {
        case .life:
            lines.append(.end(logEnd))
            end = logEnd
        // Who wrote it may have ended before it was synced.
        case .end(let noted): end = noted
        case nil: break
        }
        known = lines
        notes = Mutex(Notes(end: end))
        isEndNoted = Atomic(end == nil)
        do throws(FileError) {
            try notes.withLock { notes throws(FileError) in try writeEnd(&notes) }
        } catch {
            guard error.isNoSpace else {
                throw CommitError(.failed, "the end of the log cannot be written down: \(error)")
            }
        }
    }

    private static func parse(_ bytes: [UInt8]) throws(CommitError) -> [Line] {
        var lines: [Line] = []
        var at = 0
        while at < bytes.count, bytes[at] != 0 {
            let bytesOfLine = bytes[at..<min(bytes.count, at + lineBytes)]
            guard let line = Self.line(bytesOfLine) else {
                // A crash while it was written: that life has committed nothing.
                if bytes[bytesOfLine.endIndex...].allSatisfy({ $0 == 0 }) { break }
                throw CommitError(
                    .contradiction,
                    "the file \(fileName) of the log directory is damaged at byte \(at). Restore it from a copy, or move the "
                        + "log directory away to begin a new log")
            }
            lines.append(line)
            at = bytesOfLine.endIndex
        }
        return lines
    }

    private static func line(_ bytes: ArraySlice<UInt8>) -> Line? {
        guard bytes.count == lineBytes, bytes.last == 0x0A else { return nil }
        let text = String(decoding: bytes.dropLast(), as: UTF8.self)
        if let life = UUID(text) { return .life(life) }
        guard text.utf8.count == lineBytes - 1, text.hasPrefix("end "),
            let end = UInt64(text.dropFirst(4).prefix(20))
        else { return nil }
        return text == Self.text(.end(end)) ? .end(end) : nil
    }

    private static func text(_ line: Line) -> String {
        switch line {
        case .life(let life): return "\(life)"
        case .end(let end):
            let digits = padded(String(end), to: 20)
            return "end \(digits) crc\(padded(String(CRC32C.checksum(Array(digits.utf8)), radix: 16), to: 8))"
        }
    }

    private static func padded(_ digits: String, to count: Int) -> String {
        String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }

    private static func content(_ lines: [Line]) -> [UInt8] {
        var bytes = lines.flatMap { Array("\(text($0))\n".utf8) }
        bytes += [UInt8](repeating: 0, count: max(fileBytesMin, bytes.count * 2) - bytes.count)
        return bytes
    }

    /// For one table of the log.
    package var fence: CommitFence {
        CommitFence(
            life: life, predecessors: predecessors, logEnd: logEnd, attempted: Set(marks.withLock { $0 }))
    }

    /// With the end of the log that was written down next after each, which is the least.
    private var predecessors: [UUID: UInt64] {
        var lives: [UUID: UInt64] = [:]
        var end = logEnd
        for line in known.reversed() {
            switch line {
            case .life(let life): lives[life] = end
            case .end(let noted): end = min(end, noted)
            }
        }
        return lives
    }

    /// To be called before each commit: remembers its mark, and writes this life down, durably, the first time. Blocks.
    package func record(_ mark: CommitMark? = nil) throws(CommitError) {
        if let mark {
            marks.withLock { marks in
                if marks.count >= Self.marksMax { marks.removeFirst(marks.count / 2) }
                if marks.last != mark { marks.append(mark) }
            }
        }
        do throws(FileError) {
            try notes.withLock { notes throws(FileError) in
                guard !notes.isLifeRecorded else { return }
                try writeEnd(&notes)
                try writeLife()
                notes.isLifeRecorded = true
            }
        } catch {
            throw CommitError(.unavailable, "the life of this process cannot be written down: \(error)")
        }
    }

    /// To be called before each append: where the disk was full when the log was opened, writes down where it ended,
    /// durably. Blocks only then.
    ///
    /// - Throws: what the disk says; nothing may be appended then.
    package func noteEnd() throws(FileError) {
        guard !isEndNoted.load(ordering: .acquiring) else { return }
        try notes.withLock { notes throws(FileError) in try writeEnd(&notes) }
    }

    private func writeEnd(_ notes: inout Notes) throws(FileError) {
        guard let end = notes.end else { return }
        try Self.write(.end(end), after: known.dropLast(), to: storage)
        notes.end = nil
        isEndNoted.store(true, ordering: .releasing)
    }

    private func writeLife() throws(FileError) {
        guard try storage.list().contains(Self.fileName) else {
            return try storage.writeAtomically(Self.fileName, Self.content(known + [.life(life)]))
        }
        try Self.write(.life(life), after: known, to: storage)
        // An attempt before this one may have made the file and failed to make its name durable.
        try storage.syncDirectory()
    }

    private static func write(_ line: Line, after lines: some Collection<Line>, to storage: any LogStorage)
        throws(FileError)
    {
        let file = try storage.open(fileName)
        try file.write(Array("\(text(line))\n".utf8), at: Int64(lines.count * lineBytes))
        try file.synchronize()
    }
}
