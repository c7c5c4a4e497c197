import Catalog
import IcebergCatalog
import IcebergSpec
import Synchronization

/// Runs whole worlds of the catalog from seeds: replicas, clients, a network that loses and delays, a store, deaths.
package final class CatalogSimulation: Sendable {
    /// How long faults last, and how long everything may take afterwards, in microseconds of the world.
    private static let trouble: Int64 = 1_500_000
    private static let recovery: Int64 = 60_000_000
    private static let stepsMax = 400_000

    private let world: CatalogWorld
    private let replicas: [CatalogReplica]
    private let running = Mutex(0)

    package static func run(
        seed: UInt64, mistake: CatalogMistake? = nil, tracing: Bool = false
    ) throws -> SimulationResult {
        let simulation = try CatalogSimulation(seed: seed, mistake: mistake, tracing: tracing)
        simulation.run()
        return simulation.result
    }

    private init(seed: UInt64, mistake: CatalogMistake?, tracing: Bool) throws {
        let world = try CatalogWorld(seed: seed, mistake: mistake, tracing: tracing)
        self.world = world
        replicas = (0..<world.plan.replicas).map { CatalogReplica("r\($0)", world) }
    }

    private var result: SimulationResult {
        let records = world.records.withLock { $0 }
        let acknowledged = records.filter { if case .acknowledged = $0.outcome { true } else { false } }
        return SimulationResult(
            seed: world.seed, findings: world.findings.all, trace: world.trace.kept, steps: world.executor.steps,
            digest: world.executor.digest &+ world.fates.next(), acknowledged: acknowledged.count,
            snapshots: world.journal.chains.values.joined().count)
    }

    private func run() {
        spawn { await self.prepare() }
        rest(Self.recovery, "the beginning")
        for replica in replicas { replica.start() }
        for number in 0..<world.plan.clients {
            spawn { await CatalogClient(name: "c\(number)", replicas: self.replicas, world: self.world).run() }
        }
        spawn { await self.trim() }
        spawn { await self.purge() }
        _ = world.executor.run(until: world.executor.now + Self.trouble, stepsMax: Self.stepsMax) { isDone }
        world.heal()
        for replica in replicas { replica.spare() }
        rest(Self.recovery, "everything works")
        // Late requests arrive; then a new replica settles whatever is undecided.
        _ = world.executor.run(until: world.executor.now + 1_000_000, stepsMax: Self.stepsMax)
        spawn { await self.settle() }
        rest(Self.recovery, "everybody was answered")
        spawn { await CatalogJudge(self.world).judge() }
        rest(Self.recovery, "judging began")
    }

    private var isDone: Bool { running.withLock { $0 == 0 } }

    private func spawn(_ body: @escaping @Sendable () async -> Void) {
        running.withLock { $0 += 1 }
        world.executor.spawn {
            await body()
            self.running.withLock { $0 -= 1 }
        }
    }

    /// Liveness: what goes on now ends in bounded time.
    private func rest(_ microseconds: Int64, _ since: String) {
        _ = world.executor.run(until: world.executor.now + microseconds, stepsMax: Self.stepsMax) { isDone }
        if !isDone { world.findings.add("no rest since \(since)") }
    }

    private func prepare() async {
        do {
            let service = try world.service(on: world.journal)
            _ = try await service.createNamespace(world.namespace, properties: [:], CatalogService.Request())
            let hasViews = world.plan.viewWeights.contains { $0 > 0 }
            for name in world.tables where world.fates.chance(750) {
                if hasViews, world.fates.chance(600) {
                    let wish = CatalogViewWish(wish: .createView(name), number: 1, world: world)
                    _ = try await wish.ask(CatalogService.Request())(service)
                } else {
                    _ = try await service.createTable(name, try world.creation([:]), CatalogService.Request())
                }
            }
        } catch {
            world.findings.add("nothing can be made: \(error)")
        }
    }

    /// Trims all registers now and then, by some replica, most times after days.
    private func trim() async {
        let retention = RegisterRetention(versions: world.plan.keptVersions, days: 1)
        for _ in 0..<world.plan.trims {
            await world.executor.sleep(microseconds: Int64(world.fates.below(80_000)))
            if world.fates.chance(700) { world.passDays() }
            for table in world.tables {
                let replica = world.fates.pick(replicas)
                _ = await replica.take { (service) async throws(CatalogError) in
                    try await service.registers.trim(try RegisterChain.table(table), retention)
                    return .done
                }
            }
        }
    }

    /// Looks now and then what is to be purged, on some replica, at times after days.
    private func purge() async {
        for _ in 0..<world.plan.purges {
            await world.executor.sleep(microseconds: Int64(world.fates.below(120_000)))
            if world.fates.chance(500) { world.passDays() }
            let replica = world.fates.pick(replicas)
            _ = await replica.take { (service) async throws(CatalogError) in
                _ = try await service.runPurges()
                return .done
            }
        }
    }

    /// Every table and view can be committed to, and purges that were cut short are finished.
    private func settle() async {
        for name in world.tables {
            do {
                try await settle(name, on: try world.service(on: world.journal))
            } catch {
                world.findings.add("\(name) takes no commit: \(error)")
            }
        }
        await finishPurges()
    }

    private func settle(_ name: TableIdentifier, on service: CatalogService) async throws {
        let mark = ["settled": "1"]
        do throws(CatalogError) {
            let change = CatalogService.TableChange(
                identifier: name, requirements: [], updates: [.setProperties(mark)])
            _ = try await service.commit(change, CatalogService.Request())
            return
        } catch {
            guard error.code == .noSuchTable else { throw error }
        }
        do throws(CatalogError) {
            let change = CatalogService.ViewChange(
                identifier: name, requirements: [], updates: [.setProperties(mark)])
            _ = try await service.commit(change, CatalogService.Request())
        } catch {
            guard error.code == .noSuchView else { throw error }
        }
    }

    private func finishPurges() async {
        guard world.plan.purges > 0 else { return }
        for _ in 0..<4 { world.passDays() }
        do {
            let report = try await world.service(on: world.journal).runPurges()
            for (table, reason) in report.failed + report.skipped {
                world.findings.add("\(table) is not purged: \(reason)")
            }
        } catch {
            world.findings.add("purges do not run: \(error)")
        }
    }
}
