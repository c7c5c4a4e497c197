import Clocks
import Concurrency
import IcebergCatalog
import Synchronization

/// The changes of namespaces, tables and views, read from the registers: at least once each, those of one register in their order, on
/// any replica.
struct EventFeed: Sendable {
    struct Page: Sendable {
        /// Each with how far the reader has come with it.
        var events: [(change: RecordedChange, cursor: EventCursor)] = []
        var cursor: EventCursor
        /// Whether the reader had to be sent away without waiting.
        var isCrowded = false
    }

    private let service: CatalogService
    private let key: SigningKey
    private let clock: any MonotonicClock
    private let waiting = Waiting()

    /// The readers who wait, by principal.
    private final class Waiting: Sendable {
        private let counts = Mutex<[String: Int]>([:])

        func enter(_ name: String) throws(CatalogError) {
            let problem = counts.withLock { counts -> String? in
                let (own, all) = (counts[name] ?? 0, counts.values.reduce(0, +))
                if all >= CatalogLimits.eventWaitersMax { return "\(all) readers wait for events already" }
                if own >= CatalogLimits.eventWaitersOfOneMax {
                    return "\(own) readers of yours wait for events already"
                }
                counts[name] = own + 1
                return nil
            }
            if let problem { throw CatalogError(.tooManyRequests, problem) }
        }

        func leave(_ name: String) {
            counts.withLock { counts in
                let left = (counts[name] ?? 1) - 1
                counts[name] = left > 0 ? left : nil
            }
        }
    }

    /// - Parameter key: made with the catalog's bucket and lost with it, as the versions are.
    init(service: CatalogService, key: SigningKey, clock: any MonotonicClock = SystemClock()) {
        self.service = service
        self.key = key
        self.clock = clock
    }

    /// From where readers of this catalog may begin.
    enum Start: Sendable {
        case now
        /// With the oldest change that is left.
        case oldest
        case after(EventCursor)
    }

    /// What came after `start`, as soon as there is something.
    ///
    /// - Parameters:
    ///   - refusesCrowd: whether too many readers are an error. Else the page says so.
    ///   - isStopping: asked while waiting.
    /// - Throws: `.tooManyRequests` when too many wait already; `.unprocessable` for too many registers; `.badRequest` for the
    ///   cursor of another catalog.
    func next(
        from start: Start, in scope: RecordScope, limit: Int, waitMilliseconds: Int, refusesCrowd: Bool,
        _ rights: Rights, isStopping: @Sendable () -> Bool
    ) async throws(CatalogError) -> Page {
        var page = try await page(from: start, in: scope, limit: limit, rights)
        guard waitMilliseconds > 0, page.events.isEmpty else { return page }
        do {
            try waiting.enter(rights.principal.name)
        } catch {
            guard !refusesCrowd else { throw error }
            page.isCrowded = true
            return page
        }
        defer { waiting.leave(rights.principal.name) }
        let end = clock.nanoseconds() + UInt64(waitMilliseconds) * 1_000_000
        while page.events.isEmpty, clock.nanoseconds() < end, !isStopping() {
            do {
                // Every look costs a read for each register.
                try await clock.sleep(milliseconds: min(10_000, max(500, page.cursor.count * 20)))
            } catch {
                break
            }
            page = try await self.page(from: .after(page.cursor), in: scope, limit: limit, rights)
        }
        return page
    }

    private func page(
        from start: Start, in scope: RecordScope, limit: Int, _ rights: Rights
    ) async throws(CatalogError) -> Page {
        let subjects = try await visible(try await service.subjects(in: scope, isWhole: false), rights)
        guard subjects.count <= CatalogLimits.eventRegistersMax else {
            throw CatalogError(
                .unprocessable,
                "there are \(subjects.count) namespaces, tables and views; events of at most \(CatalogLimits.eventRegistersMax) are followed at once: ask for a namespace or a table"
            )
        }
        let known = try await cursor(at: start)
        let found = try await mapConcurrently(subjects, limit: CatalogLimits.operationConcurrency) {
            (subject) async throws(CatalogError) in
            try await changes(of: subject, after: known, limit: limit)
        }
        var page = Page(cursor: EventCursor(catalog: try await catalog()))
        if let known { page.cursor = known } else { for (chain, version, _) in found { page.cursor[chain] = version } }
        // By time over all registers, without ever turning round the order of one.
        var rest = found.map { $0.changes[...] }
        while page.events.count < limit, let next = Self.earliest(rest) {
            let change = rest[next].removeFirst()
            page.cursor[found[next].chain] = change.version
            guard change.decision == .committed, try await isVisible(change, rights) else { continue }
            page.events.append((change, page.cursor))
        }
        return page
    }

    /// nil: from now on.
    private func cursor(at start: Start) async throws(CatalogError) -> EventCursor? {
        switch start {
        case .now: return nil
        case .oldest: return EventCursor(catalog: try await catalog())
        case .after(let cursor):
            guard cursor.catalog == (try await catalog()) else {
                throw CatalogError(
                    .badRequest,
                    "this is the cursor of another catalog, or of this one before its bucket was lost: go on from \"start\" or \"now\""
                )
            }
            return cursor
        }
    }

    /// What is the same for all replicas and for as long as the registers live.
    private func catalog() async throws(CatalogError) -> UInt64 {
        try await key.signature(of: [], for: "event cursor").prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func earliest(_ rest: [ArraySlice<RecordedChange>]) -> Int? {
        rest.indices.filter { !rest[$0].isEmpty }.min {
            rest[$0][rest[$0].startIndex].time < rest[$1][rest[$1].startIndex].time
        }
    }

    /// What came after the cursor, up to a version whose transaction is yet to be decided.
    private func changes(
        of subject: RecordedSubject, after cursor: EventCursor?, limit: Int
    ) async throws(CatalogError) -> (chain: RegisterChain, version: Int64, changes: [RecordedChange]) {
        let chain = try subject.chain()
        let registers = service.registers
        guard let cursor else { return (chain, try await registers.newestListed(chain), []) }
        var version = cursor[chain]
        var changes: [RecordedChange] = []
        while changes.count < min(limit, CatalogLimits.eventsPerRegisterMax) {
            if let change = try await registers.change(of: subject, chain, version + 1) {
                guard change.decision != nil else { break }
                changes.append(change)
                version += 1
            } else {
                // Nothing there, or versions that were taken away: then the first one that is left goes on.
                guard let left = try await registers.firstListed(chain, after: version), left > version + 1 else {
                    break
                }
                version = left - 1
            }
        }
        return (chain, version, changes)
    }

    /// Those of which the reader may know: the cursor tells of the others neither.
    private func visible(
        _ subjects: [RecordedSubject], _ rights: Rights
    ) async throws(CatalogError) -> [RecordedSubject] {
        guard !rights.isUnlimited else { return subjects }
        var seen: [RecordedSubject] = []
        for subject in subjects {
            let objects: [Securable]
            switch subject {
            case .namespace(let name): objects = [.namespace(name)]
            case .named(let name): objects = [.table(name), .view(name)]
            case .function, .schema, .grants: objects = []
            }
            for object in objects where try await rights.allows(Need(.list, on: object)) {
                seen.append(subject)
                break
            }
        }
        return seen
    }

    private func isVisible(_ change: RecordedChange, _ rights: Rights) async throws(CatalogError) -> Bool {
        switch change.subject {
        case .namespace(let name): try await rights.allows(Need(.list, on: .namespace(name)))
        case .named(let name):
            try await rights.allows(Need(.read, on: change.kind == .view ? .view(name) : .table(name)))
        case .function, .schema, .grants: false
        }
    }
}
