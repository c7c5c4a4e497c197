package struct LogConfiguration: Hashable, Sendable {
    package enum Sync: Hashable, Sendable {
        /// Replies wait for `fdatasync`.
        case always
        /// Replies wait for the write only: what came within the interval before a power loss can be lost. A crash of the
        /// process alone loses nothing.
        case interval(milliseconds: Int)
    }

    package var sync = Sync.always
    /// All segments together.
    package var bytesMax = 1 << 30
    /// A segment is read whole when it is trimmed.
    package var segmentBytesMax = 16 << 20
    package var groupBytesMax = 8 << 20

    package init() {}

    /// A part of what the log can grow to, so that there is always something to free before it is full.
    func segmentBytes(capacity: Int) -> Int { max(4096, min(segmentBytesMax, min(bytesMax, capacity) / 8)) }

    /// Enough for the keys of a whole segment: an event takes 24 bytes there, and at least 53 in the segment.
    func reserveBytes(capacity: Int) -> Int { segmentBytes(capacity: capacity) / 2 }
}

package struct LogStatus: Hashable, Sendable {
    package let bytes: Int
    package let bytesMax: Int
    package let segments: Int
    package let firstSequence: UInt64
    /// The last sequence that would survive a power loss; one less than the first when there is none.
    package let syncedThrough: UInt64
    package let queuedRecords: Int
    /// The last record was refused, because the log has its largest size or the disk is full.
    package let isShortOfSpace: Bool
    /// Why the log takes nothing more; nil while it does.
    package let poisoned: String?
}
