import Glibc

/// An open file. Closing is explicit; one that goes out of scope is closed, its error unseen.
///
/// Calls block: run them on a `BlockingPool`. Reads and writes at an offset may run at the same time from several
/// threads; keep the handle in a `final class` to share it.
public struct FileHandle: ~Copyable, Sendable {
    /// How to open a file. Every file is opened with `O_CLOEXEC`.
    public struct Options: OptionSet, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }

        public static let write = Options(rawValue: O_RDWR)
        /// Make the file when there is none.
        public static let create = Options(rawValue: O_CREAT)
        /// With `create`: fail with `EEXIST` when there is one.
        public static let exclusive = Options(rawValue: O_EXCL)
        public static let truncate = Options(rawValue: O_TRUNC)
        /// Every write goes to the end; needed for `append`.
        public static let append = Options(rawValue: O_APPEND)
        /// Refuse a path whose last part is a symbolic link.
        public static let noFollow = Options(rawValue: O_NOFOLLOW)
        public static let directory = Options(rawValue: O_DIRECTORY)
        /// Do not wait for a peer when the path is a FIFO: for opening what others made.
        public static let nonBlocking = Options(rawValue: O_NONBLOCK)
    }

    public let path: String
    private var descriptor: Int32

    /// Opens for reading, or for both reading and writing with `.write`.
    public init(_ path: String, _ options: Options = [.noFollow], mode: UInt32 = 0o644) throws(FileError) {
        let (descriptor, cause) = retrying { Glibc.open(path, options.rawValue | O_CLOEXEC, mode_t(mode)) }
        guard descriptor >= 0 else { throw FileError(operation: "open", path: path, errno: cause) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    /// Closes the file. An error means that something written earlier may be lost, unless it was synced.
    public consuming func close() throws(FileError) {
        let open = descriptor
        descriptor = -1
        // Never repeated after EINTR: on Linux the descriptor is gone by then and its number may belong to another.
        guard Glibc.close(open) == 0 || errno == EINTR else { throw failure("close", errno) }
    }

    /// Lends the system's number for the open file, for calls that are not here.
    public borrowing func withDescriptor<R>(_ body: (Int32) -> R) -> R { body(descriptor) }

    private borrowing func failure(_ operation: String, _ cause: Int32) -> FileError {
        FileError(operation: operation, path: path, errno: cause)
    }

    /// Reads at `offset` until `buffer` is full or the file ends.
    ///
    /// - Returns: how many bytes were read; fewer than asked for only at the end of the file.
    public borrowing func pread(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        var done = 0
        while done < buffer.count {
            let (count, cause) = retrying {
                Glibc.pread(descriptor, base + done, buffer.count - done, off_t(offset) + off_t(done))
            }
            guard count >= 0 else { throw failure("pread", cause) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Up to `count` bytes from `offset`; fewer only at the end of the file.
    public borrowing func pread(_ count: Int, at offset: Int64) throws(FileError) -> [UInt8] {
        guard count > 0 else { return [] }
        var problem: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            do throws(FileError) {
                used = try pread(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                used = 0
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }

    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    public borrowing func pwrite(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let (count, cause) = retrying {
                Glibc.pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
            }
            guard count >= 0 else { throw failure("pwrite", cause) }
            done += count
        }
    }

    public borrowing func pwrite(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
        var problem: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try pwrite(buffer, at: offset) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    /// Writes all of `bytes` at the file's own position: its end when opened with `.append`.
    public borrowing func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let (count, cause) = retrying { Glibc.write(descriptor, base + done, bytes.count - done) }
            guard count >= 0 else { throw failure("write", cause) }
            done += count
        }
    }

    public borrowing func append(_ bytes: [UInt8]) throws(FileError) {
        var problem: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try append(buffer) } catch { problem = error }
        }
        if let problem { throw problem }
    }

    /// Makes the bytes written so far, and the file's length, survive a power loss. The file's name needs
    /// `FileSystem.syncDirectory`. After an error what was written must count as lost: a second sync may report success
    /// although the kernel has dropped the pages.
    public borrowing func synchronize() throws(FileError) {
        let (result, cause) = retrying { fdatasync(descriptor) }
        guard result == 0 else { throw failure("fdatasync", cause) }
    }

    public borrowing func truncate(to size: Int64) throws(FileError) {
        let (result, cause) = retrying { ftruncate(descriptor, off_t(size)) }
        guard result == 0 else { throw failure("ftruncate", cause) }
    }

    /// Allocates disk space for the first `size` bytes, so that writing there later cannot meet a full disk. A shorter
    /// file grows to that length, reading as zeros.
    public borrowing func allocate(_ size: Int64) throws(FileError) {
        var cause: Int32
        repeat { cause = posix_fallocate(descriptor, 0, off_t(size)) } while cause == EINTR
        guard cause == 0 else { throw failure("posix_fallocate", cause) }
    }

    public borrowing func status() throws(FileError) -> FileStatus {
        var status = stat()
        let (result, cause) = retrying { fstat(descriptor, &status) }
        guard result == 0 else { throw failure("fstat", cause) }
        return FileStatus(status)
    }

    public borrowing func size() throws(FileError) -> Int64 { try status().size }

    /// Takes an advisory lock on the whole file, which ends when the file is closed or the process dies.
    ///
    /// - Returns: false when `waiting` is false and another holds it.
    public borrowing func lock(exclusive: Bool = true, waiting: Bool = true) throws(FileError) -> Bool {
        let mode = (exclusive ? LOCK_EX : LOCK_SH) | (waiting ? 0 : LOCK_NB)
        let (result, cause) = retrying { flock(descriptor, mode) }
        if result == 0 { return true }
        guard cause == EWOULDBLOCK else { throw failure("flock", cause) }
        return false
    }

    public borrowing func unlock() throws(FileError) {
        let (result, cause) = retrying { flock(descriptor, LOCK_UN) }
        guard result == 0 else { throw failure("flock", cause) }
    }
}
