/// Reads segments back and decides what of them is the log. Pure: bytes in, verdict out.
///
/// A crash can leave the frames of the last group, none of which was acknowledged, in any state: that tail is cut off.
/// Anything else that is not whole was acknowledged once, and is never skipped: recovery stops and says where. The two
/// are told apart by proof: each frame states which sequences had been synced before it was written.
enum LogRecovery {
    struct Segment: Equatable {
        let first: UInt64
        /// The sequence after the last whole frame.
        let next: UInt64
        /// Bytes that are whole: what follows must be cut off.
        let validBytes: Int
        let fileBytes: Int
        /// The header never got to the disk; no frame did either. It must be written again.
        let needsHeader: Bool
    }

    /// Reads the segment that begins with `first`. Only the last segment can have a torn tail: the one before was synced
    /// whole before the next was made.
    static func scan(
        _ bytes: UnsafeRawBufferPointer, first: UInt64, isLast: Bool, identity: LogIdentity,
        _ body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) -> Void = { _, _ in }
    ) throws(LogError) -> Segment {
        let name = LogFormat.segmentName(first: first)
        if let problem = LogFormat.problem(ofHeader: bytes, identity, first: first) {
            // The header is synced before the first frame is written: a file that ends with it has lost nothing.
            guard isLast, bytes.count <= LogFormat.headerBytes else {
                throw LogError(
                    .corrupt,
                    "the log segment \(name) is damaged at byte 0: \(problem), and so record \(first) and all behind it "
                        + "are not read. \(advice)")
            }
            return Segment(first: first, next: first, validBytes: 0, fileBytes: bytes.count, needsHeader: true)
        }
        let seed = LogFormat.seed(identity)
        var offset = LogFormat.headerBytes
        var next = first
        while let frame = LogFormat.frame(bytes, at: offset, seed: seed), frame.sequence == next {
            body(next, UnsafeRawBufferPointer(rebasing: bytes[frame.payload]))
            offset = frame.payload.upperBound
            next += 1
        }
        if offset < bytes.count {
            if !isLast || hasProof(bytes, after: offset, seed: seed, lost: next) {
                throw LogError(
                    .corrupt,
                    "the log segment \(name) is damaged at byte \(offset): record \(next), which was synced and "
                        + "acknowledged, is not whole. \(advice)")
            }
        }
        return Segment(first: first, next: next, validBytes: offset, fileBytes: bytes.count, needsHeader: false)
    }

    static let advice =
        "Restore the directory from a copy, or let `analytics-inspect log-repair` say what can be saved, or move the "
        + "directory away to begin a new log; events of this one that are not yet in the table are then lost"

    /// Whether a whole frame behind `offset` states that `lost` had been synced.
    private static func hasProof(
        _ bytes: UnsafeRawBufferPointer, after offset: Int, seed: UInt32, lost: UInt64
    ) -> Bool {
        nextFrame(bytes, after: offset, seed: seed, lost: lost) { $0.syncedThrough >= lost } != nil
    }

    /// The first whole frame behind `offset` of a record behind `lost` that is as `isSought` says. Cost: linear, but for
    /// bytes that look like many heads of frames.
    static func nextFrame(
        _ bytes: UnsafeRawBufferPointer, after offset: Int, seed: UInt32, lost: UInt64,
        where isSought: (LogFormat.Frame) -> Bool = { _ in true }
    ) -> (frame: LogFormat.Frame, offset: Int)? {
        guard bytes.count - offset > LogFormat.frameHeaderBytes else { return nil }
        for candidate in (offset + 1)..<(bytes.count - LogFormat.frameHeaderBytes + 1) {
            // The cheap tests first: the checksum of every stated length at every byte would be quadratic.
            let sequence = bytes.loadUnaligned(fromByteOffset: candidate + 8, as: UInt64.self).littleEndian
            guard sequence > lost, sequence - lost <= UInt64(bytes.count) else { continue }
            let synced = bytes.loadUnaligned(fromByteOffset: candidate + 16, as: UInt64.self).littleEndian
            guard synced < sequence else { continue }
            if let frame = LogFormat.frame(bytes, at: candidate, seed: seed), isSought(frame) {
                return (frame, candidate)
            }
        }
        return nil
    }
}
