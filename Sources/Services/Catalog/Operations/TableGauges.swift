import IcebergCatalog
import ServiceHost
import Synchronization
import Telemetry

/// The health of every table as gauges, measured now and then.
package final class TableGauges: Sendable {
    private let tables = Mutex<[TableIdentifier: TableHealth]>([:])

    package init(metrics: MetricsRegistry) {
        let gauges: [(String, String, @Sendable (TableHealth) -> Double)] = [
            ("small_file_ratio", "Data files below three quarters of the table's file size.", { $0.smallFileRatio }),
            ("delete_ratio", "Rows taken away by position deletes and vectors.", { $0.deleteRatio }),
            ("data_files", "Data files of the current snapshot.", { Double($0.dataFiles) }),
            ("delete_files", "Delete files of the current snapshot.", { Double($0.deleteFiles) }),
            ("snapshots", "Snapshots that have not expired.", { Double($0.snapshots) }),
            ("manifests", "Manifests of the current snapshot.", { Double($0.manifests) }),
            ("live_bytes", "Bytes of the current snapshot's files.", { Double($0.bytes) }),
            (
                "last_compaction_timestamp_seconds", "When files were last replaced; 0 for never.",
                {
                    Double($0.lastCompaction ?? 0) / 1000
                }
            ),
            (
                "last_commit_timestamp_seconds", "When the current snapshot was made; 0 for never.",
                {
                    Double($0.lastCommit ?? 0) / 1000
                }
            ),
        ]
        for (name, help, value) in gauges {
            metrics.computedGauge("catalog_table_\(name)", help, labels: ["table"]) { [weak self] in
                guard let self else { return [] }
                return tables.withLock { tables in
                    tables.sorted { $0.key < $1.key }.map { ([$0.key.description], value($0.value)) }
                }
            }
        }
    }

    /// Measures once at the start of the worker and then every few minutes.
    package func run(on worker: Worker, _ service: CatalogService) {
        worker.every("table health", milliseconds: CatalogLimits.healthEveryMilliseconds) {
            try await self.measure(service)
        }
    }

    /// Tables whose manifests cannot be read are left out. At most `CatalogLimits.tablesMeasuredMax`, by name.
    func measure(_ service: CatalogService) async throws(CatalogError) {
        var measured: [TableIdentifier: TableHealth] = [:]
        for table in try await service.registeredTables() where table.state != nil {
            guard measured.count < CatalogLimits.tablesMeasuredMax else { break }
            do throws(CatalogError) {
                measured[table.identifier] = try await service.health(of: table.identifier)
            } catch {
                continue
            }
        }
        tables.withLock { $0 = measured }
    }
}
