import Clocks
import Files
import JSONFormat
import Schemas
import Telemetry

/// Keeps the gate's schemas those of the registry, brings to it what events change, and remembers all of it on disk, so that
/// a start without the registry knows what the last life knew.
///
/// Without a registry the collector keeps the versions itself: in the same file of the log directory.
actor SchemaSync {
    struct Configuration: Sendable {
        var cachePath: String
        var refreshMilliseconds: Int64
        var evolutionMilliseconds: Int64
        /// Schemas that need no registry.
        var definitions: [EventSchema]
    }

    struct Status: Sendable {
        var hasRegistry = false
        /// Why the registry could not be asked the last time.
        var trouble: String?
        var refreshedAt: Timestamp?
        var schemas: [RegisteredSchema] = []
    }

    private let configuration: Configuration
    private let registry: SchemaRegistryClient?
    private let gate: SchemaGate
    private let clock: any WallClock & MonotonicClock
    private let logger: Logger
    private let metrics: SchemaMetrics
    /// Told of every change: the tables follow.
    private let onChange: @Sendable ([EventSchema]) async -> Void

    private var schemas: [RegisteredSchema] = []
    private var etag: String?
    private var nextRefresh: Int64 = .min
    private var trouble: String?
    private var refreshedAt: Timestamp?

    init(
        _ configuration: Configuration, registry: SchemaRegistryClient?, gate: SchemaGate, metrics: SchemaMetrics,
        clock: any WallClock & MonotonicClock = SystemClock(), logger: Logger = .disabled,
        onChange: @escaping @Sendable ([EventSchema]) async -> Void
    ) {
        self.configuration = configuration
        self.registry = registry
        self.gate = gate
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
        self.onChange = onChange
    }

    var status: Status {
        Status(hasRegistry: registry != nil, trouble: trouble, refreshedAt: refreshedAt, schemas: schemas)
    }

    private var milliseconds: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

    // MARK: - Life

    /// Judges by what the last life knew, and by the definitions, before the first event comes.
    ///
    /// - Throws: when the file is damaged: going on without it could admit what a schema forbids.
    func start() async throws {
        let path = configuration.cachePath
        let cached = try await BlockingPool.shared.run { try SchemaCache.read(path) }
        if registry == nil {
            schemas = SchemaCache.local(configuration.definitions, cached)
        } else {
            schemas = cached.map(\.registered)
            let known = Set(schemas.map(\.schema.type))
            schemas += configuration.definitions.filter { !known.contains($0.type) }.map {
                RegisteredSchema(schema: $0, revision: 0)
            }
        }
        await apply()
    }

    /// Asks the registry when it is time, and brings what is pending to it. Called again and again.
    func tick() async {
        if let registry, milliseconds >= nextRefresh {
            nextRefresh = milliseconds + configuration.refreshMilliseconds
            await refresh(registry)
        }
        for gate in gate.gates {
            guard let (schema, revision) = gate.proposal(everyMilliseconds: configuration.evolutionMilliseconds) else {
                continue
            }
            await push(gate, schema, revision)
        }
    }

    // MARK: - Refreshing

    private func refresh(_ registry: SchemaRegistryClient) async {
        do throws(SchemaRegistryError) {
            switch try await registry.list(since: etag) {
            case .unchanged: break
            case .schemas(let found, let tag):
                let complete = try await registerDefinitions(registry, found)
                etag = complete.count == found.count ? tag : nil
                if complete != schemas {
                    schemas = complete
                    await apply()
                    await save()
                }
            }
            if trouble != nil { logger.info("the schema registry answers again") }
            trouble = nil
            refreshedAt = clock.now()
            metrics.refreshed()
        } catch {
            if trouble == nil {
                logger.warn(
                    "the schema registry cannot be asked; schemas stay as they were last known",
                    ["error": error.description])
            }
            trouble = error.description
            metrics.failed()
        }
    }

    /// Puts into the registry what needs none and is not there. What it does not take stays as it is defined.
    private func registerDefinitions(
        _ registry: SchemaRegistryClient, _ found: [RegisteredSchema]
    ) async throws(SchemaRegistryError) -> [RegisteredSchema] {
        let known = Set(found.map(\.schema.type))
        var complete = found
        for definition in configuration.definitions where !known.contains(definition.type) {
            // A subject made meanwhile by another collector is at revision 1 or more.
            switch try await registry.register(definition, onto: 0, withSettings: true) {
            case .registered(let registered): complete.append(registered)
            case .outdated:
                if let other = try await registry.load(definition.type) {
                    complete.append(other)
                } else if case .registered(let again) = try await registry.register(
                    definition, onto: nil, withSettings: true)
                {
                    // It was deleted, and is defined here.
                    complete.append(again)
                }
            case .refused(let why):
                logger.warn(
                    "the registry does not take a schema that is defined here", ["type": definition.type, "why": why])
                complete.append(RegisteredSchema(schema: definition, revision: 0))
            }
        }
        return complete.sorted { $0.schema.type < $1.schema.type }
    }

    // MARK: - Evolution

    private func push(_ gate: TypeGate, _ schema: EventSchema, _ revision: Int64) async {
        guard let registry else { return await adopt(RegisteredSchema(schema: schema, revision: 0)) }
        do throws(SchemaRegistryError) {
            // A definition that the registry does not have yet: refreshing puts it there first.
            guard revision > 0 else {
                nextRefresh = .min
                return
            }
            switch try await registry.register(schema, onto: revision, withSettings: false) {
            case .registered(let registered):
                metrics.evolved()
                logger.info(
                    "the schema of a type has a new version",
                    ["type": schema.type, "version": registered.schema.version])
                await adopt(registered)
            case .outdated:
                guard let newer = try await registry.load(schema.type) else {
                    nextRefresh = .min
                    return
                }
                await adopt(newer)
            case .refused(let why):
                logger.warn("the registry refuses a wider schema", ["type": schema.type, "why": why])
                metrics.refused()
                do throws(SchemaError) { try gate.refuse() } catch { logger.error("\(error)", ["type": schema.type]) }
            }
        } catch {
            metrics.failed()
            if trouble == nil { logger.warn("a wider schema waits for the registry", ["error": error.description]) }
            trouble = error.description
        }
    }

    private func adopt(_ registered: RegisteredSchema) async {
        schemas = schemas.filter { $0.schema.type != registered.schema.type } + [registered]
        schemas.sort { $0.schema.type < $1.schema.type }
        if registry == nil {
            metrics.evolved()
            logger.info(
                "the schema of a type has a new version",
                ["type": registered.schema.type, "version": registered.schema.version])
        }
        await apply()
        await save()
    }

    private func apply() async {
        for problem in gate.install(schemas) {
            logger.error(
                "a registered schema cannot be used; events of its type are judged as before, or not at all",
                ["type": problem.type, "error": problem.error.description])
        }
        await onChange(schemas.map(\.schema))
    }

    private func save() async {
        let (path, all, definitions) = (configuration.cachePath, schemas, configuration.definitions)
        do {
            try await BlockingPool.shared.run { try SchemaCache.write(path, all, definitions) }
        } catch {
            logger.warn("the schemas cannot be kept on disk", ["path": path, "error": "\(error)"])
        }
    }
}
