/// The version of the suite: every worker is released with it.
package enum Release {
    package static let version = "1.0.0"
}

/// Which of the suite's workers a process is.
package struct WorkerIdentity: Hashable, Sendable {
    /// The executable: `analytics-collector`.
    package let program: String
    /// The deployed name without the environment: `analytics-event-collector`.
    package let service: String
    /// The name others call it by: `ANALYTICS`.
    package let binding: String
    package let defaultPort: Int
    /// One line for `--help`.
    package let summary: String
    /// Variables with further API keys, which may not administer, besides `ANALYTICS_API_KEY`, which may.
    package var keyListVariables: [String] = []
    /// The variable that names a file of further keys, if there is one.
    package var keyFileVariable: String?
    /// Whether the keys of that file have roles, which the service gives a meaning.
    package var keysHaveRoles = false
    /// Whether pages of other origins are its usual callers: they may then send credentials, which beacons always do.
    package var isForPages = false
    /// Secrets that prove callers in another way: with one of them set, a key is not needed. Without any, staging and
    /// production refuse to start.
    package var keyAlternatives: [String] = []

    package init(program: String, service: String, binding: String, defaultPort: Int, summary: String) {
        self.program = program
        self.service = service
        self.binding = binding
        self.defaultPort = defaultPort
        self.summary = summary
    }

    package static let collector: WorkerIdentity = {
        var identity = WorkerIdentity(
            program: "analytics-collector", service: "analytics-event-collector", binding: BindingName.collector,
            defaultPort: 3000, summary: "accepts CloudEvents and writes them to an Apache Iceberg table")
        identity.keyListVariables = ["ALLOWED_WRITE_KEYS"]
        identity.keyFileVariable = "WRITE_KEYS_FILE"
        identity.isForPages = true
        return identity
    }()
    package static let catalog: WorkerIdentity = {
        var identity = WorkerIdentity(
            program: "analytics-catalog", service: "analytics-catalog", binding: BindingName.catalog,
            defaultPort: 8181, summary: "serves the Apache Iceberg REST catalog")
        identity.keyAlternatives = ["CATALOG_TOKENS", "CATALOG_CLIENTS"]
        identity.keyFileVariable = "CATALOG_KEYS_FILE"
        identity.keysHaveRoles = true
        return identity
    }()
    package static let compaction = WorkerIdentity(
        program: "analytics-compaction", service: "analytics-compaction", binding: BindingName.compaction,
        defaultPort: 8282, summary: "rewrites small files, expires snapshots, removes orphan files")
    package static let api = WorkerIdentity(
        program: "analytics-api", service: "analytics-api", binding: BindingName.api, defaultPort: 4000,
        summary: "answers GraphQL and SQL queries")
    package static let health = WorkerIdentity(
        program: "analytics-health", service: "analytics-health", binding: BindingName.health, defaultPort: 8383,
        summary: "watches the other workers and the object storage")
}

/// The names of the service bindings.
package enum BindingName {
    package static let collector = "ANALYTICS"
    package static let catalog = "ANALYTICS_CATALOG"
    package static let compaction = "ANALYTICS_COMPACTION"
    package static let api = "ANALYTICS_API"
    package static let health = "ANALYTICS_HEALTH"
}
