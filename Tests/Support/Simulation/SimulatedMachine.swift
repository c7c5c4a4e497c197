import Batching
import Clocks
import Collector
import Committing
import Events
import Files
import IcebergCatalog
import JSONFormat
import Synchronization
import WriteAheadLog

/// A machine with a disk, on which one life of the collector follows the other.
package final class SimulatedMachine: Sendable {
    private struct State {
        var collector: SimulatedCollector?
        var isStopping = false
        var hasHalted = false
    }

    package let name: String
    package let disk: SimulatedDisk
    private let world: SimulatedWorld
    private let state = Mutex(State())
    /// There is another one with its log: one of the two has to give way.
    private let mayHalt: Bool
    private let isCutOffAtFirst: Bool
    let promises: SimulatedPromises

    package init(
        _ name: String, _ disk: SimulatedDisk, _ world: SimulatedWorld, mayHalt: Bool, isCutOffAtFirst: Bool = false
    ) {
        self.name = name
        self.disk = disk
        self.world = world
        self.mayHalt = mayHalt
        self.isCutOffAtFirst = isCutOffAtFirst
        promises = SimulatedPromises(intervalMilliseconds: world.plan.syncIntervalMilliseconds)
    }

    package var hasHalted: Bool { state.withLock { $0.hasHalted } }

    /// Whether all that is durable is in the event table, or never will be.
    package var isDone: Bool { hasHalted || collector?.isDone ?? false }

    /// It commits nothing any more before an operator has looked.
    fileprivate func halt(_ process: SimulatedProcess, _ why: String) {
        world.trace.note("\(process.name) has halted: \(why)")
        if !mayHalt { world.findings.add("\(process.name) has halted: \(why)") }
        state.withLock { $0.hasHalted = true }
        stop()
    }

    /// Ids of the events in the log's files.
    package func idsInLog() -> Set<String> {
        var ids: Set<String> = []
        do {
            let storage = disk.mounted(by: SimulatedProcess("reader", world.trace))
            let log = try LogWriter<Void>(storage: storage, world.programs)
            for (_, record) in try log.records(from: 0, bytesMax: .max) {
                ids.formUnion(try EventRecord.events(record).map(\.id))
            }
        } catch {
            world.findings.add("\(name): the log cannot be read: \(error)")
        }
        return ids
    }

    /// The present life, if there is one.
    package var collector: SimulatedCollector? {
        state.withLock { $0.collector }.flatMap { $0.process.isAlive ? $0 : nil }
    }

    package func stop() {
        let collector = state.withLock { state in
            state.isStopping = true
            return state.collector
        }
        collector?.process.die(.kill)
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Starts one life after the other, until stopped.
    package func run(deaths: Int) async {
        var lives = 0
        while !isStopping {
            lives += 1
            let process = newLife(lives, isLast: lives > deaths)
            do throws(LogError) {
                let collector = try SimulatedCollector(on: self, process, world)
                state.withLock { $0.collector = collector }
                await collector.run()
            } catch {
                judge(error, process)
                process.die(.kill)
            }
            // Until the supervisor has noticed.
            await world.sleep(milliseconds: world.fates.within(1...30))
        }
    }

    private func newLife(_ number: Int, isLast: Bool) -> SimulatedProcess {
        let steps = isLast || world.isHealing ? nil : world.fates.below(world.plan.stepsOfLife)
        let death: SimulatedProcess.Death = world.fates.chance(world.plan.powerLossPerThousand) ? .powerLoss : .kill
        let process = SimulatedProcess(
            "\(name).\(number)", steps: steps, death: death, isCutOff: isCutOffAtFirst && number == 1, world.trace)
        process.onDeath { [disk, promises, world] death in
            let forgiven = promises.end(with: death, at: world.executor.now)
            if !forgiven.isEmpty { world.trace.note("may lose \(forgiven.sorted().joined(separator: " "))") }
            world.ledger.withLock { $0.forgiven.formUnion(forgiven) }
            if death == .powerLoss { disk.losePower() }
        }
        world.trace.note("\(process.name) starts")
        return process
    }

    private func judge(_ error: LogError, _ process: SimulatedProcess) {
        world.trace.note("\(process.name) cannot open its log: \(error)")
        if error.code == .corrupt && process.isAlive { world.findings.add("\(name): the log is refused: \(error)") }
    }
}

/// One life of the collector: the real intake, log, pipeline and committer.
package final class SimulatedCollector: Sendable {
    package let process: SimulatedProcess
    package let log: SimulatedLog
    package let intake: EventIntake
    package let pipeline: EventPipeline
    private let clock: SimulatedClock
    private let machine: SimulatedMachine
    private let world: SimulatedWorld
    private let sideTable: PipelineTarget?
    /// Milliseconds of its life without the second table; nil: all of it, while there are faults.
    private let sideTableWait: Int?
    private let isSideTableFed = Mutex(false)

    /// Opens as `CollectorService` does.
    init(on machine: SimulatedMachine, _ process: SimulatedProcess, _ world: SimulatedWorld) throws(LogError) {
        self.process = process
        self.machine = machine
        self.world = world
        let skew = world.plan.skewSeconds
        let clock = SimulatedClock(
            world.executor, skewMicroseconds: Int64(world.fates.within(-skew...skew)) * 1_000_000)
        self.clock = clock
        let storage = machine.disk.mounted(by: process)
        var configuration = WriteAheadLog.Configuration()
        configuration.segmentBytesMax = world.plan.segmentBytes
        if let milliseconds = world.plan.syncIntervalMilliseconds {
            configuration.sync = .interval(milliseconds: milliseconds)
        }
        let log = try SimulatedLog(
            storage: storage, configuration: configuration, identities: world.identities(of: machine.name),
            world.executor, world.programs, bug: world.bug)
        self.log = log
        machine.promises.logWasOpened()
        let lives = try Self.lives(storage, log, world)
        let journal = DedupJournal(storage: storage)
        intake = EventIntake(
            parser: EventParser(secret: EventKeySecret(low: log.identity.secret.low, high: log.identity.secret.high)),
            log: log, window: try Self.window(journal, log, clock, world), clock: clock,
            beforeAppending: { () throws(FileError) in try lives.noteEnd() })
        let ports = world.ports(of: process)
        if world.bug == .passedOverForgotten { Self.forgetPassedOver(storage, world) }
        func target(_ table: TableIdentifier, _ filter: EventFilter) -> PipelineTarget {
            var committer = TableCommitter.Configuration(table: table, location: nil, logID: log.identity.id)
            committer.backoff = Backoff(baseMilliseconds: 4, maxMilliseconds: 60)
            committer.lives = lives
            committer.evolvesSchema = world.plan.makesTable
            let trouble = SinkTrouble(clock: clock)
            let sink = TableCommitter(
                committer, catalog: ports.catalog, store: ports.store, firstInLog: log.status.firstSequence,
                clock: clock, random: world.programs
            ) { trouble.report($0) }
            var limits = BatchLimits()
            limits.partitionEventsMax = world.plan.batchEvents
            limits.ageMillisecondsMax = Int64(world.plan.batchAgeMilliseconds)
            let claimsAll = world.bug == .claimTooWide && filter != .accepted
            return PipelineTarget(
                name: table.description, filter: filter,
                sink: claimsAll ? GreedySink(sink: sink, log: log) : sink, limits: limits, trouble: trouble)
        }
        pipeline = EventPipeline(
            EventPipeline.Configuration(commitIntervalMilliseconds: 0, dedupWindowSeconds: Self.windowSeconds),
            log: log, storage: storage, journal: journal, events: target(world.table, .accepted), clock: clock,
            random: world.programs)
        sideTable = world.sideTable.map { target($0, .type("t0")) }
        let wait = world.plan.leavesSideTableOut ? world.fates.pick([0, 0, 60, 250, nil, nil]) : 0
        sideTableWait = world.isHealing ? 0 : wait
        if sideTableWait == 0 { feedSideTable() }
        log.start(
            onPoison: { [promises = machine.promises] in promises.logHasFailed(at: world.executor.now) },
            sink: { [pipeline] sequence, payload in pipeline.take(sequence, payload) })
    }

    private func feedSideTable() {
        guard let sideTable, !isSideTableFed.withLock({ $0 }) else { return }
        isSideTableFed.withLock { $0 = true }
        world.trace.note("\(process.name) feeds \(sideTable.name)")
        pipeline.add(sideTable)
    }

    /// Whether each table of the world gets what is for it.
    package var feedsAll: Bool { sideTable == nil || isSideTableFed.withLock { $0 } }

    /// The tables without which the log does not go: those that have said where they are.
    var tablesBegun: [TableIdentifier] {
        if sideTableWait == 0 { return world.tables }
        let hasBegun = pipeline.status.others.contains { $0.committedThrough != nil || $0.halted != nil }
        return hasBegun ? world.tables : [world.table]
    }

    private static let windowSeconds: Int64 = 86_400

    private static func lives(
        _ storage: any LogStorage, _ log: SimulatedLog, _ world: SimulatedWorld
    ) throws(LogError) -> LogLives {
        if world.bug == .endsForgotten { forgetEnds(storage, world) }
        do throws(CommitError) {
            return try LogLives(storage: storage, logEnd: log.status.syncedThrough, random: world.programs)
        } catch {
            throw LogError(error.code == .contradiction ? .corrupt : .failed, error.message)
        }
    }

    /// As a release that does not keep which tables the log went on without.
    private static func forgetPassedOver(_ storage: any LogStorage, _ world: SimulatedWorld) {
        do {
            guard try storage.list().contains("targets.json"),
                case .object(var content) = try JSONValue.parse(storage.read("targets.json"))
            else { return }
            content["passed_over"] = nil
            try storage.writeAtomically("targets.json", JSONValue.object(content).serialized())
        } catch {
            world.trace.note("the targets cannot be changed: \(error)")
        }
    }

    /// Leaves the lives alone in their file.
    private static func forgetEnds(_ storage: any LogStorage, _ world: SimulatedWorld) {
        do {
            guard try storage.list().contains(LogLives.fileName) else { return }
            let bytes = try storage.read(LogLives.fileName)
            let lines = bytes.filter { $0 != 0 }.split(separator: 0x0A).filter { !$0.starts(with: Array("end ".utf8)) }
            let kept = lines.flatMap { $0 + [0x0A] }
            try storage.writeAtomically(
                LogLives.fileName, kept + [UInt8](repeating: 0, count: bytes.count - kept.count))
        } catch {
            world.trace.note("the lives cannot be changed: \(error)")
        }
    }

    private static func window(
        _ journal: DedupJournal, _ log: SimulatedLog, _ clock: SimulatedClock, _ world: SimulatedWorld
    ) throws(LogError) -> DedupWindow {
        var window = DedupWindow(windowSeconds: windowSeconds)
        if world.bug == .forgottenDuplicates { return window }
        for name in try journal.load(into: &window, now: clock.now().milliseconds / 1000) {
            world.findings.add("the keys \(name) are damaged")
        }
        for (_, record) in try log.records(from: 0, bytesMax: .max) {
            for key in try DedupJournal.keys(of: record) { _ = window.insert(key.key, at: key.seconds) }
        }
        return window
    }

    /// Until it dies, or its log must be opened anew.
    func run() async {
        let task = world.executor.spawn { [pipeline] in await pipeline.run() }
        var age = 0
        while process.isAlive {
            await world.sleep(milliseconds: 25)
            age += 25
            if world.isHealing { process.spare() }
            if world.isHealing || age >= sideTableWait ?? .max { feedSideTable() }
            if let why = log.status.poisoned {
                world.trace.note("\(process.name) is restarted: \(why)")
                process.die(.kill)
            }
            if process.isAlive, let why = halted { machine.halt(process, why) }
        }
        task.cancel()
        await task.value
    }

    private var halted: String? {
        let status = pipeline.status
        return status.halted ?? status.others.lazy.compactMap(\.halted).first
    }

    /// Whether all that is durable is in the tables, as far as the pipeline has read.
    package var isDone: Bool {
        let (status, log) = (pipeline.status, log.status)
        guard feedsAll, self.log.isSynced, log.queuedRecords == 0, status.queuedBytes == 0,
            let committed = status.committedThrough,
            committed >= log.syncedThrough
        else { return false }
        return status.others.allSatisfy {
            $0.committedThrough != nil && $0.bufferedBytes == 0 && $0.inFlightEvents == 0
        }
    }

    /// A request with events of these ids; whether it was answered that all are kept.
    func take(_ ids: [String]) async -> Bool {
        guard process.mayGoOn("takes \(ids.joined(separator: " "))") else { return false }
        let events = ids.map { #"{"specversion":"1.0","id":"\#($0)","type":"t\#($0.last ?? "x")","source":"s"}"# }
        do {
            let reply = try await intake.accept(
                EventRequest(contentType: "application/json", body: Array("[\(events.joined(separator: ","))]".utf8)),
                context: EventContext(receivedAt: clock.now()))
            guard process.mayGoOn("answers \(reply.accepted) \(reply.duplicates)"),
                reply.accepted + reply.duplicates == ids.count
            else { return false }
            machine.promises.make(ids, at: world.executor.now)
            world.ledger.withLock { $0.forgiven.subtract(ids) }
            return true
        } catch {
            world.trace.note("\(process.name) refuses: \(error)")
            return false
        }
    }
}
