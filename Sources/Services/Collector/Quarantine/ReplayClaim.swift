import Clocks
import JSONFormat
import ObjectStore

/// Lets one collector at a time replay what a table holds: the object `replay.json` beside the table's files says which.
///
/// It is held until what was replayed is in the table, where the next one finds it. It does not expire: who holds it may have
/// events in its log that no table has, however long ago that was. The collector of the same log takes it again, any other
/// only when it is told that the holder is gone for good.
struct ReplayClaim: Sendable {
    /// Another collector has it.
    struct Held: Error {
        let log: String
        let since: String
    }

    private let store: any ObjectStore
    private let location: ObjectLocation
    private let log: UUID
    private let clock: any WallClock

    private static let name = "replay.json"
    private static let attemptsMax = 5

    /// - Parameter table: the location of the table.
    init(
        _ store: any ObjectStore, table: String, log: UUID, clock: any WallClock = SystemClock()
    ) throws(ObjectStoreError) {
        self.store = store
        self.log = log
        self.clock = clock
        location = try store.location(of: "\(table)/\(Self.name)")
    }

    /// Takes the claim; durable on return.
    ///
    /// - Parameter isForced: from whoever has it.
    /// - Returns: the entity tag by which it is released.
    /// - Throws: `Held`; `ObjectStoreError`, after which it may be held by this log, which may take it again.
    func take(isForced: Bool = false) async throws -> String {
        let content: JSONValue = ["log": .string(log.description), "since": .string(clock.now().description)]
        for _ in 0..<Self.attemptsMax {
            let condition: PutCondition
            if let (holder, etag) = try await read() {
                if let holder, holder.log != log.description, !isForced { throw holder }
                condition = .ifMatch(etag)
            } else {
                condition = .ifAbsent
            }
            let put = try await store.put(
                location, content.serialized(), condition: condition, contentType: "application/json")
            if case .stored(let etag) = put { return etag }
        }
        throw ObjectStoreError(.unavailable, "\(location) changes all the time")
    }

    /// Lets others have it. Nothing happens when another has taken it meanwhile.
    func release(_ etag: String) async throws(ObjectStoreError) {
        _ = try await store.put(
            location, Array("{}".utf8), condition: .ifMatch(etag), contentType: "application/json")
    }

    /// nil where there is no such object; no holder where it is free, or says nothing that is understood.
    private func read() async throws(ObjectStoreError) -> (holder: Held?, etag: String)? {
        let object: StoredObject
        do throws(ObjectStoreError) {
            object = try await store.get(location, range: nil)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        guard object.bytes != Array("{}".utf8) else { return (nil, object.etag) }
        var held = Held(log: "unknown", since: "unknown")
        do throws(JSONError) {
            let json = try JSONValue.parse(object.bytes)
            held = Held(log: json["log"]?.string ?? held.log, since: json["since"]?.string ?? held.since)
        } catch {}
        return (held, object.etag)
    }
}
