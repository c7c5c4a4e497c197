import Catalog
import IcebergCatalog
import Synchronization

/// A replica: lives one after the other on the same object store, with nothing kept in between.
final class CatalogReplica: Sendable {
    private struct Life: Sendable {
        let process: SimulatedProcess
        let service: CatalogService
    }

    let name: String
    private let world: CatalogWorld
    private let life = Mutex<Life?>(nil)
    private let lives = Mutex(0)

    init(_ name: String, _ world: CatalogWorld) {
        self.name = name
        self.world = world
    }

    /// Starts the first life; each that ends is followed by another.
    func start() {
        let number = lives.withLock { count in
            count += 1
            return count
        }
        let mayDie = number <= world.plan.deaths && !world.isHealing
        let process = SimulatedProcess(
            "\(name).\(number)", steps: mayDie ? world.fates.below(world.plan.stepsOfLife) : nil, world.trace)
        do {
            let store = SimulatedStore(world.bucket(of: process), world.storeNetwork, process)
            let service = try world.service(
                on: world.stalled(world.altered(store)), skewSeconds: world.fates.below(world.plan.skewSeconds + 1))
            life.withLock { $0 = Life(process: process, service: service) }
        } catch {
            world.findings.add("\(name) does not start: \(error)")
        }
        process.onDeath { _ in
            self.life.withLock { $0 = nil }
            self.world.executor.spawn {
                await self.world.executor.sleep(microseconds: Int64(self.world.fates.below(30_000)))
                self.start()
            }
        }
    }

    func spare() { life.withLock { $0 }?.process.spare() }

    /// Nil when the replica is down, or dies before it answers.
    func take(
        _ body: @Sendable (CatalogService) async throws(CatalogError) -> CatalogReply
    ) async -> Result<CatalogReply, CatalogError>? {
        guard let life = life.withLock({ $0 }) else { return nil }
        let result: Result<CatalogReply, CatalogError>
        do throws(CatalogError) {
            result = .success(try await body(life.service))
        } catch {
            result = .failure(error)
        }
        return life.process.isAlive ? result : nil
    }
}
