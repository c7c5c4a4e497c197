import Foundation
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// On a local disk something that is no file may have the name of a register's newest version.
@Suite struct ObstructedRegisterTests {
    enum Thing: CaseIterable, Sendable {
        case fifo, link, directory

        func make(at path: String) throws {
            switch self {
            case .fifo: #expect(mkfifo(path, 0o600) == 0)
            case .link: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
            case .directory:
                try FileManager.default.createDirectory(atPath: path + "/inner", withIntermediateDirectories: true)
                #expect(FileManager.default.createFile(atPath: path + "/inner/file", contents: nil))
            }
        }
    }

    @Test(arguments: Thing.allCases)
    func `it is named, and no older version counts`(thing: Thing) async throws {
        let root = NSTemporaryDirectory() + "obstructed-\(Foundation.UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let store = try LocalObjectStore(root: root)
        let fixture = try ServiceFixture()
        let service = try fixture.service(store)
        let request = CatalogService.Request()
        let other = try TableIdentifier(fixture.namespace, "other")
        _ = try await service.createNamespace(fixture.namespace, properties: [:], request)
        for table in [fixture.events, other] {
            _ = try await service.createTable(table, try fixture.creation(), request)
        }
        for key in ["a", "b", "c"] {
            _ = try await service.commit(fixture.change(fixture.events, setting: key), request)
        }
        let version = "tables/analytics/events/000000000004"
        let path = "\(root)/\(fixture.catalogBucket)/\(version)"
        try FileManager.default.removeItem(atPath: path)
        try thing.make(at: path)

        let tables = "/v1/namespaces/analytics/tables"
        let commit = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"d":"1"}}]}"#
        let client = HarnessClient(try fixture.service(store))
        let committed = await client.send(.post, "\(tables)/events", commit)
        #expect(committed.status == 409 && committed.errorMessage?.contains(version) == true)
        let loaded = await client.send(.get, "\(tables)/events")
        #expect(loaded.status == 500 && loaded.errorMessage?.contains(version) == true)
        let listed = await client.send(.get, tables)
        #expect(listed.json["identifiers"]?.array?.count == 2)
        #expect(await client.send(.get, "\(tables)/other").status == 200)
        let validated = await client.send(.post, "\(tables)/events/validate", "{}")
        #expect(validated.json["valid"]?.bool == false)
        let dry = await client.send(.post, "\(tables)/events/recover", #"{"dry_run":true}"#)
        #expect(dry.json["needed"]?.bool == true)
        #expect(dry.json["damaged-register-versions"]?.array?.map(\.integer) == [4])
        let refused = await client.send(.post, "\(tables)/events/recover", "{}")
        #expect(refused.status == 500 && refused.errorMessage?.contains("\(version) is damaged") == true)

        try FileManager.default.removeItem(atPath: path)
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let recovered = await client.send(.post, "\(tables)/events/recover", "{}")
        #expect(recovered.json["recovered"]?.bool == true, "\(recovered.json)")
        let properties = await client.send(.get, "\(tables)/events").json["metadata"]?["properties"]
        #expect(properties?["c"]?.string == "1")
    }
}
