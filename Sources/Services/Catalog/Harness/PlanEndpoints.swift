import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// Scan planning by the catalog.
extension CatalogHarness {
    var planEndpoints: [Endpoint] {
        let table = "namespaces/{namespace}/tables/{table}"
        return [
            standard(.post, "\(table)/plan", .read) { (call) async throws(CatalogError) in try await plan(call) },
            standard(.get, "\(table)/plan/{plan-id}", .read) { (call) async throws(CatalogError) in
                try await fetchPlan(call)
            },
            standard(.delete, "\(table)/plan/{plan-id}", .read) { (call) async throws(CatalogError) in
                let table = try await service.loadTable(try call.table())
                try await planning.cancel(call.planID, of: table.file.metadata)
                return CatalogReply.empty
            },
            standard(.post, "\(table)/tasks", .read) { (call) async throws(CatalogError) in try await fetchTasks(call)
            },
        ]
    }

    private func plan(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let table = try await service.loadTable(try call.table())
        let request = try ScanRequest(body, of: table.file.metadata)
        let (id, answer): (String, ScanPlanning.Answer)
        do {
            (id, answer) = try await planning.plan(request, of: table.file.metadata)
        } catch {
            return try Self.failed(error)
        }
        return try await completed(answer, of: table, call, id: id)
    }

    private func fetchPlan(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let table = try await service.loadTable(try call.table())
        let found: ScanPlanning.Answer?
        do {
            found = try await planning.refetch(call.planID, of: table.file.metadata)
        } catch {
            return try Self.failed(error)
        }
        guard let answer = found else { return CatalogReply.json(["status": "cancelled"]) }
        return try await completed(answer, of: table, call, id: nil)
    }

    /// The answer to a scan of a table that is damaged (REST catalog: `FailedPlanningResult`); any other error is thrown on.
    private static func failed(_ error: CatalogError) throws(CatalogError) -> HTTPResponse {
        guard error.code == .unprocessable, var body = error.json.object else { throw error }
        body["status"] = "failed"
        return CatalogReply.json(.object(body))
    }

    private func fetchTasks(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let planTask = try CatalogCall.reading { () throws(JSONError) in try body.member("plan-task").string() }
        let metadata = try await service.loadTable(try call.table()).file.metadata
        let answer = try await planning.tasks(planTask, of: metadata)
        return CatalogReply.json(.object(try ScanTasksJSON(answer: answer, metadata: metadata).members()))
    }

    private func completed(
        _ answer: ScanPlanning.Answer, of table: CatalogService.Table, _ call: CatalogCall, id: String?
    ) async throws(CatalogError) -> HTTPResponse {
        let metadata = table.file.metadata
        var body = JSONObject()
        body["status"] = "completed"
        body["plan-id"] = id.map { .string($0) }
        let tasks = try ScanTasksJSON(answer: answer, metadata: metadata).members()
        body["storage-credentials"] = try await access(to: table.identifier, metadata, call).credentialsJSON
        return CatalogReply.json(.object(JSONObject(body.members + tasks.members)))
    }
}

extension CatalogCall {
    fileprivate var planID: String { parameters["plan-id"] ?? "" }
}
