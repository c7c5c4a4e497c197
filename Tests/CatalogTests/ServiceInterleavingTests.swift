import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization
import Testing

@testable import Catalog

/// Two replicas act on one table at the same time, in every order of their store operations.
@Suite struct ServiceInterleavingTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()

    init() throws { fixture = try ServiceFixture() }

    @Test func `two commits that do not conflict both take place`() async throws {
        let events = fixture.events
        let orders = try await Interleaving.forEvery(ordersMax: 2_000) { scheduler in
            let memory = try await fixture.store(tables: [events])
            let store = SteppedStore(store: memory, scheduler: scheduler)
            try await scheduler.run(
                ["x", "y"].map { key in
                    {
                        let replica = try self.fixture.service(store)
                        _ = try await replica.commit(self.fixture.change(events, setting: key), self.request)
                    }
                })
            let table = try await fixture.service(memory).loadTable(events)
            #expect(table.file.metadata.properties["x"] == "1")
            #expect(table.file.metadata.properties["y"] == "1")
            #expect(table.head.version == 3)
        }
        #expect(orders > 100)
    }

    @Test func `of two appends on the same base one is refused with a conflict`() async throws {
        let events = fixture.events
        try await Interleaving.forEvery(ordersMax: 2_000) { scheduler in
            let memory = try await fixture.store(tables: [events])
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let outcomes = Mutex<[Int64: CatalogError.Code?]>([:])
            try await scheduler.run(
                [Int64(11), 12].map { id in
                    {
                        let replica = try self.fixture.service(store)
                        var code: CatalogError.Code?
                        do {
                            _ = try await replica.commit(
                                self.fixture.append(events, snapshot: id, on: nil), self.request)
                        } catch let error as CatalogError {
                            code = error.code
                        }
                        let found = code
                        outcomes.withLock { $0[id] = .some(found) }
                    }
                })
            let codes = outcomes.withLock { $0 }
            #expect(codes.values.filter { $0 == nil }.count == 1)
            #expect(codes.values.filter { $0 == .commitFailed }.count == 1)
            let winner = codes.first { $0.value == nil }?.key
            let metadata = try await fixture.service(memory).loadTable(events).file.metadata
            #expect(metadata.currentSnapshotID == winner)
            #expect(metadata.snapshots.map(\.snapshotID) == [winner])
        }
    }

    @Test func `of two copies of a table that are registered under two names one is refused`() async throws {
        let names = try ["one", "two"].map { try TableIdentifier(fixture.namespace, $0) }
        let orders = try await Interleaving.forEvery(ordersMax: 1_000) { scheduler in
            let memory = try await fixture.store(tables: [])
            let copies = try await self.copies(in: memory)
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let refused = Mutex<[CatalogError]>([])
            try await scheduler.run(
                zip(names, copies).map { name, location in
                    {
                        do {
                            _ = try await self.fixture.service(store).registerTable(
                                name, metadataLocation: location, overwrite: false, self.request)
                        } catch let error as CatalogError {
                            refused.withLock { $0.append(error) }
                        }
                    }
                })
            #expect(refused.withLock { $0.map(\.code) } == [.alreadyExists])
            let service = try fixture.service(memory)
            let tables = try await service.listTables(in: fixture.namespace)
            #expect(tables.count == 1)
            // The claim of who was refused is no hindrance to the other.
            _ = try await service.loadTable(try #require(tables.first))
        }
        #expect(orders > 100)
    }

    /// Metadata files of one table at two places.
    private func copies(in store: MemoryObjectStore) async throws -> [String] {
        let schema = try Schema(fields: [.required(1, "id", .string)])
        let uuid = UUID.random()
        var locations: [String] = []
        for place in ["a", "b"] {
            let location = "s3://analytics-source/copies/\(place)"
            let metadata = try TableMetadata.new(
                location: location, schema: schema, spec: UnboundPartitionSpec(), uuid: uuid, at: SystemClock().now())
            let file = "\(location)/metadata/00000-a.metadata.json"
            _ = try await StoredMetadata.write(metadata, to: file, in: store)
            locations.append(file)
        }
        return locations
    }

    @Test func `a rename and a commit never lose the table or the commit`() async throws {
        let events = fixture.events
        let renamed = try TableIdentifier(fixture.namespace, "renamed")
        let orders = try await Interleaving.forEvery(ordersMax: 5_000) { scheduler in
            let memory = try await fixture.store(tables: [events])
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let isCommitted = Mutex(false)
            try await scheduler.run([
                { try await self.fixture.service(store).renameTable(events, to: renamed, self.request) },
                {
                    do {
                        _ = try await self.fixture.service(store).commit(
                            self.fixture.change(events, setting: "x"), self.request)
                        isCommitted.withLock { $0 = true }
                    } catch let error as CatalogError {
                        #expect(error.code == .noSuchTable)
                    }
                },
            ])
            let service = try fixture.service(memory)
            #expect(try await service.tableExists(events) == false)
            let table = try await service.loadTable(renamed)
            #expect((table.file.metadata.properties["x"] == "1") == isCommitted.withLock { $0 })
        }
        #expect(orders > 100)
    }

    @Test func `of two creations of one table one is refused`() async throws {
        let events = fixture.events
        try await Interleaving.forEvery(ordersMax: 2_000) { scheduler in
            let memory = try await fixture.store()
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let refused = Mutex(0)
            try await scheduler.run(
                ["x", "y"].map { name in
                    {
                        let creation = try self.fixture.creation(properties: ["made-by": name])
                        do {
                            _ = try await self.fixture.service(store).createTable(events, creation, self.request)
                        } catch let error as CatalogError where error.code == .alreadyExists {
                            refused.withLock { $0 += 1 }
                        }
                    }
                })
            #expect(refused.withLock { $0 } == 1)
            #expect(try await fixture.service(memory).tableExists(events))
        }
    }

    @Test func `tables whose locations overlap are never both made`() async throws {
        let tables = try ["outer", "inner"].map { try TableIdentifier(fixture.namespace, $0) }
        let locations = ["s3://analytics-source/a", "s3://analytics-source/a/b"]
        try await Interleaving.forEvery(ordersMax: 3_000) { scheduler in
            let memory = try await fixture.store()
            let store = SteppedStore(store: memory, scheduler: scheduler)
            try await scheduler.run(
                zip(tables, locations).map { table, location in
                    {
                        do {
                            _ = try await self.fixture.service(store).createTable(
                                table, try self.fixture.creation(location: location), self.request)
                        } catch let error as CatalogError {
                            #expect(error.code == .badRequest)
                        }
                    }
                })
            let made = try await fixture.service(memory).listTables(in: fixture.namespace)
            #expect(made.count <= 1)
        }
    }

    @Test func `a refused location keeps nobody else out`() async throws {
        let service = try fixture.service(try await fixture.store(tables: [fixture.events]))
        let location = try await service.loadTable(fixture.events).file.metadata.location
        let parent = String(location.prefix(upTo: try #require(location.lastIndex(of: "/"))))
        let outer = try TableIdentifier(fixture.namespace, "outer")
        await #expect(throws: CatalogError.self) {
            _ = try await service.createTable(outer, try fixture.creation(location: parent), request)
        }
        let (_, made) = try await service.createTable(
            try TableIdentifier(fixture.namespace, "next"), try fixture.creation(), request)
        #expect(made?.file.metadata.location == parent + "/next")
    }

    @Test func `one table is not registered under a second name beside its first`() async throws {
        let service = try fixture.service(try await fixture.store(tables: [fixture.events]))
        let file = try await service.loadTable(fixture.events).file.location
        let second = try TableIdentifier(fixture.namespace, "second")
        await #expect(throws: CatalogError.self) {
            _ = try await service.registerTable(second, metadataLocation: file, overwrite: false, request)
        }
        try await service.dropTable(fixture.events, request)
        _ = try await service.registerTable(second, metadataLocation: file, overwrite: false, request)
        #expect(try await service.loadTable(second).file.location == file)
    }

    @Test func `a namespace is not dropped from under a table being made`() async throws {
        let events = fixture.events
        let namespace = fixture.namespace
        let orders = try await Interleaving.forEvery(ordersMax: 5_000) { scheduler in
            let memory = try await fixture.store()
            let store = SteppedStore(store: memory, scheduler: scheduler)
            let made = Mutex(false)
            try await scheduler.run([
                {
                    do {
                        _ = try await self.fixture.service(store).createTable(
                            events, try self.fixture.creation(), self.request)
                        made.withLock { $0 = true }
                    } catch let error as CatalogError {
                        #expect(error.code == .noSuchNamespace)
                    }
                },
                {
                    do {
                        try await self.fixture.service(store).dropNamespace(namespace, self.request)
                    } catch let error as CatalogError {
                        #expect(error.code == .namespaceNotEmpty)
                    }
                },
            ])
            let service = try fixture.service(memory)
            let exists = try await service.namespaceHead(namespace).state != .absent
            #expect(try await service.tableExists(events) == made.withLock { $0 })
            if made.withLock({ $0 }) { #expect(exists) }
        }
        #expect(orders > 100)
    }
}
