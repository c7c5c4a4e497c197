import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// Properties that would send a table's files where another table's are.
@Suite struct OwnFoldersTests {
    let fixture: ServiceFixture
    let request = CatalogService.Request()
    static let home = "s3://analytics-source/analytics/events"
    static let names = [
        "write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path",
    ]

    init() throws { fixture = try ServiceFixture() }

    private func service() async throws -> CatalogService {
        try fixture.service(try await fixture.store(tables: [fixture.events]))
    }

    private func code(_ work: () async throws -> Void) async throws -> CatalogError.Code? {
        do {
            try await work()
            return nil
        } catch let error as CatalogError {
            return error.code
        }
    }

    @Test(arguments: names) func `a folder below the location is taken, another refused`(name: String) async throws {
        let service = try await service()
        for folder in [Self.home, "\(Self.home)/x", "\(Self.home)/data/y/"] {
            _ = try await service.commit(fixture.change(fixture.events, setting: name, to: folder), request)
        }
        for folder in [
            "s3://analytics-source/analytics/other/data", "s3://analytics-source/analytics/events2",
            "s3://analytics-source/analytics", "\(Self.home)/../other",
        ] {
            let change = fixture.change(fixture.events, setting: name, to: folder)
            #expect(try await code { _ = try await service.commit(change, request) } == .badRequest)
            #expect(try await code { try await service.commitTransaction([change], request) } == .badRequest)
        }
    }

    @Test(arguments: names) func `a table is not made with a folder elsewhere, staged or not`(name: String) async throws
    {
        let service = try await service()
        let table = try TableIdentifier(fixture.namespace, "thief")
        for isStaged in [false, true] {
            var creation = try fixture.creation(properties: [name: "\(Self.home)/data"])
            creation.isStaged = isStaged
            let refused = try await code { _ = try await service.createTable(table, creation, request) }
            #expect(refused == .badRequest)
        }
        let made = CatalogService.TableChange(
            identifier: table, requirements: [.create],
            updates: [
                .assignUUID(.random()), .upgradeFormatVersion(2),
                .setLocation("s3://analytics-source/analytics/thief"),
                .addSchema(try Schema(fields: [.required(1, "id", .string)])), .setCurrentSchema(id: -1),
                .addPartitionSpec(UnboundPartitionSpec(fields: [])), .setDefaultSpec(id: -1),
                .addSortOrder(SortOrder(id: 0, fields: [])), .setDefaultSortOrder(id: -1),
                .setProperties([name: "\(Self.home)/data"]),
            ])
        do throws(CatalogError) {
            _ = try await service.commit(made, request)
            Issue.record("it was made")
        } catch {
            #expect(error.code == .badRequest && error.message.contains(name), "\(error.message)")
        }
        #expect(try await !service.tableExists(table))
    }

    @Test func `a table that moves takes its folders along`() async throws {
        let service = try await service()
        let (old, new) = ("\(Self.home)/d", "s3://analytics-source/analytics/moved")
        _ = try await service.commit(fixture.change(fixture.events, setting: "write.data.path", to: old), request)
        func move(_ updates: [TableUpdate]) -> CatalogService.TableChange {
            CatalogService.TableChange(
                identifier: fixture.events, requirements: [], updates: [.setLocation(new)] + updates)
        }
        #expect(try await code { _ = try await service.commit(move([]), request) } == .badRequest)
        _ = try await service.commit(move([.setProperties(["write.data.path": "\(new)/d"])]), request)
    }

    @Test func `metadata that names a folder elsewhere is not registered`() async throws {
        let service = try await service()
        let base = try await service.loadTable(fixture.events).file.metadata
        for (folder, expected) in [("\(Self.home)/d", nil), ("\(Self.home)2", CatalogError.Code.badRequest)] {
            let metadata = try base.applying(
                [.setProperties(["write.data.path": folder])], at: service.clock.now())
            let file = try await service.files.write(metadata, after: nil)
            let found = try await code {
                _ = try await service.registerTable(
                    fixture.events, metadataLocation: file.location, overwrite: true, request)
            }
            #expect(found == expected)
        }
    }

    @Test func `what a table has from before the rule does not keep it from commits`() async throws {
        let service = try await service()
        let legacy = ["write.data.path": "s3://analytics-source/legacy"]
        try service.gate.requireOwnFolders(legacy, in: Self.home, since: (Self.home, legacy))
        #expect(throws: CatalogError.self) {
            try service.gate.requireOwnFolders(legacy, in: Self.home, since: (Self.home, [:]))
        }
        #expect(throws: CatalogError.self) {
            try service.gate.requireOwnFolders(legacy, in: Self.home, since: (Self.home + "2", legacy))
        }
    }
}
