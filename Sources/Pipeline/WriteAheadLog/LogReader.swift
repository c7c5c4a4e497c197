import Files

/// Reads records back from the segments of a log that is open. Blocks; reads a segment at a time, or what is asked for of it.
struct LogReader: Sendable {
    let storage: any LogStorage
    let identity: LogIdentity
    private let cursor: LogCursor

    init(storage: any LogStorage, identity: LogIdentity) {
        self.storage = storage
        self.identity = identity
        cursor = LogCursor(storage: storage, identity: identity)
    }

    /// Calls `body` with every record from `sequence` to `last`, in order, until it says that it has enough.
    func forEachRecord<Ticket>(
        of segments: [LogMachine<Ticket>.Segment], from sequence: UInt64, through last: UInt64,
        _ body: (_ sequence: UInt64, _ payload: UnsafeRawBufferPointer) -> Bool
    ) throws(LogError) {
        var goesOn = true
        for (index, segment) in segments.enumerated() where goesOn {
            if index + 1 < segments.count, segments[index + 1].first <= sequence { continue }
            try forEachRecord(of: segment.first, bytes: segment.bytes) { found, payload in
                if goesOn && found >= sequence && found <= last { goesOn = body(found, payload) }
            }
        }
    }

    /// Durable records from `sequence` on, at least one if there is one, about `bytesMax` bytes.
    func records<Ticket>(
        of segments: [LogMachine<Ticket>.Segment], from sequence: UInt64, through last: UInt64, bytesMax: Int
    ) throws(LogError) -> [(UInt64, [UInt8])] {
        try cursor.records(of: segments, from: sequence, through: last, bytesMax: bytesMax)
    }

    /// The records within the first `count` bytes of a segment.
    func forEachRecord(
        of first: UInt64, bytes count: Int, _ body: (UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(LogError) {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try storage.read(LogFormat.segmentName(first: first))
        } catch {
            throw LogError(.failed, "the log cannot be read: \(error)")
        }
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(LogError) in
                let whole = UnsafeRawBufferPointer(rebasing: raw[..<min(count, raw.count)])
                _ = try LogRecovery.scan(whole, first: first, isLast: false, identity: identity, body)
            }
        }
        try result.get()
    }
}
