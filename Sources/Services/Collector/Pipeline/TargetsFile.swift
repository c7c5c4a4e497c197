import Failpoints
import Files
import JSONFormat
import Synchronization
import Telemetry
import WriteAheadLog

/// `targets.json` beside the log: the tables besides the event table that have said how far this log is in them.
///
/// A table that is not in it and says nothing is new. One that is in it and says nothing was rolled back, replaced or
/// edited: to begin anew would double its events, or leave some out.
///
/// A table that is in it and not fed (its type is registered no more, refused events are not kept for a while) does not
/// hold the log back: it is *passed over*. Where the log began when the first part went without it is kept here, so
/// that the table, when it comes back, may claim what is gone; up to there it must say that it has the log. For that a
/// table is here before its first commit: an answer can be lost, and the table left out before it is asked again.
final class TargetsFile: Sendable {
    private struct Content: Equatable {
        /// Tables that have said how far they have the log.
        var names: Set<String> = []
        /// Tables that may have.
        var begun: Set<String> = []
        /// By table: the first record that went without it.
        var passedOver: [String: UInt64] = [:]
    }

    private static let name = "targets.json"
    private let storage: any LogStorage
    private let logger: Logger
    /// nil until read. Locked only by work of the pool, and while the file is written: two notes at once would lose one.
    private let content = Mutex<Content?>(nil)

    init(storage: any LogStorage, logger: Logger = .disabled) {
        self.storage = storage
        self.logger = logger
    }

    /// What is known of a table that was fed.
    struct Entry: Equatable, Sendable {
        /// It has said how far it has the log.
        let hasSaid: Bool
        /// The first record that went without it; nil when it was not left out.
        let passedOverFrom: UInt64?
    }

    func entry(of target: String) async throws(LogError) -> Entry? {
        try await BlockingPool.shared.run { [self] () throws(LogError) in
            try content.withLock { content throws(LogError) in
                let known = try read(&content)
                let hasSaid = known.names.contains(target)
                guard hasSaid || known.begun.contains(target) else { return nil }
                return Entry(hasSaid: hasSaid, passedOverFrom: known.passedOver[target])
            }
        }
    }

    /// The table is about to be fed from `log`, which is not trimmed meanwhile. Durable on return, on a full disk too as
    /// long as space is set aside.
    func begin(_ target: String, in log: any RecordLog) async throws(LogError) {
        try await BlockingPool.shared.run { [self] () throws(LogError) in
            try change(with: log) { content in
                if !content.names.contains(target) { content.begun.insert(target) }
            }
        }
    }

    /// The table has said how far it has the log, which is not behind its beginning. Durable on return.
    func note(_ target: String) async throws(LogError) {
        try await BlockingPool.shared.run { [self] () throws(LogError) in
            try change { content in
                content.names.insert(target)
                content.begun.remove(target)
                content.passedOver[target] = nil
            }
        }
    }

    /// The log, which begins with `first`, is about to lose records whatever tables say that are not among `fed`. Durable
    /// on return, and written once for each that is left out. Blocks.
    func passOver(allBut fed: Set<String>, from first: UInt64) throws(LogError) {
        let before = try content.withLock { content throws(LogError) in try read(&content) }
        let left = before.names.union(before.begun).filter { !fed.contains($0) && before.passedOver[$0] == nil }
        guard !left.isEmpty else { return }
        try change { content in
            for name in left { content.passedOver[name] = first }
        }
        logger.warn(
            "parts of the log go without tables that were fed from it once: these will lack them",
            ["tables": left.sorted().joined(separator: ", "), "from": first])
    }

    /// - Parameter log: whose reserve may be used, if any.
    private func change(
        with log: (any RecordLog)? = nil, _ body: (inout Content) -> Void
    ) throws(LogError) {
        try content.withLock { content throws(LogError) in
            let known = try read(&content)
            var next = known
            body(&next)
            guard next != known else { return }
            if let log {
                try log.withReserve { () throws(LogError) in try write(next) }
            } else {
                try write(next)
            }
            content = next
        }
    }

    private func write(_ all: Content) throws(LogError) {
        let passedOver = all.passedOver.sorted { $0.key < $1.key }
            .map { JSONObject.Member(key: $0.key, value: JSONValue($0.value)) }
        let json: JSONValue = [
            "version": 1, "targets": .array(all.names.sorted().map(JSONValue.string)),
            "begun": .array(all.begun.sorted().map(JSONValue.string)),
            "passed_over": .object(JSONObject(passedOver)),
        ]
        do throws(FileError) {
            Failpoint.targetsBeforeWrite.pass()
            try storage.writeAtomically(Self.name, json.serialized())
            Failpoint.targetsAfterWrite.pass()
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "\(Self.name) cannot be written: \(error)")
        }
    }

    private func read(_ content: inout Content?) throws(LogError) -> Content {
        if let content { return content }
        let bytes: [UInt8]?
        do throws(FileError) {
            bytes = try storage.list().contains(Self.name) ? try storage.read(Self.name) : nil
        } catch {
            throw LogError(.failed, "\(Self.name) cannot be read: \(error)")
        }
        let found = try bytes.map { bytes throws(LogError) in try Self.parse(bytes) } ?? Content()
        content = found
        return found
    }

    private static func parse(_ bytes: [UInt8]) throws(LogError) -> Content {
        do throws(JSONError) {
            let value = JSONCursor(try JSONValue.parse(bytes))
            guard try value.member("version").integer() == 1 else { throw JSONError("another version") }
            var content = Content()
            for name in try value.member("targets").elements() { content.names.insert(try name.string()) }
            // Earlier releases know of neither.
            for name in try value.optional("begun")?.elements() ?? [] { content.begun.insert(try name.string()) }
            for (name, from) in try value.optional("passed_over")?.members() ?? [] {
                content.passedOver[name] = try from.integer(as: UInt64.self)
            }
            return content
        } catch {
            throw LogError(
                .corrupt,
                "the file \(name) of the log directory is damaged (\(error)). It lists the tables besides the event table "
                    + "that have parts of this log; restore it from a copy, or write {\"version\":1,\"targets\":[…]} with "
                    + "their names")
        }
    }
}
