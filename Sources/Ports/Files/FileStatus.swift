import Clocks
import Glibc

/// What the file system knows of a file.
public struct FileStatus: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case file
        case directory
        case symbolicLink
        case other
    }

    public let kind: Kind
    /// Bytes.
    public let size: Int64
    public let modified: Timestamp
    /// Nanoseconds since 1970 of the last change of the content.
    public let modifiedNanoseconds: Int64
    public let inode: UInt64
    public let device: UInt64
    /// How many names the file has; 0 once it is removed.
    public let linkCount: UInt64

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        size = Int64(status.st_size)
        modifiedNanoseconds = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
        modified = Timestamp(microseconds: Timestamp.floorDivide(modifiedNanoseconds, 1000))
        inode = UInt64(status.st_ino)
        device = UInt64(status.st_dev)
        linkCount = UInt64(status.st_nlink)
    }
}
