import Batching
import Bytes
import CatalogAccess
import Committing
import Configuration
import Events
import Glibc
import IcebergCatalog
import ObjectStore
import WriteAheadLog

/// The variables of the collector, besides those of every worker.
package struct CollectorConfiguration: ConfigurationSection, Sendable {
    package let objectStore: ObjectStoreConfiguration
    package let usesIceberg: Bool
    package let catalog: TableCatalogConfiguration
    package let evolvesSchema: Bool
    package let granularity: GranularityLimits
    package let batches: BatchLimits
    package let commitIntervalMilliseconds: Int
    package let log: WriteAheadLog.Configuration
    package let logDirectory: String
    package let dedupWindowSeconds: Int
    package let dedupKeysMax: Int
    package let isStrict: Bool
    package let events: EventLimits
    /// nil: any time is taken.
    package let futureSecondsMax: Int?
    package let enrichment: EnrichmentConfiguration
    package let keepsRejected: Bool
    /// The table of refused events; nil where they are not kept in one.
    package let quarantineTable: TableIdentifier?
    package let quarantineLocation: ObjectKey?
    package let refusals: RefusalKeeper.Limits
    package let outageMillisecondsMax: Int
    package let schemas: SchemaConfiguration

    package init(from reader: inout ConfigurationReader) {
        objectStore = reader.section()
        usesIceberg = reader.bool(
            "USE_ICEBERG", default: true, "write an Iceberg table; false writes plain Parquet files below events/")
        catalog = reader.section()
        evolvesSchema = reader.bool(
            "ENABLE_SCHEMA_EVOLUTION", default: true,
            "add columns, and partition specs for late events, that tables lack; let events "
                + "widen the schema of their type, where that is registered and not strict")
        granularity = Self.readGranularity(&reader)
        batches = Self.readBatches(&reader)
        commitIntervalMilliseconds = reader.duration(
            "COMMIT_INTERVAL_MS", in: 0...3_600_000, default: 1000,
            "least time between two commits: under load, files grow instead of multiplying")
        log = Self.readLog(&reader)
        logDirectory = reader.string(
            "WAL_DIRECTORY", default: "\(Self.workingDirectory())/var/wal", "directory of the write-ahead log")
        dedupWindowSeconds =
            reader.duration(
                "DEDUP_WINDOW_SECONDS", in: 0...31_536_000_000, default: 3_600_000,
                "how long the (source, id) of an event is remembered; 0 for not at all") / 1000
        dedupKeysMax = reader.int(
            "DEDUP_KEYS_MAX", in: 1000...1_000_000_000, default: 4 << 20,
            "events remembered at most, 27 to 40 bytes each; the oldest half is forgotten beyond it")
        isStrict = reader.bool(
            "CLOUDEVENTS_STRICT", default: false, "refuse events without id or time instead of filling them in")
        var events = EventLimits()
        // One event with what surrounds it, and what is being committed before it.
        let eventBytesMax = log.bytesMax / 2
        events.eventBytesMax = reader.bytes(
            "MAX_EVENT_BYTES", in: 64...(32 << 20), default: min(1 << 20, eventBytesMax),
            "longest event, as JSON text; at most half of WAL_MAX_BYTES")
        if events.eventBytesMax > eventBytesMax {
            reader.refuse(
                "MAX_EVENT_BYTES",
                "must be at most half of WAL_MAX_BYTES (\(log.bytesMax)), so \(eventBytesMax): a longer event would find "
                    + "the log full for ever")
        }
        events.eventsMax = reader.int(
            "MAX_BATCH_EVENTS", in: 1...1_000_000, default: 100_000, "most events of one request")
        self.events = events
        let future = reader.duration(
            "MAX_FUTURE_SECONDS", in: 0...3_155_760_000_000, default: 0,
            "refuse events whose time is further ahead of the collector's clock, as time_out_of_range; 0: any time is taken"
        )
        futureSecondsMax = future > 0 ? future / 1000 : nil
        enrichment = reader.section()
        keepsRejected = reader.bool(
            "DEAD_LETTER", default: true,
            "keep refused events, in QUARANTINE_TABLE; with USE_ICEBERG=false below rejected/ in the source bucket")
        (quarantineTable, quarantineLocation) = Self.readQuarantine(
            &reader, events: catalog, isUsed: usesIceberg && keepsRejected)
        refusals = Self.readRefusals(&reader)
        outageMillisecondsMax = reader.duration(
            "CATALOG_OUTAGE_SECONDS", in: 0...86_400_000, default: 0,
            "answer 503 once no commit has succeeded for this long; 0: accept until the log is full")
        schemas = reader.section()
    }

    private static func readGranularity(_ reader: inout ConfigurationReader) -> GranularityLimits {
        // A century: longer than any age there is to tell apart.
        let range = 0...(36_525 * 86_400_000)
        let hour = reader.duration(
            "HOUR_PARTITION_DAYS", in: range, default: 7 * 86_400_000,
            "events younger than this on arrival are written to partitions of an hour; 0: only those of the future")
        let day = reader.duration(
            "DAY_PARTITION_DAYS", in: range, default: max(hour, 30 * 86_400_000),
            "older ones up to this age to partitions of a day, the rest to months; not below HOUR_PARTITION_DAYS, and "
                + "equal to it for no days")
        if day < hour { reader.refuse("DAY_PARTITION_DAYS", "must not be below HOUR_PARTITION_DAYS") }
        return GranularityLimits(hourMicroseconds: Int64(hour) * 1000, dayMicroseconds: Int64(day) * 1000)
    }

    private static func readBatches(_ reader: inout ConfigurationReader) -> BatchLimits {
        var limits = BatchLimits()
        limits.partitionEventsMax = reader.int(
            "ICEBERG_BUFFER_SIZE", aliases: ["BUFFER_COUNT_THRESHOLD"], in: 1...10_000_000, default: 2000,
            "events of one type and hour that make a commit due")
        limits.ageMillisecondsMax = Int64(
            reader.duration(
                "ICEBERG_BUFFER_TIMEOUT_MS", aliases: ["BUFFER_TIME_SECONDS"], in: 10...86_400_000, default: 30_000,
                "age of the oldest event that makes a commit due"))
        limits.partitionBytesMax = reader.bytes(
            "BUFFER_SIZE_BYTES", in: 1...(1 << 30), default: 1 << 20, "bytes of one type and hour that do")
        limits.openEventsMax = reader.int(
            "ICEBERG_MAX_BUFFER_SIZE", in: 1...10_000_000, default: 5000,
            "events of one open buffer; a full one is closed and another opened for the same file")
        limits.memoryBytesMax = reader.bytes(
            "BUFFER_MEMORY_BYTES", in: (1 << 20)...(1 << 40), default: 256 << 20,
            "all buffers together; what does not fit waits in the log")
        limits.partitionsMax = reader.int(
            "MAX_OPEN_PARTITIONS", in: 1...100_000, default: 1000,
            "types and hours that make a commit due, a file each but for late events")
        return limits
    }

    private static func readQuarantine(
        _ reader: inout ConfigurationReader, events: TableCatalogConfiguration, isUsed: Bool
    ) -> (TableIdentifier?, ObjectKey?) {
        let name = reader.optionalString(
            "QUARANTINE_TABLE",
            "table of refused events, with its namespace; default: rejected_events beside the event table")
        let location = reader.string(
            "QUARANTINE_TABLE_LOCATION", default: "rejected/events",
            "where it lies below SOURCE_BUCKET, beside ICEBERG_TABLE_LOCATION")
        do {
            let fallback = try (events.table?.namespace).map { namespace throws(CatalogError) in
                try TableIdentifier(namespace, "rejected_events")
            }
            let table = try name.map { name throws(CatalogError) in try TableIdentifier(dotted: name) } ?? fallback
            let key = try ObjectKey(location)
            guard isUsed else { return (nil, nil) }
            if table != nil, table == events.table {
                reader.refuse("QUARANTINE_TABLE", "must not be the event table")
            }
            if let other = events.tableLocation, Self.overlap(key, other) {
                reader.refuse(
                    "QUARANTINE_TABLE_LOCATION", "must lie beside ICEBERG_TABLE_LOCATION, not within it or around it")
            }
            return (table, key)
        } catch {
            reader.refuse("QUARANTINE_TABLE", "\(error)")
            return (nil, nil)
        }
    }

    private static func overlap(_ one: ObjectKey, _ other: ObjectKey) -> Bool {
        let (one, other) = (one.rawValue + "/", other.rawValue + "/")
        return one.hasPrefix(other) || other.hasPrefix(one)
    }

    private static func readRefusals(_ reader: inout ConfigurationReader) -> RefusalKeeper.Limits {
        var limits = RefusalKeeper.Limits()
        limits.rawBytesMax = reader.bytes(
            "QUARANTINE_EVENT_BYTES", in: 0...(8 << 20), default: limits.rawBytesMax,
            "of one refused event; one of which more was sent cannot be replayed")
        limits.logPercentMax = reader.int(
            "QUARANTINE_LOG_PERCENT", in: 0...100, default: limits.logPercentMax,
            "refused events are kept while the log holds less than this share of WAL_MAX_BYTES")
        return limits
    }

    private static func readLog(_ reader: inout ConfigurationReader) -> WriteAheadLog.Configuration {
        var log = WriteAheadLog.Configuration()
        let isAlways = reader.parsed(
            "WAL_SYNC", default: "always", allowed: "always or interval",
            "always: events are on disk before the reply; interval: within WAL_SYNC_INTERVAL_MS after it"
        ) { ["always", "interval"].contains($0) ? $0 : nil }
        let interval = reader.duration(
            "WAL_SYNC_INTERVAL_MS", in: 1...60_000, default: 100, "with WAL_SYNC=interval")
        log.sync = isAlways == "always" ? .always : .interval(milliseconds: interval)
        log.bytesMax = reader.bytes(
            "WAL_MAX_BYTES", in: (1 << 20)...(1 << 44), default: 1 << 30,
            "largest log; when it is full, events are answered with 507")
        return log
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "." }
        defer { free(path) }
        return String(cString: path)
    }
}
