import Files

/// Disk space set aside, so that a log on a full disk can still be trimmed: that takes a new segment's header and the
/// keys of what goes, before anything is freed.
///
/// A file without content of its own, `log.reserve`. Appends never take it. It need not be durable: a crash leaves it,
/// or leaves the space free, and opening sets it aside again.
struct SpaceReserve: Sendable {
    static let name = "log.reserve"
    /// Below this it is of no use: the header of a segment, and a file of keys, take a block each.
    private static let bytesMin = 16 << 10

    private let storage: any LogStorage
    private let bytesWanted: Int
    private var bytes = 0

    init(_ storage: any LogStorage, bytesWanted: Int) {
        self.storage = storage
        self.bytesWanted = max(Self.bytesMin, bytesWanted)
    }

    /// Sets aside as much as there is room for, up to what is wanted. A disk that refuses leaves less, or nothing: the log
    /// works without, as long as there is space.
    mutating func fill() {
        var asked = bytesWanted
        while asked >= Self.bytesMin, asked > bytes {
            do throws(FileError) {
                try storage.allocate(Self.name, bytes: asked)
                bytes = asked
            } catch {
                asked -= max(1, asked / 8)
            }
        }
    }

    /// Gives the space back to the disk.
    mutating func release() throws(FileError) {
        try storage.remove(Self.name)
        bytes = 0
    }
}
