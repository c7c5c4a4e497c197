import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Telemetry

/// Makes prepared changes durable through a catalog, and finds out what became of them.
struct TableCommitter: Sendable {
    let catalog: any TableCatalog
    let store: any ObjectStore
    let clock: any MonotonicClock
    let random: any RandomSource
    let logger: Logger

    struct Committed: Sendable {
        let table: LoadedTable
        let snapshotID: Int64?
        let attempts: Int
    }

    /// A change as one attempt makes it.
    struct Change: Sendable {
        var objects: [PreparedCommit.Object] = []
        var requirements: [TableRequirement]
        var updates: [TableUpdate]
        var snapshotID: Int64?
        /// Tells from the table whether this change has taken place.
        var isMade: @Sendable (TableMetadata) -> Bool

        init(_ prepared: PreparedCommit) {
            objects = prepared.objects
            requirements = prepared.requirements
            updates = prepared.updates
            let id = prepared.snapshotID
            snapshotID = id
            isMade = { $0.snapshot(id: id) != nil }
        }

        init(
            requirements: [TableRequirement], updates: [TableUpdate],
            isMade: @escaping @Sendable (TableMetadata) -> Bool
        ) {
            self.requirements = requirements
            self.updates = updates
            self.isMade = isMade
        }
    }

    /// Commits what `prepare` makes of the newest state; when another commit wins, on the state after it, and so on.
    ///
    /// The catalog's answer makes the change durable. After an unknown outcome nothing is deleted: the table is loaded, and
    /// each attempt made so far is looked for in it. A late request of an earlier attempt cannot land on top of a later one,
    /// because both require the base they were made on.
    ///
    /// - Throws: what `prepare` throws; `.conflict` when others kept winning; `.unknownOutcome` when the catalog would not
    ///   say in the end; `.refused` when the catalog refuses for another reason.
    func commit(
        _ table: TableIdentifier, base: LoadedTable,
        prepare: @Sendable (TableMetadata) async throws(CompactionError) -> Change
    ) async throws(CompactionError) -> Committed {
        var base = base
        var uncertain: [Change] = []
        for attempt in 1...CompactionLimits.commitAttemptsMax {
            if let made = uncertain.first(where: { $0.isMade(base.metadata) }) {
                return Committed(table: base, snapshotID: made.snapshotID, attempts: attempt)
            }
            let change: Change
            do throws(CompactionError) {
                change = try await prepare(base.metadata)
            } catch {
                guard uncertain.isEmpty else { throw unknown(table, error.message) }
                throw error
            }
            try await put(change)
            switch await catalog.commit(table, requirements: change.requirements, updates: change.updates) {
            case .committed(let after):
                return Committed(table: after, snapshotID: change.snapshotID, attempts: attempt)
            case .rejected(let error):
                await removeObjects(of: change)
                guard error.code == .commitFailed else {
                    guard uncertain.isEmpty else { throw unknown(table, error.message) }
                    throw CompactionError(error)
                }
                logger.debug("commit lost a race", ["table": table.description, "attempt": attempt])
            case .unknown(let why):
                uncertain.append(change)
                logger.warn(
                    "commit outcome unknown, looking",
                    ["table": table.description, "snapshot_id": change.snapshotID ?? 0, "reason": why])
            }
            try await pause(attempt)
            base = try await reload(table, uncertain: !uncertain.isEmpty)
        }
        if let made = uncertain.first(where: { $0.isMade(base.metadata) }) {
            return Committed(
                table: base, snapshotID: made.snapshotID, attempts: CompactionLimits.commitAttemptsMax)
        }
        guard uncertain.isEmpty else { throw unknown(table, "the catalog does not answer clearly") }
        throw CompactionError(
            .conflict,
            "\(table): other commits won \(CompactionLimits.commitAttemptsMax) times in a row; nothing was changed")
    }

    private func unknown(_ table: TableIdentifier, _ why: String) -> CompactionError {
        CompactionError(
            .unknownOutcome, "\(table): a commit may or may not have taken place, nothing was deleted (\(why))")
    }

    private func put(_ change: Change) async throws(CompactionError) {
        for object in change.objects {
            do throws(ObjectStoreError) {
                guard try await store.putIfAbsentProved(object.location, object.bytes) != .differs else {
                    throw ObjectStoreError(.failed, "there is another object of that name")
                }
            } catch {
                throw CompactionError(error, "\(object.location)")
            }
        }
    }

    /// Metadata files of an attempt that certainly did not take place. What cannot be deleted now is an orphan for later.
    private func removeObjects(of change: Change) async {
        await remove(change.objects.map(\.location))
    }

    func remove(_ locations: [ObjectLocation]) async {
        for (bucket, group) in Dictionary(grouping: locations, by: \.bucket) {
            do throws(ObjectStoreError) {
                try await store.delete(bucket, group.map(\.key))
            } catch {
                logger.warn("could not delete unused files", ["count": group.count, "error": error.message])
            }
        }
    }

    /// After an unknown outcome only the table can tell: being unable to load it leaves the outcome unknown.
    private func reload(_ table: TableIdentifier, uncertain: Bool) async throws(CompactionError) -> LoadedTable {
        var attempt = 1
        while true {
            do throws(CatalogError) {
                return try await catalog.loadTable(table)
            } catch {
                guard error.code != .noSuchTable, attempt < CompactionLimits.commitAttemptsMax / 2 else {
                    throw uncertain ? unknown(table, error.message) : CompactionError(error)
                }
                attempt += 1
            }
            try await pause(attempt)
        }
    }

    private func pause(_ attempt: Int) async throws(CompactionError) {
        let most = min(
            CompactionLimits.commitRetryMilliseconds << min(attempt, 12), CompactionLimits.commitRetryMillisecondsMax)
        do {
            try await clock.sleep(milliseconds: Int(random.next(below: UInt64(most))))
        } catch {
            throw CompactionError(.cancelled, "stopped while waiting to commit again")
        }
    }
}
