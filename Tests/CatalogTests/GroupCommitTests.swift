import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// Commits of several clients to one table, made durable together.
@Suite struct GroupCommitTests {
    let fixture: ServiceFixture
    let chain: RegisterChain

    init() throws {
        fixture = try ServiceFixture()
        chain = try RegisterChain.table(fixture.events)
    }

    private func waiting(_ change: CatalogService.TableChange, key: String? = nil) -> WaitingCommit {
        WaitingCommit(change: change, request: CatalogService.Request(idempotencyKey: key))
    }

    private func setting(_ name: String, key: String? = nil) -> WaitingCommit {
        waiting(fixture.change(fixture.events, setting: name), key: key)
    }

    private var refused: WaitingCommit {
        waiting(
            CatalogService.TableChange(
                identifier: fixture.events, requirements: [.currentSchemaID(7)],
                updates: [.setProperties(["refused": "1"])]))
    }

    private func code(_ outcome: CommitResult) -> CatalogError.Code? {
        if case .failed(let error) = outcome { error.code } else { nil }
    }

    @Test func `a group makes one version and one metadata file, and each commit is answered for itself`() async throws
    {
        let memory = try await fixture.store(tables: [fixture.events])
        let service = try fixture.service(memory)
        let before = try await service.loadTable(fixture.events)
        let group = [
            setting("a", key: "key-a"), refused, waiting(fixture.append(fixture.events, snapshot: 11, on: nil)),
            waiting(fixture.append(fixture.events, snapshot: 12, on: nil)), setting("b", key: "key-b"),
        ]
        let outcomes = await service.commitTogether(group, to: chain)
        #expect(outcomes.map(code) == [nil, .commitFailed, nil, .commitFailed, nil])
        let after = try await fixture.service(memory).loadTable(fixture.events)
        #expect(after.head.version == before.head.version + 1)
        #expect(after.head.entry?.idempotencyKeys.map(\.name) == ["key-a", "key-b"])
        #expect(after.file.metadata.metadataLog.map(\.metadataFile) == [before.file.location])
        #expect(after.file.metadata.properties["a"] == "1")
        #expect(after.file.metadata.properties["b"] == "1")
        #expect(after.file.metadata.properties["refused"] == nil)
        #expect(after.file.metadata.snapshots.map(\.snapshotID) == [11])
        for outcome in outcomes {
            if case .committed(let table) = outcome { #expect(table.file.location == after.file.location) }
        }
        for key in ["key-a", "key-b"] {
            let again = try await fixture.service(memory).commit(
                fixture.change(fixture.events, setting: "other"), CatalogService.Request(idempotencyKey: key))
            #expect(again.file.location == after.file.location)
        }
    }

    @Test func `what is sent twice is done once`() async throws {
        let memory = try await fixture.store(tables: [fixture.events])
        let service = try fixture.service(memory)
        let append = waiting(fixture.append(fixture.events, snapshot: 11, on: nil))
        let group = [setting("a", key: "one"), append, append, waiting(append.change, key: "one")]
        let outcomes = await service.commitTogether(group, to: chain)
        #expect(outcomes.allSatisfy { code($0) == nil })
        let table = try await service.loadTable(fixture.events)
        #expect(table.head.version == 2)
        #expect(table.file.metadata.snapshots.count == 1)
        let again = await service.commitTogether([append, setting("a")], to: chain)
        #expect(again.allSatisfy { code($0) == nil })
        #expect(try await service.loadTable(fixture.events).head.version == 2)
    }

    /// It is damage, not a refusal: once mended, the same request under the same key takes place.
    @Test func `a commit to a table whose metadata is missing is not made, and can be repeated`() async throws {
        let memory = try await fixture.store(tables: [fixture.events])
        let file = try await fixture.service(memory).loadTable(fixture.events).file
        let place = try memory.location(of: file.location)
        let bytes = try await memory.get(place, range: nil).bytes
        try await memory.delete(place.bucket, [place.key])
        let key = CatalogService.Request(idempotencyKey: "019a8c5e-0000-7000-8000-000000000001")
        let change = fixture.change(fixture.events, setting: "a")
        for (request, code) in [(CatalogService.Request(), CatalogError.Code.commitFailed), (key, .serviceUnavailable)]
        {
            let error = await #expect(throws: CatalogError.self) {
                try await fixture.service(memory).commit(change, request)
            }
            #expect(error?.code == code)
            #expect(error?.message.contains("cannot be read") == true)
        }
        _ = try await memory.put(place, bytes, condition: .always, contentType: nil)
        let after = try await fixture.service(memory).commit(change, key)
        #expect(after.file.metadata.properties["a"] != nil)
    }

    @Test func `a group judged by a state that was remembered is judged again by the newest`() async throws {
        let memory = try await fixture.store(tables: [fixture.events])
        let (stale, other) = (try fixture.service(memory), try fixture.service(memory))
        _ = try await stale.loadTable(fixture.events)
        _ = try await other.commit(fixture.append(fixture.events, snapshot: 11, on: nil), CatalogService.Request())
        let group = [
            waiting(fixture.append(fixture.events, snapshot: 12, on: 11, sequenceNumber: 2)), setting("a"),
        ]
        let outcomes = await stale.commitTogether(group, to: chain)
        #expect(outcomes.map(code) == [nil, nil])
        let metadata = try await other.loadTable(fixture.events).file.metadata
        #expect(metadata.snapshots.map(\.snapshotID) == [11, 12])
        #expect(metadata.properties["a"] == "1")
        // Nothing is left to write: only the newest state may say so.
        _ = try await other.commit(
            CatalogService.TableChange(
                identifier: fixture.events, requirements: [], updates: [.removeProperties(["a"])]),
            CatalogService.Request())
        _ = await stale.commitTogether([setting("a")], to: chain)
        #expect(try await other.loadTable(fixture.events).file.metadata.properties["a"] == "1")
    }

    @Test(arguments: [FaultyObjectStore.Fault.refuse, .loseReply, .loseRequest, .repeatRequest])
    func `whatever fails, nobody is told wrong, and what is repeated takes place once`(
        fault: FaultyObjectStore.Fault
    ) async throws {
        for step in 0..<8 {
            let memory = try await fixture.store(tables: [fixture.events])
            let rule = FaultyObjectStore.Rule(fault, on: .put, skipping: step)
            let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
            let service = try fixture.service(faulty)
            let group = [setting("a", key: "key-a"), refused, setting("b", key: "key-b")]
            let codes = await service.commitTogether(group, to: chain).map(code)
            #expect(codes[1] == .commitFailed)
            #expect(codes[0] == codes[2], "step \(step)")
            let seen = try await fixture.service(memory).loadTable(fixture.events).file.metadata.properties
            #expect(seen["a"] == seen["b"])
            switch codes[0] {
            case nil: #expect(seen["a"] == "1")
            case .commitStateUnknown: break
            default: #expect(seen["a"] == nil, "step \(step)")
            }
            let other = try fixture.service(memory)
            for waiting in [group[0], group[2]] { _ = try await other.commit(waiting.change, waiting.request) }
            let table = try await other.loadTable(fixture.events)
            #expect(table.file.metadata.properties["a"] == "1" && table.file.metadata.properties["b"] == "1")
        }
    }

    @Test func `a group and a commit of another replica both take place, in every order`() async throws {
        let orders = try await Interleaving.forEvery(ordersMax: 1_000) { scheduler in
            let memory = try await fixture.store(tables: [fixture.events])
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let group = [setting("a"), refused, setting("b")]
            try await scheduler.run([
                {
                    let outcomes = await (try self.fixture.service(store)).commitTogether(group, to: self.chain)
                    #expect(outcomes.map(self.code) == [nil, .commitFailed, nil])
                },
                {
                    _ = try await self.fixture.service(store).commit(
                        self.fixture.change(self.fixture.events, setting: "c"), CatalogService.Request())
                },
            ])
            let table = try await fixture.service(memory).loadTable(fixture.events)
            #expect(["a", "b", "c"].allSatisfy { table.file.metadata.properties[$0] == "1" })
            #expect(table.head.version == 3)
        }
        #expect(orders > 50)
    }
}
