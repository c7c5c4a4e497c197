import Batching
import Clocks
import Committing
import Events
import JSONFormat
import ServiceHost
import Telemetry
import WriteAheadLog

/// Wires the service into its worker: routes, checks, metrics, background, stop.
package enum CollectorWorker {
    package static func build(_ configuration: CollectorConfiguration, _ worker: Worker) async throws -> Router {
        let service = try await CollectorService(configuration, worker: worker)
        registerChecks(service, worker)
        registerMetrics(service, worker.metrics)
        worker.every("dead letters", milliseconds: 5000) { try await service.deadLetters?.flush() }
        // A third of the grace: the server has taken its part, the host needs the rest.
        let milliseconds = max(500, worker.configuration.shutdownGraceMilliseconds / 3)
        worker.onShutdown("events") { await service.stop(milliseconds: milliseconds) }
        return CollectorRoutes(service, metrics: worker.metrics).router
    }

    private static func registerChecks(_ service: CollectorService, _ worker: Worker) {
        worker.health.register("log") {
            let log = service.log.status
            if let why = log.poisoned { return .unhealthy(why) }
            if log.isShortOfSpace {
                return .degraded("the last events were refused: the log is full, or its disk is")
            }
            let percent = log.bytes * 100 / max(1, log.bytesMax)
            return percent >= 90 ? .degraded("the log is \(percent) % full") : .healthy
        }
        worker.health.register("commits") {
            let status = service.pipeline.status
            if let halted = status.halted { return .unhealthy(halted) }
            for table in status.others {
                guard let why = table.halted ?? table.trouble else { continue }
                return .degraded("the table \(table.name): \(why) (its events wait in the log)")
            }
            guard let trouble = status.trouble else { return .healthy }
            return .degraded("\(trouble) (for \((status.troubleMilliseconds ?? 0) / 1000) s; events wait in the log)")
        }
        worker.health.register("intake") { service.pause.isPaused ? .degraded("paused") : .healthy }
    }

    private static func registerMetrics(_ service: CollectorService, _ metrics: MetricsRegistry) {
        metrics.computedGauge("collector_log_bytes", "Bytes of the log.") { Double(service.log.status.bytes) }
        metrics.computedGauge("collector_log_max_bytes", "Bytes the log may have.") {
            Double(service.log.status.bytesMax)
        }
        metrics.computedGauge("collector_uncommitted_records", "Requests in the log and not in the table.") {
            let last = Double(service.log.status.syncedThrough)
            return max(0, last - Double(service.pipeline.status.committedThrough ?? 0))
        }
        metrics.computedGauge("collector_buffered_events", "Events in buffers.") {
            Double(service.pipeline.status.buffers.reduce(0) { $0 + $1.count })
        }
        metrics.computedGauge("collector_buffered_bytes", "Memory of the buffers.") {
            Double(service.pipeline.status.bufferedBytes)
        }
        metrics.computedGauge("collector_oldest_event_seconds", "Age of the oldest event not in the table.") {
            Double(service.pipeline.status.buffers.map(\.ageMilliseconds).max() ?? 0) / 1000
        }
        metrics.computedGauge("collector_seconds_since_last_commit", "0 before the first.") {
            guard let last = service.pipeline.status.lastCommit else { return 0 }
            return Double(service.clock.now().microseconds - last.microseconds) / 1e6
        }
        metrics.computedGauge("collector_remembered_ids", "Events remembered to recognise duplicates.") {
            Double(service.intake.rememberedKeys)
        }
        metrics.computedCounter("collector_forgotten_ids_total", "Events forgotten within the window, for memory.") {
            Double(service.intake.forgottenKeys)
        }
        metrics.computedCounter("collector_dead_letters_total", "Refused events kept.") {
            Double(service.deadLetters?.kept ?? 0)
        }
        metrics.computedCounter("collector_dead_letters_dropped_total", "Refused events not kept.") {
            Double(service.deadLetters?.dropped ?? 0)
        }
        metrics.computedGauge("collector_paused", "1 while paused.") { service.pause.isPaused ? 1 : 0 }
    }
}
