import Batching
import Clocks
import Committing
import Events
import Files
import GeoIP
import JSONFormat
import ServiceHost
import Telemetry
import WriteAheadLog

/// Wires the service into its worker: routes, checks, metrics, background, stop.
package enum CollectorWorker {
    package static func build(_ configuration: CollectorConfiguration, _ worker: Worker) async throws -> Router {
        CollectorHeap.returnLargeBlocks()
        let service = try await CollectorService(configuration, worker: worker)
        registerChecks(service, worker)
        CollectorMetrics.registerGauges(of: service, in: worker.metrics)
        if let places = service.enricher.places { watch(places, worker) }
        worker.every("schemas", milliseconds: CollectorSchemas.tickMilliseconds) { await service.schemas.tick() }
        worker.every("dead letters", milliseconds: 5000) { try await service.deadLetters?.flush() }
        // A third of the grace: the server has taken its part, the host needs the rest.
        let milliseconds = max(500, worker.configuration.shutdownGraceMilliseconds / 3)
        worker.onShutdown("events") { await service.stop(milliseconds: milliseconds) }
        return CollectorRoutes(service).router
    }

    /// Looks every ten seconds, and at SIGHUP, whether there is a new database of places.
    private static func watch(_ places: GeoLocator, _ worker: Worker) {
        let logger = worker.logger
        let look: @Sendable () async -> Void = {
            guard await BlockingPool.shared.run({ places.reload() }) else { return }
            let database = places.database
            if let problem = places.problem {
                logger.warn("the database of places is no good; the one of before is used", ["problem": problem])
            } else {
                logger.info(
                    "a new database of places is used", ["type": database.type, "built_at": "\(database.builtAt)"])
            }
        }
        worker.every("places", milliseconds: 10_000, look)
        worker.onReload("places", look)
        worker.health.register("places") {
            places.problem.map { .degraded("\($0); the one of before is used") } ?? .healthy
        }
        worker.metrics.computedGauge(
            "collector_places_built_seconds", "When the database of places was made, since 1970."
        ) {
            Double(places.database.builtAt.microseconds) / 1e6
        }
        worker.metrics.computedCounter(
            "collector_places_damaged_total", "Look-ups that found the database of places damaged."
        ) { Double(places.damagedLookups) }
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
}
