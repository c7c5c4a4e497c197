import Clocks
import Events
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

/// Everything outside the programs: network, object store, catalog, and what has been said about events.
package final class SimulatedWorld: Sendable {
    package struct Ledger: Sendable {
        /// Ids of events that were sent, whatever became of them.
        package var sent: Set<String> = []
        /// Ids of events whose sender was told that they are kept.
        package var acknowledged: Set<String> = []
        /// Ids of events that left the log while the second table was left out.
        package var passedOver: Set<String> = []
        /// Ids of events that a power loss was allowed to take, though acknowledged.
        package var forgiven: Set<String> = []
    }

    package let seed: UInt64
    package let plan: SimulationPlan
    package let bug: Mistake?
    package let executor: SimulatedExecutor
    package let trace: SimulatedTrace
    package let findings: SimulatedFindings
    package let network: SimulatedNetwork
    package let bucket: MemoryObjectStore
    package let catalog: ModelCatalog
    package let table: TableIdentifier
    /// What the log feeds besides, with the events of one type.
    package let sideTable: TableIdentifier?
    /// For those outside; manifests never change.
    let reader: TableReader
    package let clock: SimulatedClock
    /// For what is decided about programs from outside: when they die, what clients send.
    package let fates: SimulatedRandom
    /// For the programs themselves: ids, waiting times.
    package let programs: SimulatedRandom
    package let ledger = Mutex(Ledger())
    private let healing = Mutex(false)

    package static let bucketName = "analytics-source"

    package init(_ scenario: Scenario, seed: UInt64, bug: Mistake? = nil, tracing: Bool = false) throws {
        self.seed = seed
        self.bug = bug
        plan = SimulationPlan(scenario, SimulatedRandom(seed: seed, 1))
        executor = SimulatedExecutor(seed: seed &+ 0x5EED)
        trace = SimulatedTrace(executor, isKept: tracing)
        findings = SimulatedFindings(trace)
        fates = SimulatedRandom(seed: seed, 2)
        programs = SimulatedRandom(seed: seed, 3)
        clock = SimulatedClock(executor)
        network = SimulatedNetwork(executor, SimulatedRandom(seed: seed, 4), faults: plan.network, trace)
        let bucket = MemoryObjectStore(clock: clock)
        self.bucket = bucket
        reader = TableReader(bucket)
        catalog = ModelCatalog(
            location: "s3://\(Self.bucketName)/analytics", clock: clock, isRacy: bug == .catalogWithoutSwap)
        table = try TableIdentifier(dotted: "analytics.events")
        sideTable = plan.hasSideTable ? try TableIdentifier(dotted: "analytics.side") : nil
    }

    package var isHealing: Bool { healing.withLock { $0 } }

    /// From here on everything works.
    package func heal() {
        healing.withLock { $0 = true }
        network.heal()
        trace.note("everything works from here on")
    }

    package func sleep(milliseconds: Int) async { await executor.sleep(microseconds: Int64(milliseconds) * 1000) }

    /// The table as the exact catalog has it now.
    package var current: TableMetadata? { catalog.history(table).last }

    /// How far the log is in these tables, wherever they say or said so.
    package func watermark(of log: UUID, in tables: [TableIdentifier]) -> UInt64? {
        let found = tables.map { watermark(of: log, in: $0) }
        return found.contains(nil) ? nil : found.compactMap(\.self).min()
    }

    package var tables: [TableIdentifier] { [table] + (sideTable.map { [$0] } ?? []) }

    private func watermark(of log: UUID, in table: TableIdentifier) -> UInt64? {
        let property = "analytics.log.\(log).committed"
        for state in catalog.history(table).reversed() {
            let said = [state.properties[property], state.currentSnapshot?.summary[property]].compactMap {
                $0.flatMap { UInt64($0) }
            }
            if let highest = said.max() { return highest }
        }
        return nil
    }

    // MARK: - The table

    /// A table of few columns, whose files are cheap: worlds are many.
    package func makeTables() async throws {
        let schema = try Schema(fields: [
            .required(1, "id", .string), .required(2, "type", .string), .required(3, "source", .string),
            .optional(4, "time", .timestamptz),
        ])
        let spec = PartitionSpec(fields: [
            PartitionField(sourceID: 2, fieldID: 1000, name: "type", transform: .identity),
            PartitionField(sourceID: 4, fieldID: 1001, name: "time_hour", transform: .hour),
        ])
        let creation = TableCreation(
            schema: schema, partitionSpec: spec,
            properties: [
                "write.parquet.compression-codec": "uncompressed",
                "commit.manifest.min-count-to-merge": "\(plan.manifestsToMerge)",
            ])
        for table in tables { _ = try await catalog.createTable(table, creation) }
    }
}
