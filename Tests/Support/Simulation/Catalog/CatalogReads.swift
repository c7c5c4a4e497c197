import IcebergCatalog

/// Whether what clients were told of tables is one line in time: whoever asks after an answer was given sees at least what
/// that answer showed, in that table and in those changed together with it.
struct CatalogReads {
    let history: CatalogHistory
    let records: [CatalogRecord]
    let findings: SimulatedFindings

    private struct Event {
        let tick: Int64
        let index: Int
        let isEnd: Bool
    }

    func judge() {
        var events: [Event] = []
        for (index, record) in records.enumerated() {
            events.append(Event(tick: record.begin, index: index, isEnd: false))
            events.append(Event(tick: record.end, index: index, isEnd: true))
        }
        let transactions = history.transactions
        /// The version that has been shown, by chain.
        var floors: [String: Int64] = [:]
        var atBegin: [Int: [String: Int64]] = [:]
        for event in events.sorted(by: { $0.tick < $1.tick }) {
            guard event.isEnd else {
                atBegin[event.index] = floors
                continue
            }
            let shown = shown(by: records[event.index], since: atBegin[event.index] ?? [:])
            for (chain, version) in shown { floors[chain] = max(floors[chain] ?? 0, version) }
            for parts in transactions.values where parts.contains(where: { (floors[$0] ?? 0) >= $1 }) {
                for (chain, version) in parts { floors[chain] = max(floors[chain] ?? 0, version) }
            }
        }
    }

    /// The lowest version of each table that the answer can have been given from.
    private func shown(by record: CatalogRecord, since floors: [String: Int64]) -> [String: Int64] {
        let chain = CatalogHistory.chain(of: record.wish.name)
        let floor = floors[chain] ?? 0
        func first(_ holds: (CatalogHistory.State) -> Bool) -> [String: Int64] {
            let states = history.states(of: record.wish.name)
            guard let state = states.first(where: { $0.version >= floor && $0.tick <= record.end && holds($0) })
            else {
                findings.add("\(record): not so from version \(floor) on, which others were shown before")
                return [:]
            }
            return [chain: state.version]
        }
        switch record.outcome {
        case .acknowledged(.at(let location)): return first { $0.location == location }
        case .acknowledged(.absent): return first { $0.location == nil }
        case .acknowledged(.done):
            switch record.wish {
            case .rename(let source, let destination) where source == destination: return [:]
            case .renameView(let source, let destination) where source == destination: return [:]
            case .drop, .purge, .rename, .dropView, .renameView:
                return first { $0.version > floor && $0.location == nil }
            default: return [:]
            }
        case .refused(let error, _) where error.code == .noSuchTable:
            switch record.wish {
            case .transaction, .undrop, .register: return [:]
            default: return first { $0.location == nil || $0.isView }
            }
        case .refused(let error, _) where error.code == .noSuchView:
            return first { $0.location == nil || !$0.isView }
        default: return [:]
        }
    }
}
