import Failpoints
import Files
import JSONFormat
import Synchronization
import WriteAheadLog

/// `targets.json` beside the log: the tables besides the event table that have said how far this log is in them.
///
/// A table that is not in it and says nothing is new. One that is in it and says nothing was rolled back, replaced or
/// edited: to begin anew would double its events, or leave some out.
final class TargetsFile: Sendable {
    private static let name = "targets.json"
    private let storage: any LogStorage
    /// nil until read. Locked only by work of the pool, and while the file is written: two notes at once would lose one.
    private let names = Mutex<Set<String>?>(nil)

    init(storage: any LogStorage) {
        self.storage = storage
    }

    func contains(_ target: String) async throws(LogError) -> Bool {
        try await BlockingPool.shared.run { [self] () throws(LogError) in
            try names.withLock { names throws(LogError) in try read(&names).contains(target) }
        }
    }

    /// Durable on return.
    func note(_ target: String) async throws(LogError) {
        try await BlockingPool.shared.run { [self] () throws(LogError) in
            try names.withLock { names throws(LogError) in
                var all = try read(&names)
                guard all.insert(target).inserted else { return }
                try write(all)
                names = all
            }
        }
    }

    private func write(_ all: Set<String>) throws(LogError) {
        let content: JSONValue = ["version": 1, "targets": .array(all.sorted().map(JSONValue.string))]
        do throws(FileError) {
            Failpoint.targetsBeforeWrite.pass()
            try storage.writeAtomically(Self.name, content.serialized())
            Failpoint.targetsAfterWrite.pass()
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "\(Self.name) cannot be written: \(error)")
        }
    }

    private func read(_ names: inout Set<String>?) throws(LogError) -> Set<String> {
        if let names { return names }
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try storage.list().contains(Self.name) ? try storage.read(Self.name) : nil
        } catch {
            throw LogError(.failed, "\(Self.name) cannot be read: \(error)")
        }
        let found = try bytes.map { bytes throws(LogError) in try Self.parse(bytes) } ?? []
        names = found
        return found
    }

    private static func parse(_ bytes: [UInt8]) throws(LogError) -> Set<String> {
        do throws(JSONError) {
            let value = try JSONValue.parse(bytes)
            if value["version"]?.integer == 1, let targets = value["targets"]?.array {
                return Set(targets.compactMap(\.string))
            }
        } catch {}
        throw LogError(
            .corrupt,
            "the file \(name) of the log directory is damaged. It lists the tables besides the event table that have parts "
                + "of this log; restore it from a copy, or write {\"version\":1,\"targets\":[…]} with their names")
    }
}
