import Configuration
import ObjectStore
import ServiceHost

/// What the health monitor watches, and how often.
package struct HealthMonitorConfiguration: ConfigurationSection, Sendable {
    package let intervalMilliseconds: Int
    package let timeoutMilliseconds: Int
    package let storeTimeoutMilliseconds: Int
    package let stateFile: String?
    package let webhooks: [EndpointURL]
    package let webhookTriesMax: Int
    /// Where a worker is asked when there is no binding for it.
    package let urls: [Component: EndpointURL]
    package let objectStore: ObjectStoreConfiguration

    package init(from reader: inout ConfigurationReader) {
        intervalMilliseconds = reader.duration(
            "HEALTH_INTERVAL_SECONDS", in: 100...3_600_000, default: 10_000, "time between two looks at everything")
        timeoutMilliseconds = reader.duration(
            "HEALTH_TIMEOUT_MS", in: 10...600_000, default: 3_000, "a worker that takes longer to answer is unhealthy")
        storeTimeoutMilliseconds = reader.duration(
            "HEALTH_STORE_TIMEOUT_MS", in: 10...600_000, default: 5_000,
            "a write, read and delete of the object storage that takes longer is unhealthy")
        stateFile = reader.optionalString(
            "HEALTH_STATE_FILE", "file that keeps history and uptime over restarts; without it they begin anew")
        var webhooks: [EndpointURL] = []
        for text in reader.list("HEALTH_WEBHOOK_URLS", "URLs that get a POST when a component changes") {
            if let url = EndpointURL(text), url.scheme == "http" || url.scheme == "https" {
                webhooks.append(url)
            } else {
                reader.refuse("HEALTH_WEBHOOK_URLS", "\"\(text)\" was given, allowed are http(s) URLs")
            }
        }
        self.webhooks = webhooks
        webhookTriesMax = reader.int(
            "HEALTH_WEBHOOK_TRIES", in: 1...20, default: 6, "tries to deliver one notification")
        var urls: [Component: EndpointURL] = [:]
        for component in Component.workers {
            urls[component] = reader.url(
                "HEALTH_\(component.rawValue.uppercased())_URL", "where to ask the \(component) without a binding")
        }
        self.urls = urls
        objectStore = ObjectStoreConfiguration(from: &reader)
    }
}

/// What is watched.
package enum Component: String, CaseIterable, Sendable, CustomStringConvertible {
    case collector, catalog, compaction, api, r2

    package static let workers: [Component] = [.collector, .catalog, .compaction, .api]

    package var description: String { rawValue }

    /// The worker's identity; nil for the object storage.
    package var identity: WorkerIdentity? {
        switch self {
        case .collector: .collector
        case .catalog: .catalog
        case .compaction: .compaction
        case .api: .api
        case .r2: nil
        }
    }
}
