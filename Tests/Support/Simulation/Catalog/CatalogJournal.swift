import Clocks
import IcebergTable
import JSONFormat
import ObjectStore
import Synchronization

/// The objects of a world, and every version of every register as it was created. Nothing that decides may change after that.
final class CatalogJournal: AlteredStore {
    /// One version of a register.
    struct Entry: Sendable {
        let chain: String
        let version: Int64
        let json: JSONValue
        /// Its place in the order of all that happens in the world.
        let tick: Int64
        /// When it was created, in microseconds of the world, days that passed among them.
        let time: Int64
    }

    /// A record of a drop, as it was first put.
    struct Drop: Sendable {
        let key: String
        let uuid: String
        let location: String
        let isPurge: Bool
        /// Whether its files were to be deleted at some time: it may come back as a late request.
        var isPurging = false

        /// The register and the version of it that made the drop.
        var chain: String {
            "tables/" + key.dropFirst("dropped/".count).split(separator: "/").dropLast().joined(separator: "/")
        }
        var version: Int64 { key.split(separator: "/").last.flatMap { Int64($0) } ?? -1 }
    }

    private struct State {
        var tick: Int64 = 0
        /// When days passed.
        var leaps: [Int64] = []
        var entries: [String: Entry] = [:]
        var decisions: [String: String] = [:]
        /// Versions up to which a register's guide says that they may be gone.
        var trimmed: [String: Int64] = [:]
        var putAt: [String: Int64] = [:]
        var drops: [String: Drop] = [:]
    }

    let memory: MemoryObjectStore
    /// Files of tables, also those that were deleted.
    let everything: MemoryObjectStore
    let manifests = ManifestCache()
    var inner: any ObjectStore { memory }
    private let executor: SimulatedExecutor
    let findings: SimulatedFindings
    private let state = Mutex(State())

    init(clock: any WallClock, executor: SimulatedExecutor, findings: SimulatedFindings) {
        memory = MemoryObjectStore(clock: clock)
        everything = MemoryObjectStore(clock: clock)
        self.executor = executor
        self.findings = findings
    }

    func tick() -> Int64 {
        state.withLock { state in
            state.tick += 1
            return state.tick
        }
    }

    func noteLeap() {
        state.withLock { state in
            state.tick += 1
            state.leaps.append(state.tick)
        }
    }

    /// Whether days passed while a request and its repeats were on their way: its key may be forgotten by then.
    func outlivesKeys(_ record: CatalogRecord) -> Bool {
        state.withLock { $0.leaps.contains { record.begin < $0 && $0 < record.end } }
    }

    /// Versions of registers of tables, by chain and in order.
    var chains: [String: [Entry]] {
        let entries = state.withLock { Array($0.entries.values) }
        return Dictionary(grouping: entries, by: \.chain).mapValues { $0.sorted { $0.version < $1.version } }
    }

    func decision(of transaction: String) -> String? { state.withLock { $0.decisions[transaction] } }

    var drops: [String: Drop] { state.withLock { $0.drops } }

    /// When the object was first put, in microseconds of the world.
    func age(of key: ObjectKey) -> Int64 { executor.now - (state.withLock { $0.putAt[key.rawValue] } ?? 0) }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let outcome = try await memory.put(location, bytes, condition: condition, contentType: contentType)
        guard case .stored = outcome else { return outcome }
        let key = location.key.rawValue
        let now = executor.now
        state.withLock { if $0.putAt[key] == nil { $0.putAt[key] = now } }
        if location.bucket.rawValue == CatalogWorld.catalogBucket {
            record(key, bytes)
        } else {
            _ = try await everything.put(location, bytes, condition: .always, contentType: contentType)
        }
        return outcome
    }

    private func record(_ key: String, _ bytes: [UInt8]) {
        let json: JSONValue
        do { json = try JSONValue.parse(bytes) } catch { return findings.add("\(key) is no JSON") }
        if key.hasPrefix("transactions/") {
            let id = String(key.dropFirst("transactions/".count))
            let decision = json["outcome"]?.string ?? "?"
            let known = state.withLock { state in
                defer { if state.decisions[id] == nil { state.decisions[id] = decision } }
                return state.decisions[id]
            }
            if let known, known != decision { findings.add("transaction \(id) was \(known), then \(decision)") }
        } else if key.hasPrefix("dropped/") {
            recordDrop(key, json)
        } else if key.hasPrefix("tables/"), key.hasSuffix("/hint") {
            recordGuide(String(key.dropLast("/hint".count)), json["trimmed"]?.integer ?? -1)
        } else if key.hasPrefix("tables/"), let slash = key.lastIndex(of: "/"),
            let version = Int64(key[key.index(after: slash)...])
        {
            // Made anew by somebody who was stalled: it counts for nobody.
            if version <= state.withLock({ $0.trimmed[String(key[..<slash])] ?? 0 }) { return }
            let next = tick()
            let entry = Entry(
                chain: String(key[..<slash]), version: version, json: json, tick: next,
                time: executor.now + executor.passed)
            let known = state.withLock { state in
                defer { if state.entries[key] == nil { state.entries[key] = entry } }
                return state.entries[key]
            }
            if let known, known.json != json { findings.add("the register entry \(key) was written twice") }
        }
    }

    private func recordDrop(_ key: String, _ json: JSONValue) {
        guard let table = json["state"], let uuid = table["table-uuid"]?.string,
            let location = table["metadata-location"]?.string
        else { return findings.add("\(key) is no record of a drop") }
        state.withLock { state in
            var drop =
                state.drops[key]
                ?? Drop(key: key, uuid: uuid, location: location, isPurge: json["purge"] == .bool(true))
            drop.isPurging = drop.isPurging || json["stage"]?.string == "purging"
            state.drops[key] = drop
        }
    }

    /// What may be gone never comes back.
    private func recordGuide(_ chain: String, _ trimmed: Int64) {
        let before = state.withLock { state in
            defer { state.trimmed[chain] = trimmed }
            return state.trimmed[chain] ?? 0
        }
        if trimmed < before { findings.add("the guide of \(chain) goes back from \(before) to \(trimmed)") }
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        if bucket.rawValue == CatalogWorld.catalogBucket {
            for key in keys where key.rawValue.hasPrefix("tables/") { judgeDeletion(key.rawValue) }
        } else {
            await judgeFiles(deleted: keys.map(\.rawValue))
        }
        try await memory.delete(bucket, keys)
    }

    /// A version that counts is deleted by nobody.
    private func judgeDeletion(_ key: String) {
        guard let slash = key.lastIndex(of: "/"), let version = Int64(key[key.index(after: slash)...]) else {
            return findings.add("\(key) was deleted")
        }
        let trimmed = state.withLock { $0.trimmed[String(key[..<slash])] ?? 0 }
        if version > trimmed { findings.add("\(key) was deleted, and only versions up to \(trimmed) may be") }
    }
}

extension CatalogWorld {
    /// The objects as a replica sees them: its lists may be behind.
    func bucket(of process: SimulatedProcess) -> any ObjectStore {
        plan.staleLists == 0 ? journal : StaleLists(journal: journal, random: fates, perThousand: plan.staleLists)
    }
}

extension CatalogWorld {
    /// A replica that is stalled now and then just before it creates a version, or changes the record of a drop.
    func stalled(_ store: any ObjectStore) -> any ObjectStore {
        plan.stalls == 0 ? store : StalledWriter(inner: store, world: self)
    }
}

private struct StalledWriter: AlteredStore {
    let inner: any ObjectStore
    let world: CatalogWorld

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let key = location.key.rawValue
        if condition == .ifAbsent && key.hasPrefix("tables/") || condition != .ifAbsent && key.hasPrefix("dropped/"),
            !world.isHealing, world.fates.chance(world.plan.stalls)
        {
            await world.executor.sleep(microseconds: Int64(20_000 + world.fates.below(150_000)))
        }
        return try await inner.put(location, bytes, condition: condition, contentType: contentType)
    }
}

/// Lists do not always show what was put in the last 20 milliseconds.
private struct StaleLists: AlteredStore {
    let journal: CatalogJournal
    let random: SimulatedRandom
    let perThousand: Int
    var inner: any ObjectStore { journal }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        let page = try await journal.list(
            bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
        guard random.chance(perThousand) else { return page }
        return ObjectPage(
            objects: page.objects.filter { journal.age(of: $0.key) > 20_000 }, commonPrefixes: page.commonPrefixes,
            next: page.next)
    }
}
