import CatalogAccess
import Clocks
import Committing
import Configuration
import HTTP
import IcebergCatalog
import ObjectStore
import Schemas
import ServiceHost
import WriteAheadLog

/// Everything the collector does with schemas: judging events, following the registry, feeding typed tables.
package final class CollectorSchemas: Sendable {
    package static let tickMilliseconds = 250
    /// How long a start waits for a registry that does not refuse the connection and does not answer either.
    private static let startMilliseconds = 3000

    let gate: SchemaGate
    private let sync: SchemaSync
    private let tables: TypedTables

    /// Wires the parts; nothing is asked or read before `start`.
    init(
        _ configuration: CollectorConfiguration, _ log: WriteAheadLog, _ lives: LogLives, _ store: any ObjectStore,
        _ metrics: CollectorMetrics, _ worker: Worker
    ) throws {
        let gate = SchemaGate(evolves: configuration.evolvesSchema)
        let tables = TypedTables(configuration, log, lives, store, metrics, worker)
        self.gate = gate
        self.tables = tables
        sync = SchemaSync(
            SchemaSync.Configuration(
                cachePath: "\(configuration.logDirectory)/schemas.json",
                refreshMilliseconds: Int64(configuration.schemas.refreshMilliseconds),
                evolutionMilliseconds: Int64(configuration.schemas.evolutionMilliseconds),
                definitions: try configuration.schemas.definitions(
                    reserved: [configuration.catalog.table, configuration.quarantineTable].compactMap { $0?.name })),
            registry: try Self.registry(configuration, worker), gate: gate, metrics: SchemaMetrics(worker.metrics),
            logger: worker.logger
        ) { schemas in await tables.follow(schemas) }
    }

    /// The registry that is named, else the catalog's over its binding.
    private static func registry(
        _ configuration: CollectorConfiguration, _ worker: Worker
    ) throws -> SchemaRegistryClient? {
        if let url = configuration.schemas.registry {
            return SchemaRegistryClient(
                transport: CatalogTransport(
                    client: try worker.httpClient(), baseURL: url.description,
                    token: configuration.schemas.token?.revealed))
        }
        guard let binding = try worker.binding(BindingName.catalog) else { return nil }
        return SchemaRegistryClient(
            transport: CatalogTransport { (request) async throws(HTTPClientError) in try await binding.send(request) })
    }

    /// From here on events are judged, by what the last life knew at least.
    func start(feeding pipeline: EventPipeline) async throws {
        tables.feed(pipeline)
        try await sync.start()
        let sync = sync
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await sync.tick() }
            group.addTask {
                do { try await SystemClock().sleep(milliseconds: Self.startMilliseconds) } catch {}
            }
            await group.next()
            group.cancelAll()
        }
    }

    func tick() async { await sync.tick() }

    func status() async -> (sync: SchemaSync.Status, tables: [TypedTables.Status]) {
        (await sync.status, tables.status)
    }
}
