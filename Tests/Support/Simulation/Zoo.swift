import Batching
import Bytes
import Clocks
import Committing
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization
import WriteAheadLog

extension SimulatedWorld {
    package typealias Ports = (catalog: any TableCatalog, store: any ObjectStore)

    /// What a collector commits through.
    func ports(of process: SimulatedProcess) -> Ports {
        let store = SimulatedStore(JudgedBucket(world: self), network, process)
        let catalog = SimulatedCatalog(self.catalog, network, process)
        switch bug {
        case .blindRetry: return (BlindCatalog(catalog, believes: .nothingHappened), store)
        case .trimBeforeReadBack: return (BlindCatalog(catalog, believes: .itHappened), store)
        case .cleanUpOnUnknown, .unavailableIsRefused:
            let tidy = TidyPorts(catalog, store, keepsData: bug == .unavailableIsRefused)
            return (tidy.catalog, tidy)
        case .unpinnedCheck: return (RefreshingCatalog(catalog: catalog, store: store, random: programs), store)
        case .watermarkInSummary: return (SummaryCatalog(catalog: catalog), store)
        case .reusedFileNames: return (catalog, NamelessStore(inner: store))
        default: return (catalog, store)
        }
    }

    func portsOfOthers(_ process: SimulatedProcess) -> Ports {
        (SimulatedCatalog(catalog, network, process), SimulatedStore(JudgedBucket(world: self), network, process))
    }

    /// Where the identity of a new log comes from.
    func identities(of machine: String) -> any RandomSource {
        guard bug == .reusedLogIdentity else { return programs }
        return SimulatedRandom(seed: seed, Int(machine.utf8.last ?? 0))
    }

    func newDisk(_ number: Int) -> SimulatedDisk {
        var lies = SimulatedDisk.Lies()
        lies.ignoresSync = bug == .missingSync
        lies.ignoresFailedSync = bug == .failedSyncIgnored
        lies.ignoresDirectorySync = bug == .missingDirectorySync
        lies.ignoresTruncate = bug == .tornTailKept
        if bug == .keysNotKept { lies.ignoresNames = { $0.hasSuffix(".keys") } }
        return SimulatedDisk(SimulatedRandom(seed: seed, 100 + number), faults: plan.disk, lies: lies, trace)
    }
}

/// A catalog that does only some things otherwise than the simulated one it stands before.
protocol AlteredCatalog: ForwardingCatalog {
    var catalog: SimulatedCatalog { get }
}

extension AlteredCatalog {
    var inner: any TableCatalog { catalog }
}

/// The watermark that a commit sets, if it does.
private func watermark(in updates: [TableUpdate]) -> (property: String, value: String)? {
    for case .setProperties(let properties) in updates {
        if let found = properties.first(where: { $0.key.hasSuffix(".committed") }) {
            return (found.key, found.value)
        }
    }
    return nil
}

/// The table, with another value of one property.
private func showing(
    _ table: LoadedTable, _ property: String, _ value: String?
) throws(CatalogError) -> LoadedTable {
    do throws(IcebergError) {
        let metadata = try table.metadata.applying(
            value.map { [.setProperties([property: $0])] } ?? [.removeProperties([property])],
            at: Timestamp(milliseconds: table.metadata.lastUpdatedMilliseconds))
        return LoadedTable(metadata: metadata, metadataLocation: table.metadataLocation)
    } catch {
        throw CatalogError(error)
    }
}

/// Believes something about a commit of unknown outcome, and does not look.
private final class BlindCatalog: AlteredCatalog {
    enum Belief { case nothingHappened, itHappened }

    private struct State {
        var read: [TableIdentifier: [String: String]] = [:]
        /// What a table is believed to say.
        var believed: [TableIdentifier: (property: String, value: String?)] = [:]
    }

    let catalog: SimulatedCatalog
    private let belief: Belief
    private let state = Mutex(State())

    init(_ catalog: SimulatedCatalog, believes belief: Belief) {
        self.catalog = catalog
        self.belief = belief
    }

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        let loaded = try await inner.loadTable(table)
        let believed = state.withLock { $0.believed[table] }
        let shown =
            try believed.map { (belief) throws(CatalogError) in
                try showing(loaded, belief.property, belief.value)
            } ?? loaded
        state.withLock { $0.read[table] = shown.metadata.properties }
        return shown
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let outcome = await inner.commit(table, requirements: requirements, updates: updates)
        guard let sets = watermark(in: updates) else { return outcome }
        return state.withLock { state in
            switch (outcome, belief) {
            case (.unknown, .nothingHappened):
                state.believed[table] = (sets.property, state.read[table]?[sets.property])
                return outcome
            case (.unknown(let why), .itHappened):
                state.believed[table] = (sets.property, sets.value)
                guard let metadata = catalog.lastKnown(table) else { return .unknown(why) }
                return .committed(LoadedTable(metadata: metadata, metadataLocation: nil))
            case (.committed, _):
                state.believed[table] = nil
                return outcome
            case (.rejected, _): return outcome
            }
        }
    }
}

/// Deletes what it put when a commit did not say that it took place.
private final class TidyPorts: AlteredStore {
    let inner: any ObjectStore
    private let catalogBefore: SimulatedCatalog
    private let keepsData: Bool
    private let puts = Mutex<[ObjectLocation]>([])

    init(_ catalog: SimulatedCatalog, _ store: SimulatedStore, keepsData: Bool) {
        catalogBefore = catalog
        inner = store
        self.keepsData = keepsData
    }

    var catalog: any TableCatalog { Tidy(catalog: catalogBefore, ports: self) }

    private struct Tidy: AlteredCatalog {
        let catalog: SimulatedCatalog
        let ports: TidyPorts

        func commit(
            _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
        ) async -> CommitOutcome {
            let outcome = await inner.commit(table, requirements: requirements, updates: updates)
            guard case .unknown(let why) = outcome else { return outcome }
            await ports.tidyUp()
            return ports.keepsData ? .rejected(CatalogError(.serviceUnavailable, why)) : outcome
        }
    }

    private func tidyUp() async {
        let mine = puts.withLock { puts in
            defer { puts.removeAll() }
            return puts.filter { !keepsData || $0.key.rawValue.contains("/metadata/") }
        }
        for place in mine {
            do throws(ObjectStoreError) { try await inner.delete(place.bucket, [place.key]) } catch { continue }
        }
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        puts.withLock { $0.append(location) }
        return try await inner.put(location, bytes, condition: condition, contentType: contentType)
    }
}

/// Puts files under names without the log's id, whatever is there.
private struct NamelessStore: AlteredStore {
    let inner: any ObjectStore

    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation {
        guard uri.hasSuffix(".parquet"), let slash = uri.lastIndex(of: "/") else { return try inner.location(of: uri) }
        let name = uri[uri.index(after: slash)...]
        let short = name.split(separator: "-").suffix(2).joined(separator: "-")
        return try inner.location(of: uri[...slash] + short)
    }
    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        let isData = location.key.rawValue.hasSuffix(".parquet")
        return try await inner.put(location, bytes, condition: isData ? .always : condition, contentType: contentType)
    }
}

/// Keeps the watermark where the newest snapshot that has one says it.
private struct SummaryCatalog: AlteredCatalog {
    let catalog: SimulatedCatalog

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        var loaded = try await inner.loadTable(table)
        var newest: [String: UInt64] = [:]
        for snapshot in loaded.metadata.snapshots {
            for (key, value) in snapshot.summary where key.hasSuffix(".committed") {
                newest[key] = max(newest[key] ?? 0, UInt64(value) ?? 0)
            }
        }
        for (key, value) in newest.sorted(by: { $0.key < $1.key }) { loaded = try showing(loaded, key, "\(value)") }
        return loaded
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let kept = updates.map { update in
            guard case .setProperties(let properties) = update else { return update }
            return TableUpdate.setProperties(properties.filter { !$0.key.hasSuffix(".committed") })
        }
        return await inner.commit(table, requirements: requirements, updates: kept)
    }
}

/// Puts a commit that was prepared on an older state on top of the present one, as many times as it takes.
private struct RefreshingCatalog: AlteredCatalog {
    let catalog: SimulatedCatalog
    let store: SimulatedStore
    let random: any RandomSource

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        var updates = updates
        for _ in 0..<4 {
            do {
                let base = try await inner.loadTable(table).metadata
                let pinned: [TableRequirement] = [
                    .referenceSnapshotID(reference: "main", snapshotID: base.references["main"]?.snapshotID)
                ]
                updates = try await onTop(of: base, updates)
                let outcome = await inner.commit(table, requirements: pinned, updates: updates)
                guard case .rejected(let error) = outcome, error.code == .commitFailed else { return outcome }
            } catch {
                return .rejected(CatalogError(.serviceUnavailable, "\(error)"))
            }
        }
        return .rejected(CatalogError(.commitFailed, "too many others"))
    }

    private func onTop(of base: TableMetadata, _ updates: [TableUpdate]) async throws -> [TableUpdate] {
        var moved = updates
        for (index, update) in updates.enumerated() {
            guard case .addSnapshot(var snapshot) = update, let current = base.currentSnapshot,
                snapshot.parentSnapshotID != current.snapshotID
            else { continue }
            let loader = ManifestLoader(store: store)
            let own = try await loader.manifests(of: snapshot).filter { $0.addedSnapshotID == snapshot.snapshotID }
            let sequence = base.lastSequenceNumber + 1
            let manifests = own.map { $0.rebased(to: sequence) } + (try await loader.manifests(of: current))
            let uuid = UUID.random(random)
            snapshot.snapshotID = Int64(random.next() >> 1)
            snapshot.parentSnapshotID = current.snapshotID
            snapshot.sequenceNumber = sequence
            snapshot.timestampMilliseconds = max(snapshot.timestampMilliseconds, current.timestampMilliseconds)
            let list = "\(base.location)/metadata/snap-\(uuid).avro"
            snapshot.manifestList = list
            let bytes = try ManifestList.encode(
                manifests, formatVersion: base.formatVersion, snapshotID: snapshot.snapshotID,
                parentSnapshotID: current.snapshotID, sequenceNumber: sequence, sync: uuid.bytes)
            _ = try await store.putIfAbsentProved(try store.location(of: list), bytes)
            moved[index] = .addSnapshot(snapshot)
            for (index, update) in moved.enumerated() {
                guard case .setSnapshotReference(let name, var reference) = update else { continue }
                reference.snapshotID = snapshot.snapshotID
                moved[index] = .setSnapshotReference(name: name, reference)
            }
        }
        return moved
    }
}

/// Claims through the end of the log.
struct GreedySink: BatchSink {
    let sink: any BatchSink
    let log: any RecordLog

    func readWatermark() async throws(CommitError) -> UInt64? { try await sink.readWatermark() }
    func commit(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        try await sink.commit(batch)
    }
    func advance(
        from watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        try await sink.advance(from: watermark, through: sequence)
    }
    func claim(
        after watermark: UInt64?, through sequence: UInt64
    ) async throws(CommitError) -> TableCommitter.Outcome {
        try await sink.claim(after: watermark, through: max(sequence, log.status.syncedThrough))
    }
    func rowEncoder() async -> RowEncoder? { await sink.rowEncoder() }
    func logBegins(with sequence: UInt64) async { await sink.logBegins(with: sequence) }
}
