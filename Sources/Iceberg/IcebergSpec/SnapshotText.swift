import JSONFormat
import Synchronization

/// A snapshot as a metadata file has it: its part of the file's text, which has been checked (`SnapshotReading`) and is taken
/// apart when first asked for.
struct SnapshotText: Sendable {
    /// A metadata file, and what of its snapshots has been taken apart.
    final class File: Sendable {
        let text: [UInt8]
        fileprivate let known = Mutex<[UInt32: Snapshot.Details]>([:])

        init(_ text: [UInt8]) { self.text = text }
    }

    /// What most look for, and for all snapshots of a table.
    enum Operation: String, CaseIterable, Sendable { case append, replace, overwrite, delete }

    private let file: File
    private let start: UInt32
    private let end: UInt32
    /// nil for any other.
    let operation: Operation?

    init(_ file: File, _ range: Range<UInt32>, _ operation: Operation?) {
        self.file = file
        start = range.lowerBound
        end = range.upperBound
        self.operation = operation
    }

    var byteCount: Int { Int(end - start) }

    func isSame(as other: SnapshotText) -> Bool { file === other.file && start == other.start }

    /// The same text where it has been copied to.
    func moved(to file: File, at place: Int) -> SnapshotText {
        SnapshotText(file, UInt32(place)..<UInt32(place + byteCount), operation)
    }

    func append(to output: inout [UInt8]) { output += file.text[Int(start)..<Int(end)] }

    var details: Snapshot.Details {
        file.known.withLock { known in
            if let details = known[start] { return details }
            do {
                let text = Array(file.text[Int(start)..<Int(end)])
                let details = try Snapshot(json: try JSONValue.parse(text)).details
                known[start] = details
                return details
            } catch {
                preconditionFailure("SnapshotReading keeps only what can be read: \(error)")
            }
        }
    }
}
