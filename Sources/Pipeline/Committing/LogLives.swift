import Clocks
import Files
import Synchronization
import WriteAheadLog

/// The lives of a log: a random id for every start of a collector over its directory, kept in the file `lives` there, an
/// id a line, the oldest first.
///
/// A life is written down before its first commit, and not earlier: a collector that starts over and over without ever
/// committing does not push out the life that committed last.
package final class LogLives: Sendable {
    package static let fileName = "lives"
    /// The newest are kept; a table that has not seen a commit through so many restarts halts with an explanation.
    static let livesMax = 10_000

    package let life: UUID
    private let known: [UUID]
    private let logEnd: UInt64
    private let storage: any LogStorage
    private let isRecorded = Mutex(false)

    /// Blocks.
    ///
    /// - Parameter logEnd: the last durable record of the log, before anything is appended.
    /// - Throws: `.contradiction` for a damaged file, `.failed` for one that cannot be read.
    package init(
        storage: any LogStorage, logEnd: UInt64, random: some RandomSource = SystemRandom()
    ) throws(CommitError) {
        self.storage = storage
        self.logEnd = logEnd
        life = .random(random)
        var text = ""
        do throws(FileError) {
            if try storage.list().contains(Self.fileName) {
                text = String(decoding: try storage.read(Self.fileName), as: UTF8.self)
            }
        } catch {
            throw CommitError(.failed, "the lives of the log cannot be read: \(error)")
        }
        var known: [UUID] = []
        for line in text.split(separator: "\n") {
            guard let life = UUID(String(line)) else {
                throw CommitError(
                    .contradiction,
                    "the file \(Self.fileName) of the log directory is damaged. Move the log directory away to begin a new "
                        + "log, or restore the file")
            }
            known.append(life)
        }
        self.known = known.suffix(Self.livesMax - 1)
    }

    /// For one table of the log.
    package var fence: CommitFence { CommitFence(life: life, predecessors: Set(known), logEnd: logEnd) }

    /// Writes this life down, durably. Blocks; does nothing the second time.
    package func record() throws(CommitError) {
        let text = (known + [life]).map { "\($0)\n" }.joined()
        let storage = storage
        let failure = isRecorded.withLock { isRecorded -> FileError? in
            guard !isRecorded else { return nil }
            do throws(FileError) {
                try storage.writeAtomically(Self.fileName, Array(text.utf8))
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
}
