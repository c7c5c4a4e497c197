import Clocks
import Glibc

/// Calls on paths. All of them block: run them on a `BlockingPool`.
///
/// A path is handed to the system as it is. Where it comes from outside, check it first; the last part is never followed
/// when it is a symbolic link.
public enum FileSystem {
    /// The whole file.
    ///
    /// - Throws: also when it is longer than `bytesMax`.
    public static func read(_ path: String, bytesMax: Int = 1 << 30) throws(FileError) -> [UInt8] {
        let file = try FileHandle(path, [.noFollow, .nonBlocking])
        let status = try file.status()
        guard status.kind != .directory else { throw FileError(operation: "read", path: path, errno: EISDIR) }
        guard status.size <= Int64(bytesMax) else {
            throw FileError(
                operation: "read", path: path, message: "\(status.size) bytes are more than the \(bytesMax) allowed")
        }
        return try file.pread(Int(status.size), at: 0)
    }

    /// nil when there is nothing at `path`. Links are not followed.
    public static func status(_ path: String) throws(FileError) -> FileStatus? {
        var status = stat()
        let (result, cause) = retrying { lstat(path, &status) }
        if result == 0 { return FileStatus(status) }
        guard cause == ENOENT || cause == ENOTDIR else {
            throw FileError(operation: "lstat", path: path, errno: cause)
        }
        return nil
    }

    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    public static func list(_ path: String) throws(FileError) -> [String] {
        try entries(path).map(\.name)
    }

    /// The names in a directory with the kind the directory itself records; nil where the file system does not say.
    /// Names that are not UTF-8 are left out: nothing of ours has one.
    public static func entries(_ path: String) throws(FileError) -> [(name: String, kind: FileStatus.Kind?)] {
        guard let directory = opendir(path) else { throw FileError(operation: "opendir", path: path, errno: errno) }
        defer { closedir(directory) }
        var found: [(name: String, kind: FileStatus.Kind?)] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                let cause = errno
                guard cause == 0 else { throw FileError(operation: "readdir", path: path, errno: cause) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
                    String(validating: UnsafeBufferPointer(start: bytes, count: strnlen(field, 256)), as: UTF8.self)
                }
            }
            guard let name, name != ".", name != ".." else { continue }
            found.append((name, kind(of: entry.pointee.d_type)))
        }
        return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private static func kind(of type: UInt8) -> FileStatus.Kind? {
        switch Int(type) {
        case Int(DT_REG): .file
        case Int(DT_DIR): .directory
        case Int(DT_LNK): .symbolicLink
        case Int(DT_UNKNOWN): nil
        default: .other
        }
    }

    /// Removes a file.
    ///
    /// - Returns: false when there was none. Durable after `syncDirectory` of its directory.
    @discardableResult
    public static func removeFile(_ path: String) throws(FileError) -> Bool {
        let (result, cause) = retrying { unlink(path) }
        if result == 0 { return true }
        guard cause == ENOENT || cause == ENOTDIR else {
            throw FileError(operation: "unlink", path: path, errno: cause)
        }
        return false
    }

    /// Removes a directory if nothing is in it.
    ///
    /// - Returns: whether it is gone.
    @discardableResult
    public static func removeEmptyDirectory(_ path: String) throws(FileError) -> Bool {
        let (result, cause) = retrying { rmdir(path) }
        if result == 0 || cause == ENOENT { return true }
        guard cause == ENOTEMPTY || cause == EEXIST || cause == EBUSY else {
            throw FileError(operation: "rmdir", path: path, errno: cause)
        }
        return false
    }

    /// Removes `path` and all below it; nothing there is no error.
    public static func removeTree(_ path: String) throws(FileError) {
        guard let status = try status(path) else { return }
        if status.kind == .directory {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
            try removeEmptyDirectory(path)
        } else {
            try removeFile(path)
        }
    }

    /// Renames, replacing what is at the new path. Durable after `syncDirectory` of both directories.
    public static func rename(_ path: String, to newPath: String) throws(FileError) {
        let (result, cause) = retrying { Glibc.rename(path, newPath) }
        guard result == 0 else { throw FileError(operation: "rename", path: "\(path) -> \(newPath)", errno: cause) }
    }

    /// Gives the file a second name.
    ///
    /// - Throws: `alreadyExists` when the new name is taken: of any number of racing callers exactly one succeeds.
    public static func link(_ path: String, to newPath: String) throws(FileError) {
        let (result, cause) = retrying { Glibc.link(path, newPath) }
        guard result == 0 else { throw FileError(operation: "link", path: newPath, errno: cause) }
    }

    /// Makes the names in a directory (files made, renamed, removed) survive a power loss.
    public static func syncDirectory(_ path: String) throws(FileError) {
        let directory = try FileHandle(path, [.directory])
        try directory.synchronizeAll()
    }

    /// Makes a directory and those above it, each made durable in the one above before the next is made.
    public static func createDirectories(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        // What lies above may be removed meanwhile, and is made again; where nothing can be made (/proc) it says ENOENT, too.
        for _ in 0..<16 {
            let (result, cause) = retrying { mkdir(path, mode_t(mode)) }
            if result == 0 { return try syncDirectory(parent(of: path)) }
            switch cause {
            case ENOENT:
                let above = parent(of: path)
                guard above != path else { throw FileError(operation: "mkdir", path: path, errno: cause) }
                try createDirectories(above, mode: mode)
            case EEXIST:
                // Something is there: fine when it is a directory, or a link to one that the operator has set.
                var status = stat()
                guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                    throw FileError(operation: "mkdir", path: path, errno: ENOTDIR)
                }
                return
            default: throw FileError(operation: "mkdir", path: path, errno: cause)
            }
        }
        throw FileError(operation: "mkdir", path: path, errno: ENOENT)
    }

    /// The directory a path lies in.
    public static func parent(of path: String) -> String {
        var bytes = Array(path.utf8)
        while bytes.count > 1, bytes.last == 0x2F { bytes.removeLast() }
        guard let slash = bytes.lastIndex(of: 0x2F) else { return "." }
        return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
    }
}

extension FileHandle {
    /// Makes content and all attributes survive a power loss; for directories, the names in them.
    public borrowing func synchronizeAll() throws(FileError) {
        let (result, cause) = retrying { withDescriptor { fsync($0) } }
        guard result == 0 else { throw FileError(operation: "fsync", path: path, errno: cause) }
    }
}
