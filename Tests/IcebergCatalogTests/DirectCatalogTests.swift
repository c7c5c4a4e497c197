import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@Suite struct DirectCatalogTests {
    let memory = MemoryObjectStore()
    let bucket: BucketName
    let table: TableIdentifier

    init() throws {
        bucket = try BucketName("analytics-source")
        table = try TableIdentifier(dotted: "analytics.events")
    }

    private func catalog(_ store: any ObjectStore) -> DirectCatalog { DirectCatalog(store: store, bucket: bucket) }

    private func creation() throws -> TableCreation {
        TableCreation(schema: try Schema(fields: [.required(1, "id", .string)]))
    }

    private func object(_ name: String) throws -> ObjectLocation {
        ObjectLocation(bucket: bucket, key: try ObjectKey("analytics/events/metadata/\(name)"))
    }

    private func set(_ catalog: DirectCatalog, _ key: String) async -> CommitOutcome {
        await catalog.commit(table, requirements: [], updates: [.setProperties([key: "1"])])
    }

    @Test func `commits make the versions and hints that the layout promises`() async throws {
        let direct = catalog(memory)
        let made = try await direct.createTable(table, try creation())
        #expect(made.metadataLocation == "s3://analytics-source/analytics/events/metadata/v1.metadata.json")
        guard case .committed(let loaded) = await set(direct, "x") else {
            Issue.record("not committed")
            return
        }
        #expect(loaded.metadataLocation == "s3://analytics-source/analytics/events/metadata/v2.metadata.json")
        #expect(
            String(decoding: try await memory.get(try object("version-hint.text"), range: nil).bytes, as: UTF8.self)
                == "2")
        #expect(
            String(decoding: try await memory.get(try object("current"), range: nil).bytes, as: UTF8.self)
                == "v2.metadata.json")
        #expect(try await direct.listTables(in: table.namespace) == [table])
        #expect(try await direct.listNamespaces(under: nil) == [table.namespace])
    }

    @Test(arguments: ["", "1", "7", "900", "abc", "99999999999999999999"])
    func `a wrong hint costs time, never correctness`(hint: String) async throws {
        let writer = catalog(memory)
        _ = try await writer.createTable(table, try creation())
        for index in 0..<8 { _ = await set(writer, "\(index)") }
        _ = try await memory.put(
            try object("version-hint.text"), Array(hint.utf8), condition: .always, contentType: nil)
        let loaded = try await catalog(memory).loadTable(table)
        #expect(loaded.metadataLocation?.hasSuffix("/v9.metadata.json") == true)
    }

    @Test func `of two processes that saw the same version neither loses its change`() async throws {
        let (first, second) = (catalog(memory), catalog(memory))
        _ = try await first.createTable(table, try creation())
        _ = try await second.loadTable(table)
        for key in ["a", "b"] { _ = await set(first, key) }
        guard case .committed(let loaded) = await set(second, "c") else {
            Issue.record("not committed")
            return
        }
        #expect(loaded.metadata.properties == ["a": "1", "b": "1", "c": "1"])
    }

    @Test func `a requirement that no longer holds is a conflict`() async throws {
        let direct = catalog(memory)
        _ = try await direct.createTable(table, try creation())
        let outcome = await direct.commit(
            table, requirements: [.referenceSnapshotID(reference: "main", snapshotID: 5)], updates: [])
        guard case .rejected(let error) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(error.code == .commitFailed)
    }

    @Test(arguments: [FaultyObjectStore.Fault.refuse, .loseReply, .loseRequest, .repeatRequest])
    func `an outcome is never wrong, whichever operation fails`(fault: FaultyObjectStore.Fault) async throws {
        for step in 0..<12 {
            let memory = MemoryObjectStore()
            _ = try await catalog(memory).createTable(table, try creation())
            let rule = FaultyObjectStore.Rule(fault, skipping: step)
            let faulty = FaultyObjectStore(wrapping: memory, plan: FaultyObjectStore.Plan(rules: [rule]))
            let outcome = await set(catalog(faulty), "x")
            let isThere = try await catalog(memory).loadTable(table).metadata.properties["x"] == "1"
            switch outcome {
            case .committed: #expect(isThere, "step \(step)")
            case .rejected: #expect(!isThere, "step \(step)")
            case .unknown: break
            }
        }
    }
}
