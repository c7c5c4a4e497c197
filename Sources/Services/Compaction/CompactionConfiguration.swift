import CatalogAccess
import Configuration
import ObjectStore

/// The variables of the compaction worker.
package struct CompactionConfiguration: ConfigurationSection, Sendable {
    package let objectStore: ObjectStoreConfiguration
    package let catalog: TableCatalogConfiguration
    package let isScheduled: Bool
    package let schedule: CronSchedule
    package let planner: CompactionPlanner
    package let retentionDays: Int
    package let memoryBytes: Int

    package init(from reader: inout ConfigurationReader) {
        objectStore = reader.section()
        catalog = reader.section()
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
