import HTTP
import JSONFormat
import ObjectStore
import Telemetry
import Testing

@testable import Catalog

/// Reports of clients on their scans and commits.
@Suite struct MetricsReportTests {
    private let client: HarnessClient
    private static let path = "/v1/namespaces/analytics/tables/events/metrics"

    init() async throws {
        let fixture = try ServiceFixture()
        client = HarnessClient(try fixture.service(try await fixture.store(tables: [fixture.events])))
    }

    private static func scan(_ files: Int, extra: String = "") -> String {
        """
        {"report-type":"scan-report","table-name":"events","snapshot-id":1,"filter":{"type":"eq","term":"id","value":"x"},
         "schema-id":0,"projected-field-ids":[1],"projected-field-names":["id"],"metrics":{
          "result-data-files":{"unit":"count","value":\(files)},
          "total-planning-duration":{"time-unit":"nanoseconds","count":1,"total-duration":5}},
         "metadata":{"engine":"test"}\(extra)}
        """
    }

    private static let commit = """
        {"report-type":"commit-report","table-name":"events","snapshot-id":2,"sequence-number":3,"operation":"append",
         "metrics":{}}
        """

    @Test func `reports are kept, the newest first, without what the standard does not know`() async throws {
        #expect(await client.send(.post, Self.path, Self.scan(3, extra: #","secret":"x""#)).status == 204)
        #expect(await client.send(.post, Self.path, Self.commit).status == 204)
        let listed = try #require(await client.send(.get, Self.path).json["reports"]?.array)
        #expect(listed.map { $0["report"]?["report-type"] } == ["commit-report", "scan-report"])
        #expect(listed[1]["report"]?["metrics"]?["result-data-files"]?["value"] == 3)
        #expect(listed[1]["report"]?["secret"] == nil)
        #expect(listed[1]["reporter"]?.string?.isEmpty == false)
    }

    @Test func `of each table only so many are kept`() async {
        for number in 0..<(CatalogLimits.metricsReportsPerTableMax + 5) {
            #expect(await client.send(.post, Self.path, Self.scan(number)).status == 204)
        }
        let listed = await client.send(.get, Self.path).json["reports"]?.array
        #expect(listed?.count == CatalogLimits.metricsReportsPerTableMax)
    }

    @Test(arguments: [
        "{}", "[]", #"{"report-type":"other"}"#, commit.replacing("\"append\"", with: "7"),
        commit.replacing("{}", with: #"{"a":{"unit":"count"}}"#), commit.replacing("{}", with: #"{"a":1}"#),
        scan(1).replacing("[1]", with: #"["a"]"#), scan(1).replacing("\"eq\"", with: "\"make-coffee\""),
        scan(1, extra: #","x":"\#(String(repeating: "y", count: 70_000))""#),
    ])
    func `what is no report is refused`(body: String) async {
        #expect(await client.send(.post, Self.path, body).status == 400)
    }

    @Test func `a table that does not exist has no reports`() async {
        let path = Self.path.replacing("events", with: "none")
        #expect(await client.send(.post, path, Self.commit).status == 404)
        #expect(await client.send(.get, path).status == 404)
    }

    @Test func `they count in the metrics of the worker`() throws {
        let registry = MetricsRegistry()
        let reports = MetricsReports(metrics: registry)
        let report = try MetricsReport(JSONCursor(try JSONValue.parse(Self.scan(3))))
        let table = try ServiceFixture().events
        for _ in 0..<2 { reports.keep(report, of: "t", table, by: "me", at: FixedClock().now()) }
        let text = String(decoding: registry.prometheusText(), as: UTF8.self)
        #expect(text.contains("catalog_metrics_reports_total{type=\"scan-report\"} 2"))
        #expect(text.contains("catalog_reported_scan_files_total 6"))
    }
}
