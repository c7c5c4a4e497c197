import IcebergCatalog
import IcebergSpec
import JSONFormat

/// What a client reports of a scan or a commit (REST catalog: `ReportMetricsRequest`), checked, and without what the
/// standard does not know.
struct MetricsReport: Sendable {
    enum Kind: String, CaseIterable {
        case scan = "scan-report"
        case commit = "commit-report"
    }

    let kind: Kind
    let snapshotID: Int64
    /// As it is kept and shown.
    let json: JSONValue
    /// Counts by name.
    let counters: [String: Int64]

    /// - Throws: `.badRequest`.
    init(_ body: JSONCursor) throws(CatalogError) {
        var report = JSONObject()
        var counters: [String: Int64] = [:]
        let (kind, snapshotID) = try CatalogCall.reading { () throws(JSONError) -> (Kind, Int64) in
            let type = try body.member("report-type")
            guard let kind = Kind(rawValue: try type.string()) else {
                throw type.fail("a report is one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            report["report-type"] = .string(kind.rawValue)
            report["table-name"] = .string(try body.member("table-name").string())
            let snapshotID = try body.member("snapshot-id").integer()
            report["snapshot-id"] = JSONValue(snapshotID)
            switch kind {
            case .scan: try Self.readScan(body, into: &report)
            case .commit:
                report["sequence-number"] = JSONValue(try body.member("sequence-number").integer())
                report["operation"] = .string(try body.member("operation").string())
            }
            report["metrics"] = try Self.metrics(body.member("metrics"), &counters)
            if let metadata = try body.optional("metadata") { report["metadata"] = JSONValue(try metadata.stringMap()) }
            return (kind, snapshotID)
        }
        if let filter = report["filter"] {
            _ = try CatalogCall.parsing { () throws(IcebergError) in try Predicate(json: filter) }
        }
        (self.kind, self.snapshotID, self.counters) = (kind, snapshotID, counters)
        json = .object(report)
    }

    private static func readScan(_ body: JSONCursor, into report: inout JSONObject) throws(JSONError) {
        report["filter"] = try body.member("filter").value
        report["schema-id"] = JSONValue(try body.member("schema-id").integer())
        var ids: [JSONValue] = []
        for id in try body.member("projected-field-ids").elements() { ids.append(JSONValue(try id.integer())) }
        var names: [JSONValue] = []
        for name in try body.member("projected-field-names").elements() { names.append(.string(try name.string())) }
        report["projected-field-ids"] = .array(ids)
        report["projected-field-names"] = .array(names)
    }

    /// Counters (`unit`, `value`) and timers (`time-unit`, `count`, `total-duration`).
    private static func metrics(
        _ cursor: JSONCursor, _ counters: inout [String: Int64]
    ) throws(JSONError) -> JSONValue {
        var metrics = JSONObject()
        for (name, metric) in try cursor.members() {
            if let unit = try metric.optional("unit") {
                let value = try metric.member("value").integer()
                metrics[name] = ["unit": .string(try unit.string()), "value": JSONValue(value)]
                counters[name] = value
            } else {
                metrics[name] = [
                    "time-unit": .string(try metric.member("time-unit").string()),
                    "count": JSONValue(try metric.member("count").integer()),
                    "total-duration": JSONValue(try metric.member("total-duration").integer()),
                ]
            }
        }
        return .object(metrics)
    }
}
