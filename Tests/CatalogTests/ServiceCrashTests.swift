import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// The process dies, or an answer gets lost, at every step of every mutation.
@Suite struct ServiceCrashTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()
    let renamed: TableIdentifier

    init() throws {
        fixture = try ServiceFixture()
        renamed = try TableIdentifier(fixture.namespace, "renamed")
    }

    enum Mutation: CaseIterable {
        case create, commit, drop, rename, transaction
    }

    /// What a reader sees of the two names: the property "x" of each table, nil for no table.
    private func view(_ store: any ObjectStore) async throws -> [String?] {
        let service = try fixture.service(store)
        var seen: [String?] = []
        for table in [fixture.events, renamed] {
            guard try await service.tableExists(table) else {
                seen.append(nil)
                continue
            }
            seen.append(try await service.loadTable(table).file.metadata.properties["x"] ?? "none")
        }
        return seen
    }

    private func start(_ mutation: Mutation) async throws -> MemoryObjectStore {
        switch mutation {
        case .create: try await fixture.store()
        case .commit, .drop, .rename: try await fixture.store(tables: [fixture.events])
        case .transaction: try await fixture.store(tables: [fixture.events, renamed])
        }
    }

    private func perform(
        _ mutation: Mutation, _ service: CatalogService, _ request: CatalogService.Request
    ) async throws(CatalogError) {
        let events = fixture.events
        switch mutation {
        case .create:
            let creation: CatalogService.Creation
            do { creation = try fixture.creation() } catch { throw CatalogError(.internalError, "\(error)") }
            _ = try await service.createTable(events, creation, request)
        case .commit: _ = try await service.commit(fixture.change(events, setting: "x"), request)
        case .drop: try await service.dropTable(events, request)
        case .rename: try await service.renameTable(events, to: renamed, request)
        case .transaction:
            let changes = [fixture.change(events, setting: "x"), fixture.change(renamed, setting: "x")]
            try await service.commitTransaction(changes, request)
        }
    }

    private func before(_ mutation: Mutation) -> [String?] {
        switch mutation {
        case .create: [nil, nil]
        case .commit, .drop, .rename: ["none", nil]
        case .transaction: ["none", "none"]
        }
    }

    private func after(_ mutation: Mutation) -> [String?] {
        switch mutation {
        case .create: ["none", nil]
        case .commit: ["1", nil]
        case .drop: [nil, nil]
        case .rename: [nil, "none"]
        case .transaction: ["1", "1"]
        }
    }

    @Test(arguments: Mutation.allCases)
    func `a crash at any step leaves the state before or after, and the next attempt succeeds`(
        mutation: Mutation
    ) async throws {
        for step in 0..<200 {
            let memory = try await start(mutation)
            let crash = FaultyObjectStore.Rule(.refuse, skipping: step, times: .max - step)
            let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [crash]))
            var isAcknowledged = false
            let service = try fixture.service(faulty)
            do throws(CatalogError) {
                try await perform(mutation, service, request)
                isAcknowledged = true
            } catch {}
            let seen = try await view(memory)
            #expect(seen == before(mutation) || seen == after(mutation), "step \(step)")
            if isAcknowledged {
                #expect(seen == after(mutation))
                #expect(step > 2)
                return
            }
            if seen == before(mutation) { try await perform(mutation, try fixture.service(memory), request) }
            #expect(try await view(memory) == after(mutation), "step \(step), second attempt")
        }
        Issue.record("the mutation never finished")
    }

    @Test(arguments: Mutation.allCases, [FaultyObjectStore.Fault.loseReply, .loseRequest, .repeatRequest])
    func `an answer is never wrong when the store's is lost, and a repeat with the same key is recognised`(
        mutation: Mutation, fault: FaultyObjectStore.Fault
    ) async throws {
        for step in 0..<12 {
            let memory = try await start(mutation)
            let rule = FaultyObjectStore.Rule(fault, on: .put, skipping: step)
            let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
            let keyed = CatalogService.Request(idempotencyKey: "0198-key")
            var outcome: CatalogError?
            let service = try fixture.service(faulty)
            do throws(CatalogError) {
                try await perform(mutation, service, keyed)
            } catch {
                outcome = error
            }
            let seen = try await view(memory)
            switch outcome?.code {
            case nil: #expect(seen == after(mutation), "step \(step)")
            case .commitStateUnknown: #expect(seen == before(mutation) || seen == after(mutation), "step \(step)")
            default: #expect(seen == before(mutation), "step \(step): \(outcome?.message ?? "")")
            }
            // Another replica gets the same request again: it takes place once, whatever became of the first.
            try await perform(mutation, try fixture.service(memory), keyed)
            #expect(try await view(memory) == after(mutation), "step \(step), repeated")
        }
    }

    @Test func `a repeated commit without a key is recognised by its snapshot`() async throws {
        let memory = try await fixture.store(tables: [fixture.events])
        let change = fixture.append(fixture.events, snapshot: 7, on: nil)
        let first = try await fixture.service(memory).commit(change, request)
        let second = try await fixture.service(memory).commit(change, request)
        #expect(second.file.location == first.file.location)
        #expect(second.head.version == first.head.version)
    }

    @Test func `a transaction writes no file for a table in which it changes nothing`() async throws {
        let memory = try await fixture.store(tables: [fixture.events, renamed])
        let service = try fixture.service(memory)
        _ = try await service.commit(fixture.change(fixture.events, setting: "x"), request)
        let before = try await service.loadTable(fixture.events)
        let changes = [fixture.change(fixture.events, setting: "x"), fixture.change(renamed, setting: "x")]
        try await service.commitTransaction(changes, request)
        let after = try await service.loadTable(fixture.events)
        #expect(after.file.location == before.file.location)
        #expect(after.head.version == before.head.version + 1)
        #expect(try await service.loadTable(renamed).file.metadata.properties["x"] == "1")
    }
}
