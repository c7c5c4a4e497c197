import Files

/// Makes a log usable again that is damaged in its middle, where recovery refuses it: whatever record is whole stays, with
/// its sequence; a record that is not is replaced by one that holds nothing. Says beforehand what is lost, and keeps every
/// file that it changes as a copy.
package struct LogRepair: Sendable {
    /// Records that are not whole.
    package struct Loss: Hashable, Sendable {
        package let records: ClosedRange<UInt64>
        /// Where they stood; both 0 for a segment that is missing.
        package let offset: Int
        package let bytes: Int
    }

    package struct Segment: Hashable, Sendable {
        package let name: String
        /// Whole records found.
        package let records: Int
        /// Why it is not used as it is; nil when it is.
        package let problem: String?
        package let losses: [Loss]
    }

    package struct Plan: Sendable {
        package let identity: LogIdentity
        package let segments: [Segment]
        /// What is to be written, by name, oldest first.
        let contents: [(name: String, bytes: [UInt8])]

        package var losses: [Loss] { segments.flatMap(\.losses) }
        package var isNeeded: Bool { !contents.isEmpty }
    }

    /// A record in place of a lost one; for a collector, one of no events.
    private let placeholder: [UInt8]
    private let storage: any LogStorage
    /// More than this is not damage, but segments of another time.
    private static let lostRecordsMax: UInt64 = 1_000_000
    static let copySuffix = ".damaged"

    package init(_ storage: any LogStorage, placeholder: [UInt8]) {
        self.storage = storage
        self.placeholder = placeholder
    }

    /// Reads everything and changes nothing.
    ///
    /// - Throws: `.corrupt` for what cannot be repaired, with the reason.
    package func plan() throws(LogError) -> Plan {
        let identity = try readIdentity()
        let firsts = try files { () throws(FileError) in try storage.list() }
            .compactMap(LogFormat.firstSequence(ofSegment:)).sorted()
        guard !firsts.isEmpty else { throw LogError(.corrupt, "there is no segment that could be repaired") }
        var segments: [Segment] = []
        var contents: [(name: String, bytes: [UInt8])] = []
        for (index, first) in firsts.enumerated() {
            let end = index + 1 < firsts.count ? firsts[index + 1] : nil
            let name = LogFormat.segmentName(first: first)
            let bytes = try files { () throws(FileError) in try storage.read(name) }
            let (segment, repaired) = try repair(bytes, first: first, end: end, identity)
            segments.append(segment)
            if let repaired { contents.append((name, repaired)) }
        }
        return Plan(identity: identity, segments: segments, contents: contents)
    }

    /// Writes what the plan says; each file that it replaces is first kept beside it, with `.damaged` behind its name. A
    /// crash leaves some segments repaired: plan and apply again.
    ///
    /// - Returns: the names of the copies.
    package func apply(_ plan: Plan) throws(LogError) -> [String] {
        var copies: [String] = []
        for content in plan.contents {
            let copy = content.name + Self.copySuffix
            try files { () throws(FileError) in
                // An earlier repair that was cut off has the older bytes.
                if try !storage.list().contains(copy) {
                    try storage.writeAtomically(copy, try storage.read(content.name))
                }
                try storage.writeAtomically(content.name, content.bytes)
            }
            copies.append(copy)
        }
        return copies
    }

    private func readIdentity() throws(LogError) -> LogIdentity {
        let bytes = try files { () throws(FileError) in try storage.read(LogFormat.identityName) }
        guard let identity = LogFormat.decodeIdentity(bytes) else {
            throw LogError(
                .corrupt,
                "\(LogFormat.identityName) is damaged: without its secret no record can be told from garbage. Restore it "
                    + "from a copy; it never changes")
        }
        return identity
    }

    private func files<R>(_ body: () throws(FileError) -> R) throws(LogError) -> R {
        do throws(FileError) {
            return try body()
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "\(error)")
        }
    }

    /// - Parameter end: what the next segment begins with; nil for the last one, whose end nobody states.
    /// - Returns: what was found, and the segment as it should be, when it is not so.
    private func repair(
        _ bytes: [UInt8], first: UInt64, end: UInt64?, _ identity: LogIdentity
    ) throws(LogError) -> (Segment, [UInt8]?) {
        let name = LogFormat.segmentName(first: first)
        do throws(LogError) {
            var records = 0
            let found = try scan(bytes, first: first, isLast: end == nil, identity) { records += 1 }
            if let end, found.next != end {
                throw LogError(
                    .corrupt,
                    found.next < end ? "the records behind it are missing" : "it reaches into the next segment")
            }
            return (Segment(name: name, records: records, problem: nil, losses: []), nil)
        } catch {
            var salvage = Salvage(first: first, identity: identity, placeholder: placeholder)
            try bytes.withUnsafeBytes { raw in
                Result { () throws(LogError) in try salvage.run(raw, end: end, lostMax: Self.lostRecordsMax) }
            }.get()
            let segment = Segment(
                name: name, records: salvage.records, problem: error.message, losses: salvage.losses)
            return (segment, salvage.output)
        }
    }

    private func scan(
        _ bytes: [UInt8], first: UInt64, isLast: Bool, _ identity: LogIdentity, _ onRecord: () -> Void
    ) throws(LogError) -> LogRecovery.Segment {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(LogError) in
                try LogRecovery.scan(raw, first: first, isLast: isLast, identity: identity) { _, _ in onRecord() }
            }
        }
        return try result.get()
    }
}

/// One segment written anew from what is whole of it.
private struct Salvage {
    private let identity: LogIdentity
    private let placeholder: [UInt8]
    private let seed: UInt32
    private var next: UInt64
    private(set) var output: [UInt8]
    private(set) var records = 0
    private(set) var losses: [LogRepair.Loss] = []

    init(first: UInt64, identity: LogIdentity, placeholder: [UInt8]) {
        self.identity = identity
        self.placeholder = placeholder
        seed = LogFormat.seed(identity)
        next = first
        output = LogFormat.encodeHeader(identity, first: first)
    }

    mutating func run(_ raw: UnsafeRawBufferPointer, end: UInt64?, lostMax: UInt64) throws(LogError) {
        // A damaged header takes no frame with it: its place and content are known.
        var offset = min(LogFormat.headerBytes, raw.count)
        while offset < raw.count {
            if let frame = LogFormat.frame(raw, at: offset, seed: seed), frame.sequence == next,
                end.map({ next < $0 }) ?? true
            {
                keep(frame, in: raw, at: offset)
                offset = frame.payload.upperBound
                continue
            }
            let found = LogRecovery.nextFrame(raw, after: offset, seed: seed, lost: next) { frame in
                end.map { frame.sequence < $0 } ?? true
            }
            guard let found else { break }
            try lose(through: found.frame.sequence - 1, at: offset, bytes: found.offset - offset, max: lostMax)
            offset = found.offset
        }
        if let end, next < end { try lose(through: end - 1, at: offset, bytes: raw.count - offset, max: lostMax) }
    }

    private mutating func keep(_ frame: LogFormat.Frame, in raw: UnsafeRawBufferPointer, at offset: Int) {
        output.append(contentsOf: raw[offset..<frame.payload.upperBound])
        next += 1
        records += 1
    }

    private mutating func lose(through last: UInt64, at offset: Int, bytes: Int, max: UInt64) throws(LogError) {
        guard last - next < max else {
            throw LogError(
                .corrupt,
                "\(last - next + 1) records from \(next) on are missing: that is no damage, but segments of different times "
                    + "in one directory. Move those away that do not belong there")
        }
        losses.append(LogRepair.Loss(records: next...last, offset: offset, bytes: bytes))
        for sequence in next...last {
            LogFormat.appendFrame(
                placeholder, sequence: sequence, syncedThrough: sequence - 1, seed: seed, to: &output)
        }
        next = last + 1
    }
}
