import Clocks
import Glibc

extension FileSystem {
    /// Replaces the file at `path`, or makes it: readers see the old content or the new, never a part, and after a crash
    /// it is one of the two. Durable on return.
    ///
    /// The bytes go into a hidden file beside it (`.<name>.<random>.tmp`), which a crash can leave behind.
    public static func writeAtomically(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
        let temporary = try writeTemporary(for: path, bytes, mode: mode)
        do throws(FileError) {
            try rename(temporary, to: path)
        } catch {
            try discard(temporary, after: error)
        }
        try syncDirectory(parent(of: path))
    }

    /// Makes the file at `path` with this content, if nothing is there: of any number of racing processes exactly one
    /// succeeds, and the name never shows an unfinished file. Durable on return.
    ///
    /// - Returns: false when something is there already.
    public static func createExclusively(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError)
        -> Bool
    {
        let temporary = try writeTemporary(for: path, bytes, mode: mode)
        var isCreated = true
        do throws(FileError) {
            try link(temporary, to: path)
        } catch {
            guard error.alreadyExists else { try discard(temporary, after: error) }
            isCreated = false
        }
        try removeFile(temporary)
        if isCreated { try syncDirectory(parent(of: path)) }
        return isCreated
    }

    /// Writes and syncs a new file.
    public static func writeNew(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
        let file = try FileHandle(path, [.write, .create, .exclusive, .noFollow], mode: mode)
        do throws(FileError) {
            try file.pwrite(bytes, at: 0)
            try file.synchronize()
            try file.close()
        } catch {
            try discard(path, after: error)
        }
    }

    private static func writeTemporary(for path: String, _ bytes: [UInt8], mode: UInt32) throws(FileError) -> String {
        let name = path.utf8.split(separator: 0x2F).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let random = String(SystemRandom().next(), radix: 16)
        let temporary = "\(parent(of: path))/.\(name).\(random).tmp"
        try writeNew(temporary, bytes, mode: mode)
        return temporary
    }

    /// Removes what was begun; the first error is the one that matters.
    private static func discard(_ path: String, after error: FileError) throws(FileError) -> Never {
        _ = unlink(path)
        throw error
    }
}
