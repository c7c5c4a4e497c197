import Committing
import Files
import Glibc
import Synchronization
import Testing
import WriteAheadLog

/// The lives of a log directory that is in memory.
final class DirectoryOfLives: LogStorage {
    private let files = Mutex<[String: [UInt8]]>([:])
    private let full = Mutex(false)

    /// Whether nothing can be written, not even over what is there, as on a file system that copies on write.
    var isFull: Bool {
        get { full.withLock { $0 } }
        set { full.withLock { $0 = newValue } }
    }

    func copy() -> DirectoryOfLives {
        let copy = DirectoryOfLives()
        copy.files.withLock { $0 = files.withLock { $0 } }
        return copy
    }

    func open(logEnd: UInt64) -> LogLives? {
        do { return try LogLives(storage: self, logEnd: logEnd) } catch {
            Issue.record(error)
            return nil
        }
    }

    func list() throws(FileError) -> [String] { files.withLock { $0.keys.sorted() } }
    func read(_ name: String) throws(FileError) -> [UInt8] { files.withLock { $0[name] ?? [] } }
    func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try checkSpace()
        files.withLock { $0[name] = bytes }
    }
    private func checkSpace() throws(FileError) {
        if isFull { throw FileError(operation: "write", path: "", errno: ENOSPC) }
    }

    func open(_ name: String) throws(FileError) -> any LogFile { File(files: self, name: name) }
    func create(_ name: String) throws(FileError) -> any LogFile { throw unused }
    func remove(_ name: String) throws(FileError) { throw unused }
    func syncDirectory() throws(FileError) {}
    func allocate(_ name: String, bytes: Int) throws(FileError) { throw unused }
    func capacityBytes() throws(FileError) -> Int { throw unused }

    private struct File: LogFile {
        let files: DirectoryOfLives
        let name: String

        func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
            try files.checkSpace()
            files.files.withLock {
                $0[name]?.replaceSubrange(Int(offset)..<Int(offset) + bytes.count, with: bytes)
            }
        }
        func synchronize() throws(FileError) {}
        func truncate(to size: Int64) throws(FileError) { throw files.unused }
    }

    private var unused: FileError { FileError(operation: "test", path: "", message: "lives need no more") }
}
