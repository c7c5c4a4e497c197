import CatalogAccess
import Configuration
import GraphQLFormat
import HTTP
import IcebergCatalog
import IcebergTable
import JSONFormat
import ObjectStore
import ServiceHost
import Telemetry

/// The query API as a worker of the suite: opens what it needs and gives its routes.
package enum QueryServer {
    @Sendable package static func build(
        _ configuration: QueryServerConfiguration, _ worker: Worker
    ) async throws -> Router {
        let store = try configuration.objectStore.open(http: worker.httpClient(), counting: worker.storeRequests)
        let query = configuration.query
        let cache = FileCache(directory: query.cacheDirectory, bytesMax: query.cacheBytesMax, store: store)
        try await cache.open()
        let loader = ManifestLoader(store: store, cache: ManifestCache(bytesMax: query.manifestCacheBytes))
        let catalog = try configuration.catalog.open(
            store: store, sourceBucket: configuration.objectStore.sourceBucket, worker: worker)
        let planner = QueryPlanner(
            catalog: catalog, store: store,
            scanPlanner: ScanPlanner(loader: loader), cache: cache, namespace: query.namespace, table: query.table)
        let pool = WorkerPool(command: WorkerCommand(memoryBytes: query.limits.memoryBytes), size: query.workers)
        try await pool.warmUp()
        worker.onShutdown("query workers") { await pool.shutDown() }
        let service = QueryService(
            planner: planner, pool: pool, limits: query.limits, isTimeTravelEnabled: query.isTimeTravelEnabled)
        let endpoint = try GraphQLEndpoint(
            service: service, isIntrospectionEnabled: query.isIntrospectionEnabled,
            cacheBytesMax: query.cacheBytesMax)
        register(service, worker)
        return routes(endpoint)
    }

    static func routes(_ endpoint: GraphQLEndpoint) -> Router {
        var router = Router()
        router.get("/", access: .open) { _ in ExplorerPage.response() }
        router.get("/graphql") { context in await endpoint.respond(to: context.request) }
        // Queries change nothing: they are in the access log, not in the audit.
        router.post("/graphql", isAudited: false) { context in await endpoint.respond(to: context.request) }
        router.get("/cache/stats") { _ in .json(await endpoint.cacheStatistics()) }
        router.delete("/cache/manifests") { _ in .json(endpoint.clearManifestCache()) }
        return router
    }

    private static func register(_ service: QueryService, _ worker: Worker) {
        worker.health.register("catalog", timeoutMilliseconds: 5000) {
            do throws(CatalogError) {
                _ = try await service.planner.catalog.listNamespaces(under: nil)
                return .healthy
            } catch {
                return .degraded("the catalog cannot be reached: \(error)")
            }
        }
        worker.health.register("query workers", timeoutMilliseconds: 5000) {
            // That all are busy is no fault: each query ends at its deadline.
            guard await service.pool.hasIdleWorker else { return HealthCheck(.healthy, "all workers are busy") }
            do throws(QueryError) {
                try await service.probe()
                return .healthy
            } catch {
                let isLoad = error.code == .overloaded || error.code == .timeout
                return isLoad ? .degraded(error.message) : .unhealthy(error.message)
            }
        }
        let metrics = worker.metrics
        let statistics = service.statistics
        metrics.computedCounter("analytics_queries_total", "Queries answered or refused.") {
            Double(statistics.values.queries)
        }
        metrics.computedCounter("analytics_query_failures_total", "Queries that ended in an error.") {
            Double(statistics.values.failures)
        }
        metrics.computedCounter("analytics_query_timeouts_total", "Queries killed at their deadline.") {
            Double(statistics.values.timeouts)
        }
        metrics.computedGauge("analytics_queries_active", "Queries being answered.") {
            Double(statistics.values.active)
        }
        metrics.computedCounter("analytics_query_rows_total", "Rows returned.") { Double(statistics.values.rows) }
        metrics.computedCounter("analytics_query_files_read_total", "Data files that queries read.") {
            Double(statistics.values.filesRead)
        }
        metrics.computedCounter("analytics_query_files_pruned_total", "Data files that planning left out.") {
            Double(statistics.values.filesPruned)
        }
        metrics.computedGauge("analytics_query_p99_milliseconds", "99 % of the latest queries took less.") {
            statistics.values.latency(quantile: 0.99) ?? 0
        }
        let manifests = service.planner.scanPlanner.loader.cache
        metrics.computedCounter("analytics_manifest_cache_hits_total", "Manifests found in the cache.") {
            Double(manifests.statistics.hits)
        }
        metrics.computedCounter("analytics_manifest_cache_misses_total", "Manifests fetched.") {
            Double(manifests.statistics.misses)
        }
    }
}

/// Everything this worker reads from the environment.
package struct QueryServerConfiguration: ConfigurationSection, Sendable {
    package let query: QueryConfiguration
    package let objectStore: ObjectStoreConfiguration
    package let catalog: TableCatalogConfiguration

    package init(from reader: inout ConfigurationReader) {
        objectStore = reader.section()
        query = reader.section()
        catalog = reader.section()
    }
}
