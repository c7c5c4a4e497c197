import Clocks
import Configuration
import IcebergCatalog
import ObjectStore
import ServiceHost
import Synchronization
import Telemetry

/// The catalog as a program: opens the store, proves that it can be trusted, and serves.
package enum CatalogWorker {
    package static func build(_ configuration: CatalogConfiguration, _ worker: Worker) async throws -> Router {
        let objectStore = configuration.objectStore
        let store = try objectStore.open(http: try worker.httpClient(), counting: worker.storeRequests)
        // A store whose conditional puts do not decide races would lose commits without a word.
        try await StoreProof(store: store, bucket: objectStore.catalogBucket, clock: worker.clock).require()
        let warehouse = try Warehouse(
            name: configuration.warehouse, defaultBucket: objectStore.sourceBucket,
            buckets: Set([objectStore.processedBucket] + configuration.otherBuckets), store: store,
            clientConfig: configuration.clientConfig)
        let service = CatalogService(
            warehouse: warehouse, catalogBucket: objectStore.catalogBucket, clock: worker.clock,
            dropRetentionHours: configuration.dropRetentionHours)
        worker.every("purges", milliseconds: CatalogLimits.purgeEveryMilliseconds) {
            _ = try await service.runPurges()
        }
        worker.metrics.computedGauge(
            "catalog_purges_skipped",
            "Purged tables whose files stay for now, since a table that cannot be read may need them; of the last run."
        ) { Double(service.purgesSkipped.withLock { $0 }) }
        let retention = configuration.registerRetention
        worker.every("registers", milliseconds: CatalogLimits.maintainEveryMilliseconds) {
            try await service.registers.maintain(retention)
        }
        let access = CatalogAccess(
            tokens: configuration.tokens, clients: configuration.clients, keys: worker.keys,
            signingKey: SigningKey(store: store, bucket: objectStore.catalogBucket), clock: worker.clock)
        let probe = ObjectLocation(bucket: objectStore.catalogBucket, key: try ObjectKey("health"))
        worker.health.register("object_store") {
            _ = try await store.head(probe)
            return .healthy
        }
        // Whoever asks may read and write only in development, and only until a key or token is configured.
        let isOpen = worker.environment == .development && access.isOpen
        let vending = CredentialVending(
            source: configuration.credentialSource, seconds: configuration.credentialsSeconds,
            http: try worker.httpClient(), clock: worker.clock)
        var harness = CatalogHarness(
            service: service, vending: vending, signer: configuration.signer(clock: worker.clock),
            reports: MetricsReports(metrics: worker.metrics, logger: worker.logger))
        harness.workLoop = try worker.workLoop()
        harness.isStopping = { [health = worker.health] in !health.isReady }
        harness.costs = try CostSources(prices: configuration.prices, worker: worker)
        TableGauges(metrics: worker.metrics).run(on: worker, service)
        return harness.routes(access: access, isOpen: isOpen)
    }
}
