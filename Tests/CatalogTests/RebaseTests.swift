import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import Testing

@testable import Catalog

/// Appends that lost a race are put on top of the winner where the table asks for it.
@Suite struct RebaseTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()

    init() throws { fixture = try ServiceFixture() }

    private func store(rebase: Bool = true) async throws -> MemoryObjectStore {
        let memory = try await fixture.store()
        let creation = try fixture.creation(properties: ["commit.rebase.enabled": rebase ? "true" : "false"])
        _ = try await fixture.service(memory).createTable(fixture.events, creation, request)
        return memory
    }

    private func list(_ id: Int64) -> String { "s3://analytics-source/analytics/events/metadata/snap-\(id).avro" }

    /// Writes the manifest list of snapshot `id`, as a client does before it commits.
    private func prepare(
        _ id: Int64, in store: any ObjectStore, carrying earlier: [ManifestFile] = [],
        change: (inout ManifestFile) -> Void = { _ in }
    ) async throws {
        var manifest = ManifestFile(
            path: "s3://analytics-source/analytics/events/metadata/m\(id).avro", length: 10, partitionSpecID: 0,
            sequenceNumber: 1, minSequenceNumber: 1, addedSnapshotID: id)
        manifest.addedFilesCount = 1
        manifest.existingFilesCount = 0
        manifest.deletedFilesCount = 0
        (manifest.addedRowsCount, manifest.existingRowsCount, manifest.deletedRowsCount) = (5, 0, 0)
        change(&manifest)
        let bytes = try ManifestList.encode(
            [manifest] + earlier, formatVersion: 2, snapshotID: id, parentSnapshotID: nil, sequenceNumber: 1,
            sync: [UInt8](repeating: 7, count: 16))
        let outcome = try await store.putIfAbsentProved(try store.location(of: list(id)), bytes)
        #expect(outcome != .differs)
    }

    private func manifests(of snapshot: Snapshot?, in store: any ObjectStore) async throws -> [ManifestFile] {
        let location = try #require(snapshot?.manifestList)
        return try ManifestList.decode(
            try await store.get(try store.location(of: location), range: nil).bytes, path: location)
    }

    private func refusal(
        of change: CatalogService.TableChange, _ service: CatalogService
    ) async -> CatalogError.Code? {
        do throws(CatalogError) {
            _ = try await service.commit(change, request)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a stale append lands on top of the winner with its own files and the winner's`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        for id in [Int64(11), 12, 13] {
            try await prepare(id, in: memory)
            _ = try await service.commit(fixture.append(fixture.events, snapshot: id, on: nil), request)
        }
        let metadata = try await service.loadTable(fixture.events).file.metadata
        let current = metadata.currentSnapshot
        #expect(metadata.snapshots.map(\.snapshotID) == [11, 12, 13])
        #expect(metadata.snapshots.map(\.parentSnapshotID) == [nil, 11, 12])
        #expect(metadata.snapshots.map(\.sequenceNumber) == [1, 2, 3])
        #expect(current?.summary["total-records"] == "3")
        #expect(current?.summary["added-records"] == "1")
        let listed = try await manifests(of: current, in: memory)
        #expect(listed.map(\.addedSnapshotID) == [13, 12, 11])
        #expect(listed.map(\.sequenceNumber) == [3, 2, 1])
        #expect(listed.map(\.minSequenceNumber) == [3, 2, 1])
    }

    @Test func `an append that waited long before it lost its race is taken as of now`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        for id in [Int64(11), 12] { try await prepare(id, in: memory) }
        let first = try await service.commit(fixture.append(fixture.events, snapshot: 11, on: nil), request)
        let late = fixture.append(fixture.events, snapshot: 12, on: nil, secondsAgo: 3600)
        let metadata = try await service.commit(late, request).file.metadata
        let times = metadata.snapshots.map(\.timestampMilliseconds)
        #expect(times.count == 2 && times.last == first.file.metadata.lastUpdatedMilliseconds)
    }

    @Test func `appends of one group land on top of each other, with one metadata file`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        let ids: [Int64] = [11, 12, 13, 14]
        for id in ids { try await prepare(id, in: memory) }
        let group = ids.map {
            WaitingCommit(change: fixture.append(fixture.events, snapshot: $0, on: nil), request: request)
        }
        let outcomes = await service.commitTogether(group, to: try RegisterChain.table(fixture.events))
        for outcome in outcomes { _ = try outcome.get() }
        let table = try await fixture.service(memory).loadTable(fixture.events)
        #expect(table.head.version == 2)
        #expect(table.file.metadata.snapshots.map(\.parentSnapshotID) == [nil, 11, 12, 13])
        #expect(table.file.metadata.snapshotLog.map(\.snapshotID) == ids)
        for (index, snapshot) in table.file.metadata.snapshots.enumerated() {
            let listed = try await manifests(of: snapshot, in: memory)
            #expect(listed.map(\.addedSnapshotID) == ids[...index].reversed())
        }
    }

    @Test func `a rebased append that is repeated without a key is known by the list its writer gave it`() async throws
    {
        let memory = try await store()
        for id in [Int64(11), 12] { try await prepare(id, in: memory) }
        let service = try fixture.service(memory)
        _ = try await service.commit(fixture.append(fixture.events, snapshot: 11, on: nil), request)
        let change = fixture.append(fixture.events, snapshot: 12, on: nil)
        let first = try await service.commit(change, request)
        let second = try await fixture.service(memory).commit(change, request)
        #expect(second.head.version == first.head.version)
    }

    @Test func `an append whose new list cannot be written harms no other`() async throws {
        let memory = try await store()
        let ids: [Int64] = [11, 12, 13]
        for id in ids { try await prepare(id, in: memory) }
        let rule = FaultyObjectStore.Rule(.refuse, on: .put, keyPrefix: "analytics/events/metadata/snap-12-2")
        let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
        let group = ids.map {
            WaitingCommit(change: fixture.append(fixture.events, snapshot: $0, on: nil), request: request)
        }
        let outcomes = await (try fixture.service(faulty)).commitTogether(
            group, to: try RegisterChain.table(fixture.events))
        _ = try outcomes[0].get()
        #expect(throws: CatalogError.self) { try outcomes[1].get() }
        _ = try outcomes[2].get()
        let metadata = try await fixture.service(memory).loadTable(fixture.events).file.metadata
        #expect(metadata.snapshots.map(\.snapshotID) == [11, 13])
        let listed = try await manifests(of: metadata.currentSnapshot, in: memory)
        #expect(listed.map(\.addedSnapshotID) == [13, 11])
    }

    @Test(arguments: [2, 3])
    func `rows of appends that were made on one state are all there, each with an id of its own`(
        version: Int
    ) async throws {
        let table = try await LiveCatalogTable(
            formatVersion: version, properties: ["commit.rebase.enabled": "true"])
        try await table.append(0..<3)
        let base = try await table.metadata()
        for start in [Int64(10), 20, 30] {
            let files = try await table.write(start..<start + 5)
            _ = try await table.service.commit(try await table.prepare(Append(files: files), on: base), request)
        }
        #expect(
            try await table.ids() == [Array(0..<3), Array(10..<15), Array(20..<25), Array(30..<35)].flatMap(\.self))
        let metadata = try await table.metadata()
        #expect(metadata.snapshots.count == 4)
        guard version == 3 else { return }
        #expect(metadata.nextRowID == 18)
        #expect(metadata.snapshots.map(\.firstRowID) == [0, 3, 8, 13])
        #expect(metadata.snapshots.map(\.addedRows) == [3, 5, 5, 5])
        let manifests = try await table.manifests()
        #expect(Set(manifests.map(\.firstRowID)) == [0, 3, 8, 13])
        let loader = ManifestLoader(store: table.store)
        var ids: [Int64] = []
        for manifest in manifests {
            for entry in try await loader.entries(of: manifest, in: metadata) {
                let first = try #require(entry.file.firstRowID)
                ids += first..<first + entry.file.recordCount
            }
        }
        #expect(ids.sorted() == Array(0..<18))
    }

    @Test func `a commit that sets a watermark is never rebased`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        for id in [Int64(11), 12] { try await prepare(id, in: memory) }
        let watermark = ["analytics.log.0198.committed": "5"]
        let first = fixture.append(fixture.events, snapshot: 11, on: nil, properties: watermark)
        let second = fixture.append(fixture.events, snapshot: 12, on: nil, properties: watermark)
        _ = try await service.commit(first, request)
        #expect(await refusal(of: second, service) == .commitFailed)
        #expect(try await service.loadTable(fixture.events).file.metadata.currentSnapshotID == 11)
    }

    enum Obstacle: CaseIterable {
        case disabled, overwrite, rewrittenFiles, removedFiles, deleteManifest, otherUpdate, wrongParent
    }

    @Test(arguments: Obstacle.allCases)
    func `anything but a plain append on a table that asks for it is refused`(obstacle: Obstacle) async throws {
        let memory = try await store(rebase: obstacle != .disabled)
        let service = try fixture.service(memory)
        try await prepare(11, in: memory)
        _ = try await service.commit(fixture.append(fixture.events, snapshot: 11, on: nil), request)
        try await prepare(12, in: memory) { manifest in
            switch obstacle {
            case .rewrittenFiles: manifest.existingFilesCount = 1
            case .removedFiles: manifest.deletedFilesCount = 1
            case .deleteManifest: manifest.content = .deletes
            default: break
            }
        }
        var change = fixture.append(fixture.events, snapshot: 12, on: nil)
        switch obstacle {
        case .overwrite:
            change.updates = change.updates.map { update in
                guard case .addSnapshot(var snapshot) = update else { return update }
                snapshot.summary["operation"] = "overwrite"
                return .addSnapshot(snapshot)
            }
        case .otherUpdate: change.updates.append(.removeProperties(["x"]))
        case .wrongParent:
            change.requirements = [.referenceSnapshotID(reference: "main", snapshotID: 99)]
        default: break
        }
        let refused = change
        #expect(await refusal(of: refused, service) == .commitFailed)
    }

    @Test func `two appends both land, in every order`() async throws {
        let events = fixture.events
        let orders = try await Interleaving.forEvery(ordersMax: 400) { scheduler in
            let memory = try await store()
            for id in [Int64(11), 12] { try await prepare(id, in: memory) }
            let stepped = SteppedStore(store: memory, scheduler: scheduler)
            try await scheduler.run(
                [Int64(11), 12].map { id in
                    {
                        let replica = try self.fixture.service(stepped)
                        _ = try await replica.commit(self.fixture.append(events, snapshot: id, on: nil), self.request)
                    }
                })
            let metadata = try await fixture.service(memory).loadTable(events).file.metadata
            #expect(Set(metadata.snapshots.map(\.snapshotID)) == [11, 12])
            let listed = try await manifests(of: metadata.currentSnapshot, in: memory)
            #expect(Set(listed.map(\.addedSnapshotID)) == [11, 12])
        }
        #expect(orders > 100)
    }
}
