import Configuration
import Foundation
import HTTP
import HTTPServer
import IcebergCatalog
import IcebergSpec
import ObjectStore
import ServiceHost
import Telemetry
import Testing

@testable import CatalogAccess

@Suite struct `The choice of a catalog` {
    private static func read(_ environment: [String: String]) throws -> TableCatalogConfiguration {
        try TableCatalogConfiguration(environment: Environment(environment))
    }

    @Test func `the defaults are those of the contract`() throws {
        let configuration = try Self.read([:])
        #expect(configuration.choice == .binding)
        #expect(configuration.table == (try TableIdentifier(NamespaceName(["analytics"]), "events")))
        #expect(configuration.tableLocation?.rawValue == "analytics/events")
        #expect(configuration.token == nil && configuration.warehouse == nil)
    }

    @Test(arguments: ["direct", "none", "file:///catalog", "catalog:8181"])
    func `a value that is no http URL means none`(value: String) throws {
        #expect(try Self.read(["R2_CATALOG_ENDPOINT": value]).choice == .direct)
    }

    @Test(arguments: ["http://127.0.0.1:8181", "https://catalog.example.com/warehouse/v1"])
    func `a URL is the catalog's`(value: String) throws {
        #expect(try Self.read(["R2_CATALOG_ENDPOINT": value]).choice == .endpoint(try #require(EndpointURL(value))))
    }

    @Test(arguments: [
        ("R2_CATALOG_ENDPOINT", "http://"), ("ICEBERG_TABLE", "a\u{1f}b"), ("ICEBERG_TABLE_LOCATION", "/../x"),
    ])
    func `what cannot be meant is refused by name`(name: String, value: String) {
        let error = #expect(throws: ConfigurationError.self) { try Self.read([name: value]) }
        #expect(error?.problems.map(\.variable) == [name])
    }

    // MARK: - Opening

    private func worker(_ environment: [String: String] = [:]) throws -> Worker {
        var reader = ConfigurationReader(
            Environment(environment.merging(["PORT": "0", "SHUTDOWN_GRACE_SECONDS": "10"]) { given, _ in given }))
        let configuration = WorkerConfiguration(.api, from: &reader)
        try reader.finish()
        return Worker(configuration: configuration, logger: .disabled)
    }

    private func open(
        _ environment: [String: String], _ store: any ObjectStore, worker environmentOfWorker: [String: String] = [:]
    ) throws -> any TableCatalog {
        try Self.read(environment).open(
            store: store, sourceBucket: BucketName("analytics-source"), worker: worker(environmentOfWorker))
    }

    @Test func `without endpoint and binding commits go to the bucket, at the event table's location`() async throws {
        let store = MemoryObjectStore()
        let catalog = try open(["ICEBERG_TABLE_LOCATION": "some/where"], store)
        let table = try TableIdentifier(NamespaceName(["analytics"]), "events")
        let creation = TableCreation(schema: try Schema(fields: [.required(1, "id", .string)]), properties: [:])
        let made = try await catalog.createTable(table, creation)
        #expect(made.metadataLocation?.contains("analytics-source/some/where/metadata/") == true)
    }

    private func bindings() throws -> String {
        let path = "/tmp/access-\(UUID().uuidString.prefix(8)).json"
        try Data(
            #"{"services":[{"binding":"ANALYTICS_CATALOG","service":"c","url":"unix:/tmp/nobody-listens.sock"}]}"#.utf8
        ).write(to: URL(filePath: path))
        return path
    }

    @Test func `an endpoint wins over the binding, the binding over the bucket, and direct over both`() throws {
        let bound = ["BINDINGS_FILE": try bindings()]
        let store = MemoryObjectStore()
        #expect(try open([:], store, worker: bound) is RESTCatalog)
        #expect(try open(["R2_CATALOG_ENDPOINT": "http://127.0.0.1:1"], store, worker: bound) is RESTCatalog)
        #expect(try open(["R2_CATALOG_ENDPOINT": "http://127.0.0.1:1"], store) is RESTCatalog)
        #expect(try open(["R2_CATALOG_ENDPOINT": "direct"], store, worker: bound) is DirectCatalog)
        #expect(try open([:], store) is DirectCatalog)
    }

    @Test func `a binding is called by its socket, an endpoint by its URL`() async throws {
        let bound = ["BINDINGS_FILE": try bindings()]
        let table = try TableIdentifier(NamespaceName(["analytics"]), "events")
        for (environment, place) in [
            ([:], "nobody-listens.sock"), (["R2_CATALOG_ENDPOINT": "http://127.0.0.1:1"], "127.0.0.1"),
        ] {
            let catalog = try open(environment, MemoryObjectStore(), worker: bound)
            let error = await #expect(throws: CatalogError.self) { try await catalog.loadTable(table) }
            #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
        }
    }
}
