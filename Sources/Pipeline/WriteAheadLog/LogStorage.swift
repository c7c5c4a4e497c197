import Clocks
import Files
import Glibc

/// The files of a log, as far as the log needs them: a directory on disk, or a simulated one that fails on command.
package protocol LogStorage: Sendable {
    func list() throws(FileError) -> [String]
    func read(_ name: String) throws(FileError) -> [UInt8]
    /// The part of a file that begins at `offset`, at most `bytesMax` long.
    func read(_ name: String, from offset: Int, bytesMax: Int) throws(FileError) -> [UInt8]
    /// Makes a file with this content whole or not at all; durable, name and all, on return.
    func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError)
    /// Opens an existing file for writing.
    func open(_ name: String) throws(FileError) -> any LogFile
    /// Makes an empty file, or empties it. Its name is durable after `syncDirectory`.
    func create(_ name: String) throws(FileError) -> any LogFile
    /// Removes a file, or does nothing when there is none.
    func remove(_ name: String) throws(FileError)
    func syncDirectory() throws(FileError)
    /// Makes a file, if there is none, and gives it exactly this much disk space. What it holds is undefined. After an
    /// error it is as it was, or there is none.
    func allocate(_ name: String, bytes: Int) throws(FileError)
    /// Bytes of the whole disk, used and free.
    func capacityBytes() throws(FileError) -> Int
}

extension LogStorage {
    package func read(_ name: String, from offset: Int, bytesMax: Int) throws(FileError) -> [UInt8] {
        Array(try read(name).dropFirst(offset).prefix(bytesMax))
    }
}

package protocol LogFile: Sendable {
    /// Writes all of `bytes`; after an error any part of them may be there.
    func write(_ bytes: [UInt8], at offset: Int64) throws(FileError)
    func synchronize() throws(FileError)
    func truncate(to size: Int64) throws(FileError)
}

/// A directory on disk, locked for as long as the value lives.
package final class DirectoryStorage: LogStorage {
    private let path: String
    private let lock: LockFile
    private let onSync: @Sendable (_ nanoseconds: UInt64) -> Void

    private final class LockFile: Sendable {
        let handle: FileHandle
        init(_ handle: consuming FileHandle) { self.handle = handle }
    }

    /// Makes the directory if there is none, and locks it.
    ///
    /// - Parameter onSync: told how long each `fdatasync` of a segment took.
    /// - Throws: `.locked` when another process has it.
    package init(
        path: String, onSync: @escaping @Sendable (_ nanoseconds: UInt64) -> Void = { _ in }
    ) throws(LogError) {
        self.path = path
        self.onSync = onSync
        do throws(FileError) {
            try FileSystem.createDirectories(path, mode: 0o700)
            let handle = try FileHandle("\(path)/log.lock", [.write, .create, .noFollow], mode: 0o600)
            let isFree = try handle.lock(waiting: false)
            lock = LockFile(handle)
            guard isFree else {
                throw FileError(operation: "flock", path: path, message: "another process has the log open")
            }
        } catch {
            throw LogError(error.operation == "flock" ? .locked : .failed, "the log directory \(path): \(error)")
        }
    }

    /// Lets another process have the directory; nothing may be written through this value any more.
    package func unlock() throws(FileError) { try lock.handle.unlock() }

    package func list() throws(FileError) -> [String] { try FileSystem.list(path) }
    package func read(_ name: String) throws(FileError) -> [UInt8] {
        try FileSystem.read("\(path)/\(name)", bytesMax: 1 << 32)
    }
    package func read(_ name: String, from offset: Int, bytesMax: Int) throws(FileError) -> [UInt8] {
        try FileHandle("\(path)/\(name)", [.noFollow]).pread(bytesMax, at: Int64(offset))
    }
    package func writeAtomically(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try FileSystem.writeAtomically("\(path)/\(name)", bytes, mode: 0o600)
    }
    package func open(_ name: String) throws(FileError) -> any LogFile {
        DiskFile(try FileHandle("\(path)/\(name)", [.write, .noFollow]), onSync)
    }
    package func create(_ name: String) throws(FileError) -> any LogFile {
        DiskFile(try FileHandle("\(path)/\(name)", [.write, .create, .truncate, .noFollow], mode: 0o600), onSync)
    }
    package func remove(_ name: String) throws(FileError) { try FileSystem.removeFile("\(path)/\(name)") }
    package func syncDirectory() throws(FileError) { try FileSystem.syncDirectory(path) }

    package func allocate(_ name: String, bytes: Int) throws(FileError) {
        let path = "\(path)/\(name)"
        let file = try FileHandle(path, [.write, .create, .noFollow], mode: 0o600)
        let before = try file.size()
        do throws(FileError) {
            try file.allocate(Int64(bytes))
            try file.truncate(to: Int64(bytes))
        } catch {
            // Some file systems keep what they could give; an empty file, too, takes a block of some.
            if before > 0 { try file.truncate(to: before) } else { try FileSystem.removeFile(path) }
            throw error
        }
    }

    package func capacityBytes() throws(FileError) -> Int {
        let found = try disk()
        return Self.bytes(UInt64(found.f_blocks), of: found)
    }

    /// What this process may still write on the disk.
    package func freeBytes() throws(FileError) -> Int {
        let found = try disk()
        return Self.bytes(UInt64(found.f_bavail), of: found)
    }

    private func disk() throws(FileError) -> statvfs {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { throw FileError(operation: "statvfs", path: path, errno: errno) }
        return found
    }

    private static func bytes(_ blocks: UInt64, of disk: statvfs) -> Int {
        let (bytes, overflow) = blocks.multipliedReportingOverflow(by: UInt64(disk.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }

    private final class DiskFile: LogFile {
        let handle: FileHandle
        let onSync: @Sendable (_ nanoseconds: UInt64) -> Void
        init(_ handle: consuming FileHandle, _ onSync: @escaping @Sendable (_ nanoseconds: UInt64) -> Void) {
            self.handle = handle
            self.onSync = onSync
        }
        func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) { try handle.pwrite(bytes, at: offset) }
        func synchronize() throws(FileError) {
            let started = SystemClock().nanoseconds()
            try handle.synchronize()
            onSync(SystemClock().nanoseconds() - started)
        }
        func truncate(to size: Int64) throws(FileError) { try handle.truncate(to: size) }
    }
}
