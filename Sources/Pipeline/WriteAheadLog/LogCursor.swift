import Files
import Synchronization

/// Reads records back in order, a part of a segment at a time, and remembers where it ended: whoever goes on from there
/// reads each byte once. Blocks.
final class LogCursor: Sendable {
    /// Record `next` begins at byte `offset` of the segment that begins with `first`; 0: its header was not read either.
    private struct Place {
        let first: UInt64
        var offset = 0
        var next: UInt64
    }

    private let storage: any LogStorage
    private let identity: LogIdentity
    private let ended = Mutex<Place?>(nil)

    private static let partBytesMin = 64 << 10
    private static let partBytesMax = 8 << 20

    init(storage: any LogStorage, identity: LogIdentity) {
        self.storage = storage
        self.identity = identity
    }

    /// Records from `sequence` to `last`, at least one if there is one, about `bytesMax` bytes.
    func records<Ticket>(
        of segments: [LogMachine<Ticket>.Segment], from sequence: UInt64, through last: UInt64, bytesMax: Int
    ) throws(LogError) -> [(UInt64, [UInt8])] {
        guard var place = place(of: sequence, in: segments) else { return [] }
        var records: [(UInt64, [UInt8])] = []
        var bytes = 0
        let seed = LogFormat.seed(identity)
        // A part ends in the middle of a record: with most of what was asked for, that one is left to the next call.
        let enough = bytesMax / 2
        // What the record needs that the last part did not hold whole.
        var needed = 0
        while bytes <= enough, place.next <= last,
            let segment = segments.first(where: { $0.first == place.first })
        {
            let left = segment.bytes - place.offset
            if left <= 0 {
                guard let following = segments.first(where: { $0.first > place.first }) else { break }
                place = Place(first: following.first, next: following.first)
                continue
            }
            let wanted = max(needed, min(max(bytesMax - bytes, Self.partBytesMin), Self.partBytesMax))
            let part = try read(place, bytes: min(left, wanted))
            guard part.count == min(left, wanted) else { throw Self.damage(place, "the file is cut short") }
            let before = place.offset
            try part.withUnsafe { (raw) throws(LogError) in
                var at = 0
                if place.offset == 0 {
                    if let problem = LogFormat.problem(ofHeader: raw, identity, first: place.first) {
                        throw Self.damage(place, problem)
                    }
                    at = LogFormat.headerBytes
                }
                while bytes < bytesMax, place.next <= last, let frame = LogFormat.frame(raw, at: at, seed: seed),
                    frame.sequence == place.next
                {
                    if place.next >= sequence {
                        records.append((place.next, [UInt8](raw[frame.payload])))
                        bytes += frame.payload.count
                    }
                    at = frame.payload.upperBound
                    place.next += 1
                }
                place.offset += at
                needed = LogFormat.statedBytes(raw, at: at)
            }
            // A part that held what its first record says it needs, and yet no record.
            guard place.offset > before || needed > part.count && needed <= left else {
                throw Self.damage(place, "record \(place.next) is not whole")
            }
        }
        ended.withLock { $0 = place }
        return records
    }

    private func place<Ticket>(of sequence: UInt64, in segments: [LogMachine<Ticket>.Segment]) -> Place? {
        if let place = ended.withLock({ $0 }), place.next == sequence,
            segments.contains(where: { $0.first == place.first })
        {
            return place
        }
        let segment = segments.last { $0.first <= sequence } ?? segments.first
        return segment.map { Place(first: $0.first, next: $0.first) }
    }

    private func read(_ place: Place, bytes: Int) throws(LogError) -> [UInt8] {
        do throws(FileError) {
            return try storage.read(LogFormat.segmentName(first: place.first), from: place.offset, bytesMax: bytes)
        } catch {
            throw LogError(.failed, "the log cannot be read: \(error)")
        }
    }

    private static func damage(_ place: Place, _ problem: String) -> LogError {
        LogError(
            .corrupt,
            "the log segment \(LogFormat.segmentName(first: place.first)) is damaged at byte \(place.offset): \(problem). "
                + LogRecovery.advice)
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` with the error's type kept.
    fileprivate func withUnsafe<E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> Void) throws(E) {
        let result = withUnsafeBytes { raw in Result { () throws(E) in try body(raw) } }
        try result.get()
    }
}
