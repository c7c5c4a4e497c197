import Glibc

/// A call to the file system failed.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried: `open`, `fdatasync`, `rename` …
    public let operation: String
    public let path: String
    /// The system's number for the cause, or 0 when the limit that was passed is one of ours.
    public let errno: Int32
    public let message: String

    public init(operation: String, path: String, errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
        self.message = Self.text(of: errno)
    }

    public init(operation: String, path: String, message: String) {
        self.operation = operation
        self.path = path
        self.errno = 0
        self.message = message
    }

    public var isNotFound: Bool { errno == ENOENT }
    public var alreadyExists: Bool { errno == EEXIST }
    /// The disk or the quota is used up.
    public var isNoSpace: Bool { errno == ENOSPC || errno == EDQUOT }
    /// Something on the way to the path is a file, not a directory.
    public var isNotDirectory: Bool { errno == ENOTDIR }
    public var isDirectory: Bool { errno == EISDIR }

    public var description: String { "\(operation) \(path): \(message)" }

    private static func text(of number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, strerror_r(number, base, buffer.count) == 0 else {
                return "error \(number)"
            }
            return String(cString: base)
        }
    }
}

/// Repeats a system call that was interrupted by a signal; nil when it succeeded, else its `errno`.
@inline(__always)
func retrying<T: SignedInteger>(_ call: () -> T) -> (result: T, errno: Int32) {
    while true {
        let result = call()
        if result != -1 { return (result, 0) }
        let cause = errno
        if cause != EINTR { return (result, cause) }
    }
}
