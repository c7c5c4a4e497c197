import IcebergCatalog
import IcebergSpec
import JSONFormat
import ObjectStore

/// What the registers say became of every table: one line of states each, read by the rules of docs/catalog.md and by none of
/// the catalog's own code.
struct CatalogHistory: Sendable {
    /// What a name stood for from one version on.
    struct State: Sendable {
        let version: Int64
        let tick: Int64
        /// In microseconds of the world.
        let time: Int64
        let operation: String
        /// Where the metadata lies; nil: no table and no view.
        let location: String?
        let uuid: String?
        let isView: Bool
        let keys: [String]
        /// The transaction that brought it, if it counts.
        let transaction: String?
        /// Whether this version brought the state: one that was aborted leaves the one before.
        let isEffective: Bool
    }

    /// By chain, from version 0 on: no table.
    let chains: [String: [State]]
    let findings: [String]

    init(_ journal: CatalogJournal) {
        var findings: [String] = []
        var chains: [String: [State]] = [:]
        for (chain, entries) in journal.chains {
            var states = [Self.absent]
            for entry in entries {
                if entry.version != Int64(states.count) {
                    findings.append("\(chain) has version \(entry.version) after \(states.count - 1)")
                }
                states.append(Self.state(entry, after: states[states.count - 1], journal))
            }
            chains[chain] = states
        }
        self.chains = chains
        self.findings = findings
    }

    private static let absent = State(
        version: 0, tick: 0, time: 0, operation: "", location: nil, uuid: nil, isView: false, keys: [],
        transaction: nil, isEffective: true)

    private static func state(_ entry: CatalogJournal.Entry, after last: State, _ journal: CatalogJournal) -> State {
        let json = entry.json
        let transaction = json["transaction"]?["id"]?.string
        let counts = transaction.map { journal.decision(of: $0) == "committed" } ?? true
        let key = json["idempotency-key"]?.string
        let more = json["idempotency-keys"]?.array?.compactMap(\.string) ?? []
        let state = json["state"]
        return State(
            version: entry.version, tick: entry.tick, time: entry.time, operation: json["operation"]?.string ?? "",
            location: counts ? state?["metadata-location"]?.string : last.location,
            uuid: counts ? (state?["table-uuid"] ?? state?["view-uuid"])?.string : last.uuid,
            isView: counts ? state?["kind"]?.string == "view" : last.isView,
            keys: counts ? [key].compactMap(\.self) + more : [], transaction: counts ? transaction : nil,
            isEffective: counts)
    }

    /// What ends a table or view.
    static let drops: Set<String> = ["drop", "purge", "drop-view", "undo-create"]

    /// UUIDs of tables that were dropped at some time with all their files.
    var purged: Set<String> {
        var found: Set<String> = []
        for states in chains.values {
            for (before, after) in zip(states, states.dropFirst()) where after.operation == "purge" {
                if let uuid = before.uuid { found.insert(uuid) }
            }
        }
        return found
    }

    static func chain(of table: TableIdentifier) -> String {
        "tables/\(table.namespace.levels.joined(separator: "."))/\(table.name)"
    }

    func states(of table: TableIdentifier) -> [State] { chains[Self.chain(of: table)] ?? [Self.absent] }

    /// Versions by chain of every transaction that counts.
    var transactions: [String: [String: Int64]] {
        var parts: [String: [String: Int64]] = [:]
        for (chain, states) in chains {
            for state in states { if let id = state.transaction { parts[id, default: [:]][chain] = state.version } }
        }
        return parts
    }
}
