import Bytes
import JSONFormat

/// A table's metadata as it is to be stored.
public struct WrittenMetadata: Sendable {
    /// JSON.
    public let text: [UInt8]
    /// What the text says, its snapshots parts of it where they are many.
    public let metadata: TableMetadata
    /// Where in the text its long lists begin and end: what is between them moves when something before it grows.
    public let starts: [Int]
}

extension TableMetadata {
    /// Of the text it was read from or written as, what its snapshots still are.
    public var keptTextBytes: Int { snapshots.reduce(0) { $0 + ($1.text?.byteCount ?? 0) } }

    /// The UTF-8 of `json`, but for snapshots that were read as text and go as they came.
    public func serialized() -> [UInt8] { writing().text }

    /// The text, as `serialized`, and the same table as it is when read from that: of a large one the snapshots are parts of
    /// the text, those added since it was read among them, so that what is written after it copies them.
    ///
    /// - Parameter parsedBytesMax: what is not large.
    public func written(
        parsedBytesMax: Int = Limits.parsedMetadataBytesMax
    ) -> WrittenMetadata {
        let (text, places, starts) = writing()
        guard formatVersion > 1, text.count > parsedBytesMax, text.count <= JSONTape.bytesMax else {
            return WrittenMetadata(text: text, metadata: self, starts: starts)
        }
        let file = SnapshotText.File(text)
        var tape = JSONTape()
        var metadata = self
        for (index, place) in places.enumerated() {
            let snapshot = snapshots[index]
            if let known = snapshot.text {
                metadata.snapshots[index] = snapshot.reading(known.moved(to: file, at: place.lowerBound))
            } else if let plain = Self.plainSnapshot(file, place, &tape), let known = plain.text {
                metadata.snapshots[index] = plain.reading(known.moved(to: file, at: place.lowerBound))
            }
        }
        return WrittenMetadata(text: text, metadata: metadata, starts: starts)
    }

    /// What stands at `place`, if that is a snapshot beyond doubt.
    private static func plainSnapshot(
        _ file: SnapshotText.File, _ place: Range<Int>, _ tape: inout JSONTape
    ) -> Snapshot? {
        file.text.withUnsafeBytes { text in
            let bytes = UnsafeRawBufferPointer(rebasing: text[place])
            guard tape.read(bytes) else { return nil }
            return tape.nodes.withUnsafeBufferPointer { nodes in
                SnapshotReading(file: file, bytes: bytes, nodes: nodes).plainSnapshot()
            }
        }
    }

    /// The text, where in it the snapshots are, and where its long lists begin and end.
    private func writing() -> (text: [UInt8], snapshots: [Range<Int>], starts: [Int]) {
        var text: [UInt8] = []
        var starts: [Int] = []
        var places: [Range<Int>] = []
        text.reserveCapacity(
            16_384 + snapshots.reduce(0) { $0 + 1 + ($1.text?.byteCount ?? 500) } + snapshotLog.count * 80)
        places.reserveCapacity(snapshots.count)
        text.append(UInt8(ascii: "{"))
        for (index, member) in outline.members.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            JSONValue.appendQuoted(member.key, to: &text)
            text.append(UInt8(ascii: ":"))
            guard ["snapshots", "snapshot-log"].contains(member.key) else {
                text += member.value.serialized()
                continue
            }
            starts.append(text.count)
            if member.key == "snapshots" { writeSnapshots(to: &text, &places) } else { writeSnapshotLog(to: &text) }
            starts.append(text.count)
        }
        text.append(UInt8(ascii: "}"))
        return (text, places, starts)
    }

    private func writeSnapshots(to text: inout [UInt8], _ places: inout [Range<Int>]) {
        text.append(UInt8(ascii: "["))
        for (index, snapshot) in snapshots.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            let start = text.count
            if formatVersion > 1, let known = snapshot.text {
                known.append(to: &text)
            } else {
                text += snapshot.json(formatVersion: formatVersion).serialized()
            }
            places.append(start..<text.count)
        }
        text.append(UInt8(ascii: "]"))
    }

    private func writeSnapshotLog(to text: inout [UInt8]) {
        text.append(UInt8(ascii: "["))
        for (index, entry) in snapshotLog.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(utf8: "{\"timestamp-ms\":")
            JSONValue.append(entry.timestampMilliseconds, to: &text)
            text.append(utf8: ",\"snapshot-id\":")
            JSONValue.append(entry.snapshotID, to: &text)
            text.append(UInt8(ascii: "}"))
        }
        text.append(UInt8(ascii: "]"))
    }
}
