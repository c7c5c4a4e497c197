import CatalogAccess
import Compaction
import ObjectStore
import ServiceHost
import Telemetry

await Worker.main(.compaction, CompactionConfiguration.self) { configuration, worker in
    let store = try configuration.objectStore.open(http: try worker.httpClient(), counting: worker.storeRequests)
    let catalog = try configuration.catalog.open(
        store: store, sourceBucket: configuration.objectStore.sourceBucket, worker: worker)
    let service = try CompactionService(
        configuration, store: store, catalog: catalog, logger: worker.logger, metrics: worker.metrics)
    await service.restoreHistory()
    worker.health.register("catalog") { try await service.checkCatalog() }
    worker.metrics.computedGauge("compaction_jobs_running", "Jobs under way.") { Double(service.jobs.runningCount) }
    if configuration.isScheduled { worker.background("schedule") { await service.runSchedule() } }
    worker.onShutdown("jobs") { await service.jobs.stop() }
    return CompactionRoutes.router(service)
}
