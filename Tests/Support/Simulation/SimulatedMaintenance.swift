import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Synchronization

/// The others on the table: a writer without a log, a compactor, and one who expires snapshots and deletes what then
/// nothing needs. They meet the same network; what fails they give up.
struct SimulatedMaintenance: Sendable {
    let world: SimulatedWorld
    let process: SimulatedProcess
    let catalog: any TableCatalog
    let store: any ObjectStore

    init(_ name: String, _ world: SimulatedWorld) {
        self.world = world
        process = SimulatedProcess(name, world.trace)
        let ports = world.portsOfOthers(process)
        (catalog, store) = (ports.catalog, ports.store)
    }

    /// Does `body` that many times, at moments drawn, until the world heals.
    func repeatedly(_ times: Int, _ body: (Int) async throws -> Void) async {
        for number in 0..<times {
            await world.sleep(milliseconds: world.fates.within(1...80))
            guard !world.isHealing else { return }
            do { try await body(number) } catch { world.trace.note("\(process.name) gives up: \(error)") }
        }
    }

    private func commit(_ operation: some TableOperation, on base: TableMetadata) async throws -> CommitOutcome {
        let prepared = try await operation.prepare(
            base: base, loader: ManifestLoader(store: store), random: world.programs,
            now: max(world.clock.now(), Timestamp(milliseconds: base.lastUpdatedMilliseconds)))
        for object in prepared.objects { _ = try await store.putIfAbsentProved(object.location, object.bytes) }
        return await catalog.commit(world.table, requirements: prepared.requirements, updates: prepared.updates)
    }

    /// Another writer. It never tries again, so it needs no proof of what happened.
    func append(_ number: Int) async throws {
        let base = try await catalog.loadTable(world.table).metadata
        let id = "\(process.name).\(number)"
        world.ledger.withLock { _ = $0.sent.insert(id) }
        let path = "\(base.location)/data/\(id).parquet"
        let file = try await TableReader(store).write([id], to: path, like: nil, in: base)
        _ = try await commit(Append(files: [file]), on: base)
    }

    /// Two to four files of one partition become one.
    func compact(_ number: Int) async throws {
        let base = try await catalog.loadTable(world.table).metadata
        guard let snapshot = base.currentSnapshot else { return }
        let reader = TableReader(store)
        let live = try await reader.liveFiles(of: snapshot, in: base).map(\.file)
        guard let first = live.isEmpty ? nil : world.fates.pick(live) else { return }
        let group = live.filter { $0.specID == first.specID && $0.partition == first.partition }.prefix(4)
        guard group.count > 1 else { return }
        var ids: [String] = []
        for file in group { ids += try await reader.ids(in: file.path) }
        let path = "\(base.location)/data/\(process.name).\(number).parquet"
        let merged = try await reader.write(ids, to: path, like: first, in: base)
        let replace = Replace(
            removed: Array(group), added: [merged], dataSequenceNumber: snapshot.sequenceNumber,
            startingSnapshotID: snapshot.snapshotID)
        _ = try await commit(replace, on: base)
        if world.bug == .compactionDeletesInputs { try await delete(Set(group.map(\.path))) }
    }

    /// Snapshots but the newest go, and what only they need. Deleted is what the table was read not to need any more.
    func expire(_: Int) async throws {
        let base = try await catalog.loadTable(world.table).metadata
        let expired = try ExpireSnapshots(olderThan: Timestamp(microseconds: .max / 2), retainLast: 1)
            .prepare(base: base, now: world.clock.now())
        guard !expired.change.isEmpty else { return }
        _ = await catalog.commit(
            world.table, requirements: expired.change.requirements, updates: expired.change.updates)
        let after = try await catalog.loadTable(world.table).metadata
        let gone = try await UnreachableFiles.between(base, and: after, loader: ManifestLoader(store: store))
        try await delete(gone.files.union(gone.manifests).union(gone.manifestLists))
    }

    /// Sets a property of its own.
    func setProperty(_ number: Int) async throws {
        let base = try await catalog.loadTable(world.table).metadata
        var properties = world.bug == .propertiesWrittenBack ? base.properties : [:]
        properties["comment"] = "\(number)"
        await world.sleep(milliseconds: world.fates.below(30))
        _ = await catalog.commit(world.table, requirements: [], updates: [.setProperties(properties)])
    }

    /// Every data file that no snapshot names: right only when all of them are old.
    func removeOrphans(_: Int) async throws {
        let base = try await catalog.loadTable(world.table).metadata
        var named: Set<String> = []
        for snapshot in base.snapshots {
            named.formUnion(try await TableReader(store).liveFiles(of: snapshot, in: base).map(\.file.path))
        }
        let bucket = try BucketName(SimulatedWorld.bucketName)
        let page = try await store.list(
            bucket, prefix: "analytics/events/data/", delimiter: nil, startAfter: nil, limit: 1000)
        let all = page.objects.map { store.uri(of: ObjectLocation(bucket: bucket, key: $0.key)) }
        try await delete(Set(all).subtracting(named))
    }

    private func delete(_ paths: Set<String>) async throws {
        guard !paths.isEmpty else { return }
        let places = try paths.sorted().map { try store.location(of: $0) }
        try await store.delete(try BucketName(SimulatedWorld.bucketName), places.map(\.key))
    }
}
