import Clocks
import IcebergCatalog
import JSONFormat
import Synchronization
import Telemetry

/// The newest reports of each table, in the memory of this replica: what they say is worth neither a write for each scan
/// nor somebody who deletes them. Whoever wants them for longer has the log.
package final class MetricsReports: Sendable {
    struct Entry: Sendable {
        let receivedAt: Timestamp
        let reporter: String
        let report: JSONValue
        let bytes: Int
    }

    private let entries = Mutex(
        BoundedCache<String, [Entry]>(costMax: CatalogLimits.metricsReportsBytesMax))
    private let logger: Logger?
    private let reports: MetricFamily<Counter>
    private let scannedFiles: Counter
    private let scannedBytes: Counter

    package init(metrics: MetricsRegistry = MetricsRegistry(), logger: Logger? = nil) {
        self.logger = logger
        reports = metrics.counter(
            "catalog_metrics_reports_total", "Reports of scans and commits by clients.", labels: ["type"])
        scannedFiles = metrics.counter(
            "catalog_reported_scan_files_total", "Data files of scans, as clients report them.")
        scannedBytes = metrics.counter(
            "catalog_reported_scan_bytes_total", "Bytes of data files of scans, as clients report them.")
    }

    /// - Parameter table: its UUID: another table of the name has reports of its own.
    func keep(
        _ report: MetricsReport, of table: String, _ name: TableIdentifier, by reporter: String, at time: Timestamp
    ) {
        let text = report.json.serializedString()
        let entry = Entry(receivedAt: time, reporter: reporter, report: report.json, bytes: text.utf8.count + 200)
        entries.withLock { entries in
            let kept = ([entry] + (entries.value(table) ?? [])).prefix(CatalogLimits.metricsReportsPerTableMax)
            entries.set(table, Array(kept), cost: kept.reduce(0) { $0 + $1.bytes })
        }
        reports.with(report.kind.rawValue).increment()
        if report.kind == .scan {
            scannedFiles.increment(by: Self.count(report.counters["result-data-files"]))
            scannedBytes.increment(by: Self.count(report.counters["total-file-size-in-bytes"]))
        }
        logger?.info("metrics report", ["table": "\(name)", "reporter": reporter, "report": text])
    }

    /// The newest first.
    func reports(of table: String) -> [Entry] { entries.withLock { $0.value(table) ?? [] } }

    /// Clients may report anything.
    private static func count(_ value: Int64?) -> Int { Int(min(max(0, value ?? 0), 1 << 50)) }
}
