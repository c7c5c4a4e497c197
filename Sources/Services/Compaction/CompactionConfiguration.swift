import Configuration
import IcebergCatalog
import ObjectStore

/// The variables of the compaction worker.
package struct CompactionConfiguration: ConfigurationSection, Sendable {
    package let objectStore: ObjectStoreConfiguration
    package let catalogEndpoint: String?
    package let catalogToken: Secret?
    package let warehouse: String?
    package let namespace: String
    package let tableName: String
    package let tableLocation: String
    package let isScheduled: Bool
    package let schedule: CronSchedule
    package let planner: CompactionPlanner
    package let retentionDays: Int
    package let memoryBytes: Int

    package init(from reader: inout ConfigurationReader) {
        objectStore = reader.section()
        catalogEndpoint = reader.optionalString(
            "R2_CATALOG_ENDPOINT",
            "URL of an Iceberg REST catalog; unset: the binding ANALYTICS_CATALOG if there is one; else, and for any value "
                + "that is no URL, direct: commits straight to the bucket")
        catalogToken = reader.secret("R2_CATALOG_AUTH_TOKEN", "bearer token for the catalog at R2_CATALOG_ENDPOINT")
        warehouse = reader.optionalString("R2_CATALOG_WAREHOUSE", "warehouse to ask the catalog for")
        namespace = reader.string("ICEBERG_NAMESPACE", default: "analytics", "namespace of the event table")
        tableName = reader.string("ICEBERG_TABLE", default: "events", "name of the event table")
        tableLocation = reader.string(
            "ICEBERG_TABLE_LOCATION", default: "analytics/events",
            "where the event table lies below SOURCE_BUCKET when there is no catalog service")
        isScheduled = reader.bool("ENABLE_COMPACTION", default: true, "run by the schedule, not only when asked")
        let everySixHours = "0 */6 * * *"
        let text = reader.parsed(
            "COMPACTION_SCHEDULE", default: everySixHours,
            allowed: "five cron fields in UTC: minute hour day-of-month month day-of-week",
            "when tables are compacted and old snapshots expired"
        ) { CronSchedule($0)?.description }
        schedule = CronSchedule(text) ?? .hourly
        planner = CompactionPlanner(
            smallFileBytes: Int64(
                reader.bytes(
                    "SMALL_FILE_THRESHOLD_MB", in: (1 << 10)...(1 << 40), default: 100 << 20,
                    "files below this are small")),
            targetFileBytes: Int64(
                reader.bytes(
                    "TARGET_FILE_SIZE_MB", in: (1 << 20)...(4 << 30), default: 128 << 20, "size to make files of")),
            threshold: reader.int(
                "COMPACTION_THRESHOLD", in: 2...1_000_000, default: 10,
                "small files in a partition that set off its compaction"))
        retentionDays = reader.int(
            "SNAPSHOT_RETENTION_DAYS", in: 0...36_500, default: 7, "age after which snapshots are expired")
        memoryBytes = reader.bytes(
            "COMPACTION_MEMORY_BYTES", in: (64 << 20)...(1 << 40), default: 1 << 30,
            "memory for rewriting files; groups that do not fit are not sorted")
    }
}
