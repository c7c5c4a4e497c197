import Configuration
import HTTP
import ObjectStore
import ServiceHost

extension HealthMonitorService {
    /// Puts the monitor of a worker together, with its first look done.
    package static func assemble(
        _ configuration: HealthMonitorConfiguration, _ worker: Worker
    ) async throws -> HealthMonitorService {
        let client = try worker.httpClient()
        var probes: [Component: any HealthProbe] = [:]
        for component in Component.workers {
            probes[component] = try workerProbe(component, configuration, worker, client)
        }
        // Without retries: a failure is the news, not something to hide.
        let store = try configuration.objectStore.openWithoutRetries(http: client, counting: worker.storeRequests)
        probes[.r2] = ObjectStoreHealthProbe(
            store, bucket: configuration.objectStore.catalogBucket,
            timeoutMilliseconds: configuration.storeTimeoutMilliseconds)
        var notifier: WebhookNotifier?
        if !configuration.webhooks.isEmpty {
            notifier = WebhookNotifier(
                urls: configuration.webhooks, client: client, triesMax: configuration.webhookTriesMax,
                logger: worker.logger)
        }
        let service = HealthMonitorService(
            probes: probes, intervalMilliseconds: configuration.intervalMilliseconds,
            stateFile: configuration.stateFile, notifier: notifier, logger: worker.logger, metrics: worker.metrics)
        await service.restore()
        worker.every("health round", milliseconds: configuration.intervalMilliseconds) { await service.look() }
        if let notifier { worker.background("webhooks") { await notifier.run() } }
        await service.look()
        return service
    }

    /// By binding, else at the URL given, else, in development, at the worker's default port.
    private static func workerProbe(
        _ component: Component, _ configuration: HealthMonitorConfiguration, _ worker: Worker, _ client: any HTTPClient
    ) throws -> any HealthProbe {
        guard let identity = component.identity else { return UnreachableProbe(reason: "not a worker") }
        let timeout = configuration.timeoutMilliseconds
        if let binding = try worker.binding(identity.binding) {
            return WorkerProbe(binding, timeoutMilliseconds: timeout)
        }
        let local = worker.environment == .development ? EndpointURL("http://127.0.0.1:\(identity.defaultPort)") : nil
        if let url = configuration.urls[component] ?? local {
            return WorkerProbe(url, client: client, timeoutMilliseconds: timeout)
        }
        let variable = "HEALTH_\(component.rawValue.uppercased())_URL"
        return UnreachableProbe(
            reason: "BINDINGS_FILE has no binding \(identity.binding), and \(variable) is not set")
    }
}
