import Batching
import Clocks
import Synchronization
import Telemetry
import WriteAheadLog

/// What is read when metrics are asked for.
extension CollectorMetrics {
    static func registerGauges(of service: CollectorService, in metrics: MetricsRegistry) {
        // One look at the buffers serves all gauges of a scrape.
        let latest = LatestStatus(service)
        registerLog(service, latest, metrics)
        registerTables(latest, metrics)
        registerIntake(service, metrics)
    }

    private static func registerLog(
        _ service: CollectorService, _ latest: LatestStatus, _ metrics: MetricsRegistry
    ) {
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (WriteAheadLog.Status) -> Double) {
            metrics.computedGauge(name, help) { read(service.log.status) }
        }
        gauge("collector_log_bytes", "Bytes of the log.") { Double($0.bytes) }
        gauge("collector_log_max_bytes", "Bytes the log may have.") { Double($0.bytesMax) }
        gauge("collector_log_segments", "Files of the log.") { Double($0.segments) }
        gauge("collector_log_full", "1 while records are refused for want of space.") { $0.isShortOfSpace ? 1 : 0 }
        gauge("collector_log_failed", "1 when a write or sync failed: nothing is taken before a restart.") {
            $0.poisoned == nil ? 0 : 1
        }
        metrics.computedGauge("collector_log_disk_free_bytes", "What may still be written on the log's disk.") {
            Double(service.freeDiskBytes ?? -1)
        }
        metrics.computedGauge(
            "collector_log_oldest_seconds", "Age of the oldest record that a table still lacks; 0 when there is none."
        ) {
            let committed = latest.tables.map(\.settledThrough).min() ?? 0
            return Double(service.oldestMilliseconds(behind: committed) ?? 0) / 1000
        }
    }

    private static func registerTables(_ latest: LatestStatus, _ metrics: MetricsRegistry) {
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (TableReading) -> Double) {
            metrics.computedGauge(name, help, labels: ["table"]) {
                latest.tables.map { (values: [$0.status.name], value: read($0)) }
            }
        }
        gauge("collector_uncommitted_records", "Requests in the log from the first on that the table still lacks.") {
            Double($0.uncommittedRecords)
        }
        gauge("collector_buffers", "Open buffers: a type and hour each.") { Double($0.status.buffers.count) }
        gauge("collector_buffered_events", "Events in buffers.") { reading in
            Double(reading.status.buffers.reduce(0) { $0 + $1.count })
        }
        gauge("collector_buffered_bytes", "Memory of the buffers.") { Double($0.status.bufferedBytes) }
        gauge("collector_oldest_event_seconds", "How long the oldest event has been buffered.") { reading in
            Double(reading.status.buffers.map(\.ageMilliseconds).max() ?? 0) / 1000
        }
        gauge("collector_in_flight_events", "Events being committed.") { Double($0.status.inFlightEvents) }
        gauge("collector_waiting_flushes", "Flushes that wait for a commit.") { Double($0.status.waitingFlushes) }
        gauge("collector_seconds_since_last_commit", "Since the start, before the first.") { $0.secondsSinceCommit }
        gauge("collector_commit_trouble_seconds", "For how long every attempt has failed; 0 while all is well.") {
            Double($0.status.troubleMilliseconds ?? 0) / 1000
        }
        gauge("collector_halted", "1 when nothing is committed until an operator has looked.") {
            $0.status.halted == nil ? 0 : 1
        }
    }

    private static func registerIntake(_ service: CollectorService, _ metrics: MetricsRegistry) {
        metrics.computedGauge("collector_buffer_memory_max_bytes", "What the buffers may take together.") {
            Double(service.configuration.batches.memoryBytesMax)
        }
        metrics.computedGauge("collector_remembered_ids", "Events remembered to recognise duplicates.") {
            Double(service.intake.rememberedKeys)
        }
        metrics.computedGauge("collector_remembered_max_ids", "How many can be.") {
            Double(service.configuration.dedupKeysMax)
        }
        metrics.computedCounter("collector_forgotten_ids_total", "Events forgotten within the window, for memory.") {
            Double(service.intake.forgottenKeys)
        }
        metrics.computedGauge("collector_remembered_ids_disk_bytes", "Files of ids whose events left the log.") {
            Double(service.journal.bytes)
        }
        metrics.computedCounter("collector_dead_letters_total", "Refused events kept.") {
            Double(service.deadLetters?.kept ?? service.refusals?.kept ?? 0)
        }
        metrics.computedCounter("collector_dead_letters_dropped_total", "Refused events not kept.") {
            Double(service.deadLetters?.dropped ?? service.refusals?.dropped ?? 0)
        }
        metrics.computedGauge("collector_paused", "1 while paused.") { service.pause.isPaused ? 1 : 0 }
    }
}

/// One table, as the gauges see it.
private struct TableReading: Sendable {
    let status: EventPipeline.TableStatus
    let settledThrough: UInt64
    let uncommittedRecords: UInt64
    let secondsSinceCommit: Double
}

/// The pipeline's status, at most a quarter of a second old: reading it costs time for each buffer.
private final class LatestStatus: Sendable {
    private let service: CollectorService
    private let kept = Mutex<(nanoseconds: UInt64, tables: [TableReading])?>(nil)

    init(_ service: CollectorService) { self.service = service }

    var tables: [TableReading] {
        let now = service.clock.nanoseconds()
        return kept.withLock { kept in
            if let kept, now - kept.nanoseconds < 250_000_000 { return kept.tables }
            let tables = read()
            kept = (now, tables)
            return tables
        }
    }

    private func read() -> [TableReading] {
        let log = service.log.status
        let now = service.clock.now()
        let status = service.pipeline.status
        return ([status.events] + status.others).map { table in
            let settled = table.settledThrough ?? log.firstSequence - 1
            let since = table.lastCommit ?? service.startedAt
            return TableReading(
                status: table, settledThrough: settled,
                uncommittedRecords: log.syncedThrough > settled ? log.syncedThrough - settled : 0,
                secondsSinceCommit: max(0, Double(now.microseconds - since.microseconds) / 1e6))
        }
    }
}
