import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// What is answered about a table whose files are lost: what is wrong, and what to do; never an error of the server.
@Suite struct TableDamageTests {
    private static let filter = #"{"filter":{"type":"true"}}"#

    private func check(_ message: String?) {
        #expect(message?.contains("the table is damaged") == true)
        #expect(message?.contains("validate") == true && message?.contains("recover") == true)
    }

    @Test(arguments: [true, false])
    func `plan, files and health of a table without its manifests say that it is damaged`(isList: Bool) async throws {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        let path = "/v1/namespaces/\(live.table.namespace)/tables/\(live.table.name)"
        let id = try #require(try await live.ask("plan").json["plan-id"]?.string)
        let list = try #require(try await live.metadata().currentSnapshot?.manifestList)
        let manifest = try #require(try await live.manifests().first?.path)
        try await live.delete(isList ? list : manifest)
        for operation in ["files", "health"] {
            let answer = try await live.ask(.get, "\(path)/\(operation)")
            #expect(answer.status == 422)
            #expect(answer.json["error"]?["type"]?.string == "UnprocessableEntityException")
            check(answer.json["error"]?["message"]?.string)
        }
        // The specification has a word for it.
        for answer in [try await live.ask("plan", Self.filter), try await live.ask(.get, "\(path)/plan/\(id)")] {
            #expect(answer.status == 200)
            #expect(answer.json["status"]?.string == "failed")
            #expect(answer.json["error"]?["code"]?.integer == 422)
            check(answer.json["error"]?["message"]?.string)
        }
    }

    @Test func `a manifest list that is no Avro file is damage as well`() async throws {
        let live = try await LiveCatalogTable()
        try await live.append(0..<10)
        let list = try #require(try await live.metadata().currentSnapshot?.manifestList)
        try await live.put(list, Array("not Avro".utf8))
        let path = "/v1/namespaces/\(live.table.namespace)/tables/\(live.table.name)"
        #expect(try await live.ask(.get, "\(path)/health").status == 422)
        #expect(try await live.ask("plan").json["status"]?.string == "failed")
    }

    @Test func `a task of a plan is unknown once its manifest is lost`() async throws {
        var table = try PlannedTable()
        try await table.append(commits: 1, of: CatalogLimits.planFilesPerAnswerMax + 1)
        let task = try #require(try await table.plan().answer.planTasks.first)
        let list = try #require(table.metadata.currentSnapshot?.manifestList)
        let place = try table.store.location(of: list)
        try await table.store.delete(place.bucket, [place.key])
        let planning = ScanPlanning(
            loader: ManifestLoader(store: table.store), key: SigningKey(store: table.store, bucket: table.bucket))
        let metadata = table.metadata
        await #expect {
            _ = try await planning.tasks(task, of: metadata)
        } throws: {
            ($0 as? CatalogError)?.code == .noSuchPlanTask
        }
    }
}
