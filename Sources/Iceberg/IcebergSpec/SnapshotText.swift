import JSONFormat
import Synchronization

/// A snapshot as a metadata file has it: its part of the file's text, which has been checked (`TableMetadataText`) and is taken
/// apart when first asked for.
final class SnapshotText: Sendable {
    /// Of the whole file, shared by all its snapshots.
    private let file: [UInt8]
    private let range: Range<Int>
    private let known = Mutex<Snapshot.Details?>(nil)

    init(_ file: [UInt8], _ range: Range<Int>) {
        self.file = file
        self.range = range
    }

    var byteCount: Int { range.count }

    func append(to text: inout [UInt8]) { text += file[range] }

    var details: Snapshot.Details {
        known.withLock { known in
            if let known { return known }
            do {
                let snapshot = try Snapshot(json: try JSONValue.parse(Array(file[range])))
                known = snapshot.details
                return snapshot.details
            } catch {
                preconditionFailure("TableMetadataText keeps only what can be read: \(error)")
            }
        }
    }
}
