import Catalog
import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore

/// A client that wants one thing after the other from whichever replica it reaches. What is keyed it asks for again until it
/// is answered, and appends; the rest once.
struct CatalogClient: Sendable {
    let name: String
    let replicas: [CatalogReplica]
    let world: CatalogWorld

    func run() async {
        let process = SimulatedProcess(name, world.trace)
        for _ in 0..<world.plan.wishesPerClient {
            await carryOut(draw(), process)
            await pause(30)
        }
    }

    private func pause(_ milliseconds: Int) async {
        await world.executor.sleep(microseconds: Int64(world.fates.below(milliseconds * 1000 + 1)))
    }

    private func draw() -> CatalogWish {
        let table = world.fates.pick(world.tables)
        let weights = world.plan.weights + world.plan.viewWeights
        var drawn = world.fates.below(weights.reduce(0, +))
        var kind = 0
        while drawn >= weights[kind] {
            drawn -= weights[kind]
            kind += 1
        }
        switch kind {
        case 0: return .create(table)
        case 1: return .drop(table)
        case 2: return .rename(table, world.fates.pick(world.tables))
        case 3: return .set(table)
        case 4: return .append(table)
        case 5:
            let second = world.fates.pick(world.tables)
            return .transaction(second == table ? [table] : [table, second])
        case 6: return .load(table)
        case 7: return .undrop(table)
        case 8: return .expire(table)
        case 9: return .purge(table)
        case 10: return .register(table)
        case 11: return .createView(table)
        case 12: return .replaceView(table)
        case 13: return .dropView(table)
        case 14: return .renameView(table, world.fates.pick(world.tables))
        default: return .loadView(table)
        }
    }

    /// Asks until the outcome is known, or may not be asked for again.
    func carryOut(_ wish: CatalogWish, _ process: SimulatedProcess) async {
        let number = world.newWish()
        let key = world.fates.chance(world.plan.keyed) ? "key-\(number)" : nil
        let begin = world.journal.tick()
        let sent = world.mistake == .keysForgotten ? nil : key
        let passed = world.executor.passed
        guard let ask = await request(number, wish, CatalogService.Request(idempotencyKey: sent), process) else {
            return
        }
        var isUnknown = false
        var outcome = CatalogRecord.Outcome.unknown
        attempts: for _ in 0..<(isRepeatable(wish, key) ? 6 : 1) {
            switch await call("w\(number) \(wish)", process, ask) {
            case .success(let reply):
                outcome = .acknowledged(reply)
                break attempts
            case .failure(let error) where error.code == .tooManyRequests: break
            case .failure(let error)
            where sent == nil && isUnknown && error.message.hasPrefix(Self.notMade): break
            // Days later nobody knows the key any more: what became of the first attempt is not said.
            case .failure where isUnknown && world.executor.passed != passed: break attempts
            case .failure(let error) where error.status < 500:
                outcome = .refused(error, afterUnknown: isUnknown)
                break attempts
            default: isUnknown = true
            }
            await pause(60)
            guard world.executor.passed == passed else { break }
        }
        world.note(
            CatalogRecord(
                number: number, wish: wish, key: key, begin: begin, end: world.journal.tick(), outcome: outcome))
    }

    /// A commit that was not made since the store is away; whether an earlier attempt was it does not say.
    private static let notMade = "the commit was not made"

    /// A repeat is recognised by its key, an append also by its snapshot.
    private func isRepeatable(_ wish: CatalogWish, _ key: String?) -> Bool {
        switch wish {
        case .append, .load, .loadView: true
        default: key != nil
        }
    }

    typealias Ask = @Sendable (CatalogService) async throws(CatalogError) -> CatalogReply

    /// Nil where nobody knows what became of it.
    private func call(
        _ what: String, _ process: SimulatedProcess, _ ask: @escaping Ask
    ) async -> Result<CatalogReply, CatalogError>? {
        let replica = world.fates.pick(replicas)
        let answer = await world.clientNetwork.call(from: process, "to \(replica.name): \(what)") {
            await replica.take(ask)
        }
        switch answer {
        case .answered(let result): return result
        case .refused: return .failure(CatalogError(.tooManyRequests, "not sent"))
        case .unknown: return nil
        }
    }

    /// Nil when an append finds nothing to append to.
    private func request(
        _ number: Int64, _ wish: CatalogWish, _ request: CatalogService.Request, _ process: SimulatedProcess
    ) async -> Ask? {
        let mark = ["w\(number)": "1"]
        switch wish {
        case .create(let table):
            return { (service) async throws(CatalogError) in
                let creation: CatalogService.Creation
                do { creation = try world.creation(mark) } catch { throw CatalogError(.badRequest, "\(error)") }
                let made = try await service.createTable(table, creation, request)
                return made.table.map { .at($0.file.location) } ?? .done
            }
        case .drop(let table):
            return { (service) async throws(CatalogError) in
                try await service.dropTable(table, request)
                return .done
            }
        case .rename(let source, let destination):
            return { (service) async throws(CatalogError) in
                try await service.renameTable(source, to: destination, request)
                return .done
            }
        case .set(let table):
            let change = CatalogService.TableChange(
                identifier: table, requirements: [], updates: [.setProperties(mark)])
            return { (service) async throws(CatalogError) in
                .at(try await service.commit(change, request).file.location)
            }
        case .append(let table):
            guard let change = await append(number, table, process) else { return nil }
            return { (service) async throws(CatalogError) in
                .at(try await service.commit(change, request).file.location)
            }
        case .transaction(let tables):
            let changes = tables.map {
                CatalogService.TableChange(identifier: $0, requirements: [], updates: [.setProperties(mark)])
            }
            return { (service) async throws(CatalogError) in
                try await service.commitTransaction(changes, request)
                return .done
            }
        case .load(let table):
            return { (service) async throws(CatalogError) in .at(try await service.loadTable(table).file.location) }
        case .undrop(let table):
            return { (service) async throws(CatalogError) in
                .at(try await service.undropTable(table, request).file.location)
            }
        case .expire(let table):
            guard let change = await expiry(table, process) else { return nil }
            return { (service) async throws(CatalogError) in
                .at(try await service.commit(change, request).file.location)
            }
        case .purge(let table):
            return { (service) async throws(CatalogError) in
                try await service.dropTable(table, purge: true, request)
                return .done
            }
        case .register(let table):
            return { (service) async throws(CatalogError) in
                .at(try await service.reregisterTable(table, request).file.location)
            }
        case .createView, .replaceView, .dropView, .renameView, .loadView:
            return CatalogViewWish(wish: wish, number: number, world: world).ask(request)
        }
    }

    /// The table as the client finds it; nil where it finds none.
    private func read(_ table: TableIdentifier, _ process: SimulatedProcess) async -> TableMetadata? {
        let store = SimulatedStore(world.journal, world.storeNetwork, process)
        guard
            case .success(.at(let location)) = await call(
                "reads \(table)", process,
                { (service) async throws(CatalogError) in
                    .at(try await service.loadTable(table).file.location)
                })
        else { return nil }
        do { return try await StoredMetadata.read(location, from: store).metadata } catch { return nil }
    }

    /// Nil where there is nothing to take out.
    private func expiry(
        _ table: TableIdentifier, _ process: SimulatedProcess
    ) async -> CatalogService.TableChange? {
        guard let base = await read(table, process) else { return nil }
        let dayAgo = world.clock.now().milliseconds - 24 * 3_600_000
        let old = base.snapshots.filter {
            $0.snapshotID != base.currentSnapshotID && $0.timestampMilliseconds < dayAgo
        }
        guard !old.isEmpty else { return nil }
        return CatalogService.TableChange(
            identifier: table, requirements: base.tableUUID.map { [.tableUUID($0)] } ?? [],
            updates: [.removeSnapshots(old.map(\.snapshotID))])
    }

    /// A commit of one file on top of what the client last saw: the file, its manifest and the manifest list written.
    private func append(
        _ number: Int64, _ table: TableIdentifier, _ process: SimulatedProcess
    ) async -> CatalogService.TableChange? {
        guard let base = await read(table, process) else { return nil }
        do {
            let store = SimulatedStore(world.journal, world.storeNetwork, process)
            let (manifest, objects) = try Self.files(number, base)
            for (path, bytes) in objects {
                guard try await store.putIfAbsentProved(try store.location(of: path), bytes) != .differs else {
                    return nil
                }
            }
            var manifests = [manifest]
            if let list = base.currentSnapshot?.manifestList {
                manifests += try ManifestList.decode(
                    try await store.get(try store.location(of: list), range: nil).bytes, path: list)
            }
            let list = "\(base.location)/metadata/snap-\(number).avro"
            let bytes = try ManifestList.encode(
                manifests, formatVersion: base.formatVersion, snapshotID: number,
                parentSnapshotID: base.currentSnapshotID, sequenceNumber: base.lastSequenceNumber + 1,
                sync: [UInt8](repeating: 7, count: 16))
            guard try await store.putIfAbsentProved(try store.location(of: list), bytes) != .differs else { return nil }
            return Self.change(number, table, base, manifestList: list, at: world.clock.now())
        } catch {
            return nil
        }
    }

    /// A data file and the manifest that names it, with what is to be written.
    private static func files(
        _ number: Int64, _ base: TableMetadata
    ) throws -> (manifest: ManifestFile, objects: [(String, [UInt8])]) {
        let sync = [UInt8](repeating: 7, count: 16)
        let data = Array("w\(number)".utf8)
        let file = DataFile(
            path: "\(base.location)/data/w\(number).parquet", specID: base.defaultSpecID, recordCount: 1,
            fileSizeBytes: Int64(data.count))
        var writer = try ManifestWriter(
            schema: base.currentSchema, spec: base.defaultSpec, types: [], formatVersion: base.formatVersion, sync: sync
        )
        try writer.append(ManifestEntry(status: .added, snapshotID: number, file: file))
        let path = "\(base.location)/metadata/w\(number).avro"
        let made = try writer.finish(path: path, snapshotID: number, sequenceNumber: base.lastSequenceNumber + 1)
        return (made.file, [(file.path, data), (path, made.bytes)])
    }

    private static func change(
        _ number: Int64, _ table: TableIdentifier, _ base: TableMetadata, manifestList: String, at time: Timestamp
    ) -> CatalogService.TableChange {
        let snapshot = Snapshot(
            snapshotID: number, parentSnapshotID: base.currentSnapshotID,
            sequenceNumber: base.lastSequenceNumber + 1, timestampMilliseconds: time.milliseconds,
            manifestList: manifestList, summary: ["operation": "append", "added-records": "1"], schemaID: 0)
        var requirements = [TableRequirement.referenceSnapshotID(reference: "main", snapshotID: base.currentSnapshotID)]
        if let uuid = base.tableUUID { requirements.append(.tableUUID(uuid)) }
        return CatalogService.TableChange(
            identifier: table, requirements: requirements,
            updates: [
                .addSnapshot(snapshot), .setSnapshotReference(name: "main", SnapshotReference(snapshotID: number)),
                .setProperties(["w\(number)": "1"]),
            ])
    }
}
