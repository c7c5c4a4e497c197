import Catalog
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// Judges a world of the catalog from outside, once everything is at rest.
struct CatalogJudge {
    let world: CatalogWorld
    let history: CatalogHistory
    private let records: [CatalogRecord]

    init(_ world: CatalogWorld) {
        self.world = world
        history = CatalogHistory(world.journal)
        records = world.records.withLock { $0 }
    }

    func judge() async {
        for finding in history.findings { world.findings.add(finding) }
        let files = await metadataFiles()
        judgeLines(files)
        judgePlaces()
        judgeReturns()
        judgeMarks(files)
        judgeKeys()
        await judgeManifests(files)
        await CatalogPurges(world: world, history: history).judge()
        CatalogReads(history: history, records: records, findings: world.findings).judge()
    }

    /// What is judged of a metadata file.
    private struct Judged {
        let properties: [String: String]
        /// nil: of a view.
        let table: TableMetadata?
    }

    /// Every metadata file that counted at some time. Those of tables that were purged need not be there any more.
    private func metadataFiles() async -> [String: Judged] {
        var files: [String: Judged] = [:]
        let purged = history.purged
        for state in history.chains.values.joined() {
            guard let location = state.location, let uuid = state.uuid, files[location] == nil else { continue }
            let store = purged.contains(uuid) ? world.journal.everything : world.journal.memory
            do throws(CatalogError) {
                if state.isView {
                    let view = try await StoredView.read(location, from: store).metadata
                    files[location] = Judged(properties: view.properties, table: nil)
                } else {
                    let table = try await StoredMetadata.read(location, from: store).metadata
                    files[location] = Judged(properties: table.properties, table: table)
                }
            } catch {
                world.findings.add("\(location), which a register names, cannot be read: \(error.code)")
            }
        }
        return files
    }

    /// Every state of a table was made from the one before: its log says so, and a view has all marks of the one before.
    private func judgeLines(_ files: [String: Judged]) {
        for (chain, states) in history.chains {
            for (last, next) in zip(states, states.dropFirst()) {
                guard let before = last.location, let after = next.location, before != after, last.uuid == next.uuid
                else { continue }
                let isNext =
                    next.isView
                    ? Set(files[before]?.properties.keys ?? [:].keys).isSubset(
                        of: files[after]?.properties.keys ?? [:].keys)
                    : files[after]?.table?.metadataLog.last?.metadataFile == before
                if !isNext {
                    world.findings.add("\(chain) version \(next.version) was not made from version \(last.version)")
                }
            }
        }
    }

    /// A table or view is in one place at a time, and goes only when it is dropped.
    private func judgePlaces() {
        var heads: [String: [String]] = [:]
        var last: [String: (tick: Int64, isDropped: Bool)] = [:]
        for (chain, states) in history.chains {
            if let uuid = states.last?.uuid { heads[uuid, default: []].append(chain) }
            for (before, after) in zip(states, states.dropFirst()) {
                let left = before.uuid != after.uuid ? before.uuid : nil
                for (uuid, isGone) in [(left, true), (after.uuid, false)] {
                    guard let uuid, (last[uuid]?.tick ?? -1) <= after.tick else { continue }
                    last[uuid] = (after.tick, isGone && CatalogHistory.drops.contains(after.operation))
                }
            }
        }
        for places in heads.values where places.count > 1 {
            world.findings.add("one table is \(places.sorted().joined(separator: " and "))")
        }
        for (uuid, end) in last where heads[uuid] == nil && !end.isDropped {
            world.findings.add("the table \(uuid) is nowhere, and was not dropped")
        }
    }

    /// What was dropped comes back as it was last.
    private func judgeReturns() {
        var last: [String: String] = [:]
        for (chain, state) in history.chains.flatMap({ chain, states in states.map { (chain, $0) } })
            .sorted(by: { $0.1.tick < $1.1.tick })
        {
            guard let uuid = state.uuid, let location = state.location else { continue }
            // A name that stands for nothing yet is registered from whatever lies at its place.
            let isBack = state.operation == "undrop" || state.operation == "register" && last[uuid] != nil
            if isBack, state.isEffective, last[uuid] != location {
                world.findings.add("\(chain) version \(state.version) is not what was dropped")
            }
            last[uuid] = location
        }
    }

    // MARK: - Marks

    /// Tables and views, as each was at its last.
    private func lastStates(_ files: [String: Judged]) -> [String: Judged] {
        var newest: [String: (tick: Int64, file: Judged)] = [:]
        for state in history.chains.values.joined() {
            guard let uuid = state.uuid, let file = state.location.flatMap({ files[$0] }),
                newest[uuid]?.tick ?? -1 <= state.tick
            else { continue }
            newest[uuid] = (state.tick, file)
        }
        return newest.mapValues(\.file)
    }

    private func judgeMarks(_ files: [String: Judged]) {
        let last = lastStates(files)
        let foundTables = foundTables
        for record in records where record.wish.marks > 0 {
            let isCreation = if case .create = record.wish { true } else { false }
            let marked = last.filter {
                $0.value.properties[record.mark] != nil && !(isCreation && foundTables.contains($0.key))
            }.keys
            let found = marked.count
            switch record.outcome {
            case .acknowledged where found > record.wish.marks && world.journal.outlivesKeys(record): continue
            case .acknowledged where found != record.wish.marks: world.findings.add("\(record), found \(found) times")
            case .refused(_, afterUnknown: false) where found > 0: world.findings.add("\(record), found \(found) times")
            // A repeat that is refused says that the first attempt did not take place either.
            case .refused(_, afterUnknown: true) where found > 0 && (record.key != nil || stayed(marked, record)):
                world.findings.add("\(record), the first attempt took place")
            case .unknown where found > 0 && found != record.wish.marks:
                world.findings.add("\(record), found \(found) times")
            default: continue
            }
        }
    }

    /// Tables that were registered from files which no register had named before: such as that of a creation which lost.
    private var foundTables: Set<String> {
        let states = history.chains.values.joined().filter { $0.uuid != nil }
        let first = Dictionary(grouping: states, by: { $0.uuid ?? "" }).compactMapValues {
            $0.min { $0.tick < $1.tick }
        }
        return Set(first.filter { $0.value.operation == "register" }.keys)
    }

    /// Whether the table that the append was made to kept its name meanwhile: without a key a repeat finds it by nothing else.
    private func stayed(_ marked: some Collection<String>, _ record: CatalogRecord) -> Bool {
        let states = history.states(of: record.wish.name)
        let first = states.lastIndex { $0.tick <= record.begin } ?? 0
        return states[first...].allSatisfy { $0.tick > record.end || $0.uuid.map { marked.contains($0) } ?? false }
    }

    /// What was asked for again took place once.
    private func judgeKeys() {
        var seen: [String: [String: Int64]] = [:]
        for (chain, states) in history.chains {
            for state in states {
                for key in state.keys {
                    seen[key, default: [:]][state.transaction ?? "\(chain) \(state.version)"] = state.time
                }
            }
        }
        let forgotten = Set(records.filter { world.journal.outlivesKeys($0) }.compactMap(\.key))
        for (key, places) in seen where !forgotten.contains(key) {
            let times = places.values.sorted()
            // A repeat that was days on its way finds its key forgotten.
            guard zip(times, times.dropFirst()).contains(where: { $1 - $0 < Self.keyLifetimeMicroseconds }) else {
                continue
            }
            world.findings.add(
                "\(key) took place \(places.count) times: \(places.keys.sorted().joined(separator: ", "))")
        }
    }

    private static let keyLifetimeMicroseconds = Int64(CatalogLimits.idempotencyMinutes) * 60_000_000

    /// Every append whose mark is there has its file there.
    private func judgeManifests(_ files: [String: Judged]) async {
        for metadata in lastStates(files).values.compactMap(\.table) {
            guard let list = metadata.currentSnapshot?.manifestList else { continue }
            do {
                let object = try await world.journal.everything.get(try world.journal.location(of: list), range: nil)
                let names = Set(
                    try ManifestList.decode(object.bytes, path: list).map { $0.path.split(separator: "/").last ?? "" })
                for case let record in records where metadata.properties[record.mark] != nil {
                    guard case .append = record.wish, !names.contains("\(record.mark).avro") else { continue }
                    world.findings.add("\(record): its manifest is not in the table")
                }
            } catch {
                world.findings.add("\(list) cannot be read: \(error)")
            }
        }
    }
}
