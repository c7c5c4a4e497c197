import Catalog
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// Everything outside the replicas of a catalog: network, object store, and what its clients were told.
final class CatalogWorld: Sendable {
    let seed: UInt64
    let plan: CatalogPlan
    let mistake: CatalogMistake?
    let executor: SimulatedExecutor
    let trace: SimulatedTrace
    let findings: SimulatedFindings
    let journal: CatalogJournal
    let storeNetwork: SimulatedNetwork
    let clientNetwork: SimulatedNetwork
    let clock: SimulatedClock
    /// For what is decided about programs from outside.
    let fates: SimulatedRandom
    let namespace: NamespaceName
    let tables: [TableIdentifier]
    let records = Mutex<[CatalogRecord]>([])
    private let wishes = Mutex<Int64>(100)
    private let healing = Mutex(false)

    static let tablesBucket = "analytics-source"
    static let catalogBucket = "analytics-catalog"

    init(seed: UInt64, mistake: CatalogMistake?, tracing: Bool) throws {
        self.seed = seed
        self.mistake = mistake
        plan = CatalogPlan(SimulatedRandom(seed: seed, 11))
        executor = SimulatedExecutor(seed: seed &+ 0xCA7A)
        trace = SimulatedTrace(executor, isKept: tracing)
        findings = SimulatedFindings(trace)
        fates = SimulatedRandom(seed: seed, 12)
        clock = SimulatedClock(executor)
        storeNetwork = SimulatedNetwork(executor, SimulatedRandom(seed: seed, 13), faults: plan.storeFaults, trace)
        clientNetwork = SimulatedNetwork(
            executor, SimulatedRandom(seed: seed, 14), faults: plan.clientFaults, timeoutMicroseconds: 250_000, trace)
        journal = CatalogJournal(clock: clock, executor: executor, findings: findings)
        let namespace = try NamespaceName(["n"])
        self.namespace = namespace
        tables = try (0..<plan.tables).map { try TableIdentifier(namespace, "t\($0)") }
    }

    var isHealing: Bool { healing.withLock { $0 } }

    /// From here on everything works.
    func heal() {
        healing.withLock { $0 = true }
        storeNetwork.heal()
        clientNetwork.heal()
        trace.note("everything works from here on")
    }

    /// Two days in which nobody did anything; what was under way goes on afterwards.
    func passDays() {
        executor.pass(microseconds: 2 * 24 * 3_600_000_000)
        journal.noteLeap()
        trace.note("two days later")
    }

    func newWish() -> Int64 {
        wishes.withLock { last in
            last += 1
            return last
        }
    }

    func note(_ record: CatalogRecord) {
        trace.note("\(record)")
        records.withLock { $0.append(record) }
    }

    /// A replica's code on what `store` shows it.
    func service(on store: any ObjectStore, skewSeconds: Int = 0) throws -> CatalogService {
        let warehouse = try Warehouse(
            name: "analytics", defaultBucket: try BucketName(Self.tablesBucket), buckets: [], store: store,
            clientConfig: [:])
        return CatalogService(
            warehouse: warehouse, catalogBucket: try BucketName(Self.catalogBucket),
            clock: SimulatedClock(executor, skewMicroseconds: Int64(skewSeconds) * 1_000_000),
            dropRetentionHours: plan.dropRetentionHours)
    }

    func creation(_ properties: [String: String]) throws -> CatalogService.Creation {
        var properties = properties
        properties["commit.gate.level"] = "list"
        if plan.rebases { properties["commit.rebase.enabled"] = "true" }
        return CatalogService.Creation(
            creation: TableCreation(schema: try schema(), properties: properties), isStaged: false)
    }

    func schema() throws -> Schema { try Schema(fields: [.required(1, "id", .string)]) }
}
