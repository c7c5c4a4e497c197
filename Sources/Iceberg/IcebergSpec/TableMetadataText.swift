import JSONFormat

/// A metadata file taken apart in place, so that snapshots by the ten thousand cost a look at their tokens and not a tree of
/// values.
///
/// Only what is beyond doubt is kept as text: the members a snapshot of version 2 or 3 has, each once, of the right type
/// and within its limits, strings without escapes. A snapshot that is anything else is read as usual, and so is a file with
/// anything wrong in it, which then says where.
struct TableMetadataText {
    /// Everything but the lists below.
    private(set) var rest: JSONObject
    private(set) var snapshots: [Snapshot] = []
    private(set) var snapshotLog: [SnapshotLogEntry] = []

    /// Nil for a text that is to be read as usual.
    init?(_ text: [UInt8]) {
        var tape = JSONTape()
        let file = SnapshotText.File(text)
        var parts = Parts()
        let isRead = text.withUnsafeBytes { bytes in
            tape.readMembers(bytes, lists: ["snapshots", "snapshot-log"]) { parts.take($0, file, bytes) }
        }
        guard isRead else { return nil }
        rest = JSONObject(parts.rest)
        snapshots = parts.snapshots ?? []
        snapshotLog = parts.log ?? []
        // Version 1 has no sequence numbers, whatever its snapshots say.
        guard let version = rest["format-version"]?.integer, version > 1 else { return nil }
    }

    /// What has been read so far.
    private struct Parts {
        var rest: [JSONObject.Member] = []
        var snapshots: [Snapshot]?
        var log: [SnapshotLogEntry]?

        /// False for what is to be read as usual.
        mutating func take(_ part: JSONTape.Part, _ file: SnapshotText.File, _ bytes: UnsafeRawBufferPointer) -> Bool {
            switch part {
            case .member(let nodes):
                let walk = SnapshotReading(file: file, bytes: bytes, nodes: nodes)
                guard let name = walk.value(0)?.string, name != "snapshots", name != "snapshot-log",
                    let value = walk.value(1)
                else { return false }
                rest.append(JSONObject.Member(key: name, value: value))
                return true
            case .list(0):
                guard snapshots == nil else { return false }
                snapshots = []
                return true
            case .list:
                guard log == nil else { return false }
                log = []
                return true
            case .element(0, let nodes):
                let walk = SnapshotReading(file: file, bytes: bytes, nodes: nodes)
                guard (snapshots?.count ?? 0) < Limits.snapshotsMax, let snapshot = walk.snapshot() else {
                    return false
                }
                snapshots?.append(snapshot)
                return true
            case .element(_, let nodes):
                let walk = SnapshotReading(file: file, bytes: bytes, nodes: nodes)
                guard (log?.count ?? 0) < Limits.snapshotsMax, let entry = walk.logEntry() else { return false }
                log?.append(entry)
                return true
            }
        }
    }
}
