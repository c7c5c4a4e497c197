import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// Old metadata files of a table that asks for their deletion.
@Suite struct SupersededMetadataTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()

    init() throws { fixture = try ServiceFixture() }

    private static let settings = [
        "write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "2",
    ]

    private func store(_ properties: [String: String] = settings) async throws -> MemoryObjectStore {
        let memory = try await fixture.store()
        let creation = try fixture.creation(properties: properties)
        _ = try await fixture.service(memory).createTable(fixture.events, creation, request)
        return memory
    }

    /// Makes `count` commits, and gives where the metadata was before each and after the last.
    @discardableResult
    private func commit(_ count: Int, _ service: CatalogService) async throws -> [String] {
        var places = [try await service.loadTable(fixture.events).file.location]
        for number in 0..<count {
            let change = fixture.change(fixture.events, setting: "n", to: "\(number) after \(places[0])")
            places.append(try await service.commit(change, request).file.location)
        }
        return places
    }

    private func present(_ store: any ObjectStore) async throws -> Set<String> {
        let page = try await store.list(
            fixture.sourceBucket, prefix: "", delimiter: nil, startAfter: nil, limit: 1000)
        return Set(
            page.objects.map(\.key).filter { $0.rawValue.hasSuffix(".metadata.json") }
                .map { store.uri(of: ObjectLocation(bucket: fixture.sourceBucket, key: $0)) })
    }

    @Test func `only what the log names stays, and the log names what stays`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        let places = try await commit(6, service)
        #expect(try await present(memory) == Set(places.suffix(3)))
        let log = try await service.loadTable(fixture.events).file.metadata.metadataLog.map(\.metadataFile)
        #expect(log == Array(places.suffix(3).dropLast()))
    }

    @Test(arguments: [
        ["write.metadata.previous-versions-max": "2"],
        settings.merging(["write.metadata.delete-after-commit.enabled": "false"]) { $1 },
        settings.merging(["gc.enabled": "false"]) { $1 },
    ])
    func `nothing is deleted where the table does not ask for it, or files may be others'`(
        properties: [String: String]
    ) async throws {
        let memory = try await store(properties)
        let places = try await commit(5, try fixture.service(memory))
        #expect(try await present(memory) == Set(places))
    }

    @Test func `transactions delete as well`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        let places = try await commit(2, service)
        try await service.commitTransaction([fixture.change(fixture.events, setting: "x")], request)
        let newest = try await service.loadTable(fixture.events).file.location
        #expect(try await present(memory) == Set(places.dropFirst() + [newest]))
    }

    @Test func `a commit whose outcome is unknown deletes nothing`() async throws {
        let memory = try await store()
        try await commit(3, try fixture.service(memory))
        let before = try await present(memory)
        // The register's next version is written, and nobody can see it.
        let rules = [
            FaultyObjectStore.Rule(.loseReply, on: .put, keyPrefix: "tables/"),
            FaultyObjectStore.Rule(.refuse, on: .head, keyPrefix: "tables/", times: .max),
        ]
        let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: rules))
        let error = await #expect(throws: CatalogError.self) {
            try await fixture.service(faulty).commit(fixture.change(fixture.events, setting: "x"), request)
        }
        #expect(error?.code == .commitStateUnknown)
        #expect(try await present(memory).isSuperset(of: before))
        #expect(!faulty.calls.contains { $0.operation == .delete })
    }

    @Test func `a store that deletes nothing does not fail the commit`() async throws {
        let memory = try await store()
        let rule = FaultyObjectStore.Rule(.refuse, on: .delete, times: .max)
        let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
        let places = try await commit(5, try fixture.service(faulty))
        #expect(try await present(memory) == Set(places))
    }

    @Test func `what a table put back to an older state names stays`() async throws {
        let memory = try await store()
        let rule = FaultyObjectStore.Rule(.refuse, on: .delete, times: .max)
        let stalled = try fixture.service(
            FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule])))
        let places = try await commit(3, stalled)
        let service = try fixture.service(memory)
        let (base, next) = (try await service.files.read(places[2]), try await service.files.read(places[3]))
        _ = try await service.registerTable(
            fixture.events, metadataLocation: places[2], overwrite: true, request)
        // The replica that made the commit comes to delete only now.
        await service.removeSuperseded(base, by: next, of: try RegisterChain.table(fixture.events))
        #expect(try await present(memory) == Set(places))
    }

    @Test func `a file of another place that a registered log names stays`() async throws {
        let memory = try await store()
        let service = try fixture.service(memory)
        let other = try TableIdentifier(fixture.namespace, "other")
        let victim = try await service.createTable(other, try fixture.creation(), request).table
        let target = try #require(victim?.file.location)
        let metadata = try await service.loadTable(fixture.events).file.metadata
        let forged = try await service.files.write(
            metadata.addingMetadataLogEntry(
                previousLocation: target, previousLastUpdatedMilliseconds: metadata.lastUpdatedMilliseconds),
            after: nil)
        _ = try await service.registerTable(
            fixture.events, metadataLocation: forged.location, overwrite: true, request)
        try await commit(4, service)
        #expect(try await present(memory).contains(target))
        #expect(try await !present(memory).contains(forged.location))
    }

    @Test func `another replica that knows older files goes on`() async throws {
        let memory = try await store()
        let slow = try fixture.service(memory)
        let fast = try fixture.service(memory)
        _ = try await slow.loadTable(fixture.events)
        try await commit(5, fast)
        let made = try await slow.commit(fixture.change(fixture.events, setting: "slow"), request)
        #expect(try await fast.loadTable(fixture.events).file.metadata.properties["slow"] == "1")
        #expect(made.file.metadata.properties["n"] != nil)
    }

    @Test func `a repeat whose file is deleted gets the table as it is`() async throws {
        let memory = try await store()
        let keyed = CatalogService.Request(idempotencyKey: "0198-key")
        let change = fixture.change(fixture.events, setting: "x")
        _ = try await fixture.service(memory).commit(change, keyed)
        let places = try await commit(5, try fixture.service(memory))
        let repeated = try await fixture.service(memory).commit(change, keyed)
        #expect(repeated.file.location == places.last)
        #expect(repeated.file.metadata.properties["x"] == "1")
    }
}
