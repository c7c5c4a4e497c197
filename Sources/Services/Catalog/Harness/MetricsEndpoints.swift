import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// Reports of clients on their scans and commits.
extension CatalogHarness {
    var metricsEndpoints: [Endpoint] {
        [
            standard(.post, "namespaces/{namespace}/tables/{table}/metrics", .read) {
                (call) async throws(CatalogError) in try await reportMetrics(call)
            },
            extra(.get, "namespaces/{namespace}/tables/{table}/metrics", .read) {
                (call) async throws(CatalogError) in try await listReports(call)
            },
        ]
    }

    private func reportMetrics(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        guard call.request.body.count <= CatalogLimits.metricsReportBytesMax else {
            throw CatalogError(.badRequest, "a report has at most \(CatalogLimits.metricsReportBytesMax) bytes")
        }
        let report = try MetricsReport(try call.body())
        let table = try await service.loadTable(try call.table())
        reports.keep(
            report, of: Self.reportKey(table), table.identifier, by: call.rights.principal.name,
            at: service.clock.now())
        return CatalogReply.empty
    }

    private func listReports(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let table = try await service.loadTable(try call.table())
        let listed = reports.reports(of: Self.reportKey(table)).map { entry -> JSONValue in
            [
                "received_at": .string(entry.receivedAt.description), "reporter": .string(entry.reporter),
                "report": entry.report,
            ]
        }
        return CatalogReply.json(["reports": .array(listed)])
    }

    private static func reportKey(_ table: CatalogService.Table) -> String {
        table.file.metadata.tableUUID?.description ?? table.file.metadata.location
    }
}
