import IcebergCatalog
import ServiceHost
import Testing

@testable import Compaction

@Suite struct TableNameTests {
    @Test func `events is the configured table, other names are taken as they are`() async throws {
        let warehouse = try await TestWarehouse(["ICEBERG_TABLE": "clicks", "ICEBERG_NAMESPACE": "web"])
        for (text, table) in [
            ("events", "web.clicks"), ("clicks", "web.clicks"), ("orders", "web.orders"), ("a.b.c", "a.b.c"),
        ] {
            #expect(try warehouse.service.identifier(text).description == table)
        }
        for text in ["a..b", ".", "", "a.\u{1}"] {
            #expect { try warehouse.service.identifier(text) } throws: { error in
                (error as? CompactionError).map { CompactionRoutes.serviceError($0).status } == 400
            }
        }
    }

    @Test func `a table that does not exist is 404`() async throws {
        let warehouse = try await TestWarehouse()
        let table = try warehouse.service.identifier("nothing")
        await #expect {
            try await warehouse.service.start(.compact(force: true), table: table, dryRun: false)
        } throws: {
            ($0 as? CompactionError).map { CompactionRoutes.serviceError($0).status } == 404
        }
    }
}
