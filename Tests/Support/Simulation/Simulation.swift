import Clocks
import Collector
import Events
import IcebergCatalog
import Synchronization
import WriteAheadLog

/// What became of one seed.
package struct SimulationResult: Sendable {
    package let seed: UInt64
    /// Empty when all is well.
    package let findings: [String]
    package let trace: [String]
    package let steps: Int
    package let digest: UInt64
    package let acknowledged: Int
    package let snapshots: Int
}

/// Runs whole worlds from seeds.
package struct Simulation: Sendable {
    /// How long faults last, and how long everything may take afterwards, in microseconds of the world.
    private static let trouble: Int64 = 1_500_000
    private static let recovery: Int64 = 60_000_000
    private static let stepsMax = 400_000

    private let world: SimulatedWorld
    private let machines: [SimulatedMachine]
    /// A copy of the first machine, once there is one.
    private let copy = Later()
    private let clientsLeft = Counter()

    /// - Parameters:
    ///   - bug: what is wrong with this world.
    ///   - tracing: keep what happens, line by line.
    package static func run(
        _ scenario: Scenario, seed: UInt64, bug: Mistake? = nil, tracing: Bool = false
    ) throws -> SimulationResult {
        let simulation = try Simulation(scenario, seed: seed, bug: bug, tracing: tracing)
        simulation.run()
        return simulation.result
    }

    private init(_ scenario: Scenario, seed: UInt64, bug: Mistake?, tracing: Bool) throws {
        let world = try SimulatedWorld(scenario, seed: seed, bug: bug, tracing: tracing)
        self.world = world
        machines = (0..<world.plan.collectors).map { number in
            let disk = world.newDisk(number)
            let machine = SimulatedMachine("m\(number)", disk, world, mayHalt: world.plan.copiesMachine)
            disk.onRemove { [unowned machine] name, files in
                let tables = machine.collector?.tablesBegun ?? world.tables
                Self.judgeRemoval(of: name, files, world, tables)
                if tables.count < world.tables.count { Self.excuse(files[name] ?? [], world, files) }
            }
            return machine
        }
    }

    private var result: SimulationResult {
        SimulationResult(
            seed: world.seed, findings: world.findings.all, trace: world.trace.kept, steps: world.executor.steps,
            digest: world.executor.digest &+ world.fates.next() &+ world.programs.next(),
            acknowledged: world.ledger.withLock { $0.acknowledged.count },
            snapshots: world.catalog.history(world.table).count)
    }

    // MARK: - The course of a world

    private func run() {
        let executor = world.executor
        clientsLeft.add(1)
        executor.spawn {
            await begin()
            clientsLeft.add(-1)
        }
        _ = executor.run(until: Self.trouble, stepsMax: Self.stepsMax) { clientsLeft.isDone }
        world.heal()
        for machine in everyMachine {
            machine.disk.heal()
            machine.collector?.process.spare()
        }
        rest("everything works")
        if world.plan.replacesMachine, world.findings.all.isEmpty { replaceMachine() }
        let judging = Counter()
        judging.add(1)
        excuseHalted()
        executor.spawn {
            await SimulationOracle(world: world).judge()
            judging.add(-1)
        }
        _ = executor.run(until: executor.now + Self.recovery, stepsMax: Self.stepsMax) { judging.isDone }
        end()
    }

    private func begin() async {
        if !world.plan.makesTable {
            do { try await world.makeTables() } catch { world.findings.add("the table cannot be made: \(error)") }
        }
        for machine in machines {
            world.executor.spawn { await machine.run(deaths: world.plan.deaths) }
            for client in 0..<world.plan.clientsPerCollector { start("\(machine.name)c\(client)", machine) }
        }
        if world.plan.copiesMachine, let machine = machines.first {
            clientsLeft.add(1)
            world.executor.spawn { await startCopy(of: machine) }
        }
        maintain("writer", world.plan.appends) { try await $0.append($1) }
        maintain("compactor", world.plan.compactions) { try await $0.compact($1) }
        maintain("expirer", world.plan.expirations) { try await $0.expire($1) }
        maintain("owner", world.plan.propertyChanges) { try await $0.setProperty($1) }
        if world.bug == .youngOrphansRemoved { maintain("cleaner", 4) { try await $0.removeOrphans($1) } }
    }

    private var everyMachine: [SimulatedMachine] { machines + (copy.machine.withLock { $0 }.map { [$0] } ?? []) }

    /// Restored from a backup, while the original may still run.
    private func startCopy(of machine: SimulatedMachine) async {
        await world.sleep(milliseconds: world.fates.within(5...120))
        let disk = machine.disk.copy(SimulatedRandom(seed: world.seed, 200))
        world.trace.note("a copy of \(machine.name)'s disk is made")
        await world.sleep(milliseconds: world.fates.below(150))
        let copied = SimulatedMachine("copy", disk, world, mayHalt: true, isCutOffAtFirst: world.plan.cutsCopyOff)
        copy.machine.withLock { $0 = copied }
        world.executor.spawn { await copied.run(deaths: world.plan.deaths) }
        start("copyc", copied)
        clientsLeft.add(-1)
    }

    private func start(_ name: String, _ machine: SimulatedMachine) {
        clientsLeft.add(1)
        world.executor.spawn {
            await SimulatedClient(name: name, machine: machine, world: world).run()
            clientsLeft.add(-1)
        }
    }

    private func maintain(
        _ name: String, _ times: Int, _ body: @escaping @Sendable (SimulatedMaintenance, Int) async throws -> Void
    ) {
        guard times > 0 else { return }
        let maintenance = SimulatedMaintenance(name, world)
        world.executor.spawn { await maintenance.repeatedly(times) { try await body(maintenance, $0) } }
    }

    /// Liveness: now that nothing fails, all that is acknowledged reaches the table in bounded time. Twice: requests that
    /// are still on their way may bring work.
    private func rest(_ since: String) {
        for _ in 0..<2 {
            let isRested = Counter()
            isRested.add(1)
            let watch = world.executor.spawn {
                while !Task.isCancelled {
                    await world.sleep(milliseconds: 10)
                    guard clientsLeft.isDone, everyMachine.allSatisfy(\.isDone) else { continue }
                    isRested.add(-1)
                    return
                }
            }
            _ = world.executor.run(until: world.executor.now + Self.recovery, stepsMax: Self.stepsMax) {
                isRested.isDone || !world.findings.all.isEmpty
            }
            watch.cancel()
            guard world.findings.all.isEmpty else { return }
            guard isRested.isDone else {
                let states = everyMachine.map { machine in
                    "\(machine.name): \(machine.collector.map { "\($0.pipeline.status)" } ?? "down")"
                }
                return world.findings.add("no rest since \(since): \(states.joined(separator: ", "))")
            }
            _ = world.executor.run(until: world.executor.now + 200_000, stepsMax: Self.stepsMax)
        }
    }

    /// The first machine is put out of service, all its events being in the table; another takes its place and its name.
    private func replaceMachine() {
        guard let machine = machines.first else { return }
        world.trace.note("\(machine.name) gets a new disk")
        machine.collector?.process.die(.kill)
        machine.disk.wipe()
        start("\(machine.name)n", machine)
        rest("\(machine.name) got a new disk")
    }

    /// What a machine accepted that has found out that another has its log's place lies in its log, and it says so.
    private func excuseHalted() {
        let halted = everyMachine.filter(\.hasHalted)
        if halted.count > 1 { world.findings.add("neither \(halted.map(\.name).joined(separator: " nor ")) goes on") }
        for machine in halted {
            let kept = machine.idsInLog()
            world.trace.note("\(machine.name) keeps \(kept.sorted().joined(separator: " "))")
            world.ledger.withLock { $0.acknowledged.subtract(kept) }
        }
    }

    /// So that nothing of the world is left: every program ends, and everyone who waits wakes up.
    private func end() {
        for machine in everyMachine { machine.stop() }
        _ = world.executor.run(until: .max, stepsMax: Self.stepsMax)
    }

    /// A segment goes only when all of it is in the tables that are fed.
    private static func judgeRemoval(
        of name: String, _ files: [String: [UInt8]], _ world: SimulatedWorld, _ tables: [TableIdentifier]
    ) {
        guard let first = LogFormat.firstSequence(ofSegment: name), files[name]?.count ?? 0 > 40, let id = logID(files)
        else { return }
        let later = files.keys.compactMap { LogFormat.firstSequence(ofSegment: $0) }.filter { $0 > first }.min()
        let watermark = world.watermark(of: id, in: tables) ?? 0
        guard let later, later - 1 <= watermark else {
            return world.findings.add("trimmed: \(name) goes, the table has the log up to \(watermark)")
        }
    }

    /// What the second table lacks of a segment that goes while it is left out it need not have.
    private static func excuse(_ segment: [UInt8], _ world: SimulatedWorld, _ files: [String: [UInt8]]) {
        guard let side = world.sideTable, let id = logID(files) else { return }
        let watermark = world.watermark(of: id, in: [side]) ?? 0
        var at = LogFormat.headerBytes
        while at + LogFormat.frameHeaderBytes < segment.count {
            let (length, sequence) = segment.withUnsafeBytes { raw in
                (
                    Int(raw.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self).littleEndian),
                    raw.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self).littleEndian
                )
            }
            at += LogFormat.frameHeaderBytes
            guard length > 0, at + length <= segment.count else { return }
            let record = Array(segment[at..<at + length])
            at += length
            guard sequence > watermark else { continue }
            do {
                let ids = try EventRecord.events(record).map(\.id)
                world.ledger.withLock { $0.passedOver.formUnion(ids) }
            } catch {
                world.findings.add("a record of a segment that goes cannot be read: \(error)")
            }
        }
    }

    private static func logID(_ files: [String: [UInt8]]) -> UUID? {
        files[LogFormat.identityName].flatMap { $0.count > 24 ? UUID(bytes: $0[8..<24]) : nil }
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)
    func add(_ count: Int) { value.withLock { $0 += count } }
    var isDone: Bool { value.withLock { $0 == 0 } }
}

private final class Later: Sendable {
    let machine = Mutex<SimulatedMachine?>(nil)
}
