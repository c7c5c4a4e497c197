import Checksums
import Clocks
import Files
import Glibc
import Synchronization

/// The blocking calls behind `LocalObjectStore`: reading, deleting and what both share with writing.
final class LocalFiles: Sendable {
    /// How often a put tries anew when a deletion removes the emptied directory under its hands.
    static let directoryRetriesMax = 1000
    private static let leftoverAgeMicroseconds: Int64 = 3_600_000_000
    private static let lockCount = 256

    let root: String
    var temporaryDirectory: String { "\(root)/.object-store/temporary" }
    private var lockDirectory: String { "\(root)/.object-store/locks" }
    /// Directories whose own names this process knows to be durable.
    let durableDirectories = Mutex<Set<String>>([])

    init(root: String) { self.root = root }

    func open() throws(ObjectStoreError) {
        try translating("open the object store \(root)") { () throws(FileError) in
            try FileSystem.createDirectories(temporaryDirectory)
            try FileSystem.createDirectories(lockDirectory)
            let now = SystemClock().now().microseconds
            for name in try FileSystem.list(temporaryDirectory) {
                let path = "\(temporaryDirectory)/\(name)"
                guard let status = try FileSystem.status(path) else { continue }
                if now - status.modified.microseconds > Self.leftoverAgeMicroseconds { try FileSystem.removeFile(path) }
            }
        }
    }

    func path(of bucket: BucketName) -> String { "\(root)/\(bucket)" }
    func path(of location: ObjectLocation) -> String { "\(root)/\(location.bucket)/\(location.key)" }

    static func etag(_ status: FileStatus) -> String {
        let time = UInt64(bitPattern: status.modifiedNanoseconds)
        return "\(String(status.inode, radix: 16))-\(String(status.size, radix: 16))-\(String(time, radix: 16))"
    }

    // MARK: - Reading

    func read(_ location: ObjectLocation, _ range: Range<Int64>?) throws(ObjectStoreError) -> StoredObject {
        do throws(ObjectStoreError) {
            return try readFile(location, range)
        } catch {
            guard error.code == .notFound || error.code == .failed, let what = obstruction(path(of: location)) else {
                throw error
            }
            throw ObjectStoreError(
                .notFound, "cannot read \(location): \(what) lies there, which is no object", isObstructed: true)
        }
    }

    /// What has the name of an object and is none; nil for nothing, and for an empty directory, which is in nobody's way.
    private func obstruction(_ path: String) -> String? {
        do throws(FileError) {
            switch try FileSystem.status(path)?.kind {
            case .file, nil: return nil
            case .directory: return try FileSystem.list(path).isEmpty ? nil : "a directory"
            case .symbolicLink: return "a symbolic link"
            case .other: return "a FIFO, socket or device"
            }
        } catch {
            return nil
        }
    }

    private func readFile(
        _ location: ObjectLocation, _ range: Range<Int64>?
    ) throws(ObjectStoreError) -> StoredObject {
        try translating("read \(location)") { () throws(FileError) in
            // Not blocking: an object's name could be a FIFO that somebody made.
            let file = try FileHandle(path(of: location), [.noFollow, .nonBlocking])
            let status = try file.status()
            guard status.kind == .file else {
                throw FileError(operation: "open", path: path(of: location), errno: ENOENT)
            }
            let whole = 0..<status.size
            let wanted = range.map { $0.clamped(to: whole) } ?? whole
            let bytes = try file.pread(wanted.count, at: wanted.lowerBound)
            return StoredObject(bytes: bytes, etag: Self.etag(status))
        }
    }

    func info(_ location: ObjectLocation) throws(ObjectStoreError) -> ObjectInfo? {
        try translating("look at \(location)") { () throws(FileError) in try info(path(of: location), location.key) }
    }

    /// nil when there is no file, or a directory, at the path.
    func info(_ path: String, _ key: ObjectKey) throws(FileError) -> ObjectInfo? {
        let status: FileStatus?
        do throws(FileError) {
            status = try FileSystem.status(path)
        } catch {
            // A name that the file system cannot hold is not there.
            if error.errno == ENAMETOOLONG { return nil }
            throw error
        }
        guard let status, status.kind == .file else { return nil }
        return ObjectInfo(key: key, size: status.size, etag: Self.etag(status), lastModified: status.modified)
    }

    // MARK: - Deleting

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) throws(ObjectStoreError) {
        try translating("delete from \(bucket)", effect: .unknown) { () throws(FileError) in
            var parents: Set<String> = []
            for key in keys {
                let location = ObjectLocation(bucket: bucket, key: key)
                let path = path(of: location)
                guard try withLock(on: location, { () throws(FileError) in try remove(path) }) else { continue }
                parents.insert(FileSystem.parent(of: path))
            }
            for parent in parents {
                do throws(FileError) {
                    try FileSystem.syncDirectory(parent)
                } catch {
                    // Another deletion has emptied and removed it: then the names in it are gone for good.
                    if !error.isNotFound { throw error }
                }
                try prune(parent, below: self.path(of: bucket))
            }
        }
    }

    /// Whether there was an object. A directory of that name is none.
    private func remove(_ path: String) throws(FileError) -> Bool {
        do throws(FileError) {
            return try FileSystem.removeFile(path)
        } catch {
            if error.isDirectory || error.errno == ENAMETOOLONG || error.errno == EPERM { return false }
            throw error
        }
    }

    /// Removes directories that have become empty, upwards. `rmdir` fails on one in which somebody has just made a file,
    /// and somebody about to do so finds the directory missing and makes it again.
    private func prune(_ directory: String, below bucket: String) throws(FileError) {
        var path = directory
        while path.utf8.count > bucket.utf8.count, path.utf8.starts(with: "\(bucket)/".utf8) {
            guard try FileSystem.removeEmptyDirectory(path) else { return }
            _ = durableDirectories.withLock { $0.remove(path) }
            path = FileSystem.parent(of: path)
        }
    }

    // MARK: - Shared

    /// Keeps all others, in every process, from replacing or removing objects that share the lock file.
    func withLock<R>(on location: ObjectLocation, _ body: () throws(FileError) -> R) throws(FileError) -> R {
        let digest = Digest.sha256(Array(location.description.utf8))
        let file = try FileHandle("\(lockDirectory)/\(Int(digest[0]) % Self.lockCount)", [.write, .create, .noFollow])
        _ = try file.lock()
        let result = try body()
        // Closing releases the lock; so does the death of the process.
        try file.close()
        return result
    }

    func translating<R>(
        _ what: String, effect: ObjectStoreError.Effect = .none, _ body: () throws(FileError) -> R
    ) throws(ObjectStoreError) -> R {
        do throws(FileError) { return try body() } catch { throw Self.translate(error, what, effect) }
    }

    static func translate(
        _ error: FileError, _ what: String, _ effect: ObjectStoreError.Effect
    ) -> ObjectStoreError {
        let code: ObjectStoreError.Code
        switch error.errno {
        case ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG: code = .notFound
        case EACCES, EPERM, EROFS: code = .accessDenied
        case ENOSPC, EDQUOT: code = .noSpace
        case EMFILE, ENFILE, ENOMEM, EAGAIN: code = .unavailable
        default: code = .failed
        }
        return ObjectStoreError(code, "cannot \(what): \(error)", effect: effect)
    }
}
