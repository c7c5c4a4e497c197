import Clocks
import Committing
import Testing

/// Every state that two committers, a compactor, a network and crashes can get into together, as far as a few failures
/// each let them go: `CommitMachine` is pure, so the whole of it can be walked.
struct CommitStatesTests {
    @Test func `no order of events loses or doubles a record`() {
        var search = Search(isPinned: true)
        search.run()
        #expect(search.problems.isEmpty, "\(search.problems.prefix(3))")
        #expect(search.ends > 0, "some order must come to an end")
        #expect(search.seen.count > 20_000, "\(search.seen.count) states are too few to mean anything")
    }

    /// That the walk would see it: the same with commits that land on whatever the table is by then.
    @Test func `commits that are not pinned to their base double records in some order`() {
        var search = Search(isPinned: false)
        search.run()
        #expect(search.problems.contains { $0.contains("twice") })
    }
}

/// The table, what is on its way to it, and the writers.
private struct World: Hashable {
    struct Request: Hashable {
        let writer: Int
        let base: Int
        let first: UInt64
        let last: UInt64
        let mark: CommitMark?
    }

    var version = 0
    /// By writer: what the table says, and how many times it has each record.
    var watermarks = [UInt64?](repeating: nil, count: 2)
    var marks = [CommitMark?](repeating: nil, count: 2)
    var records = [[Int]](repeating: [0, 0, 0], count: 2)
    var requests: [Request] = []
    var writers = [Writer(number: 0), Writer(number: 1)]
    var compactions = 1
}

/// One log of three records and the machine that commits them, one batch at a time: first the first, then the rest.
private struct Writer: Hashable {
    let number: Int
    var lives: [UUID] = []
    var machine = CommitMachine(firstInLog: 1)
    var pending: [CommitMachine.Effect] = []
    /// What the machine waits for.
    var waits = Wait.start
    var base = 0
    var batch: ClosedRange<UInt64> = 1...1
    var finished: UInt64 = 0
    /// The first writer crashes and fails once at any point, the other not at all: with more there are more states than a
    /// test has time for.
    var crashesLeft: Int
    var failuresLeft: Int

    enum Wait: Hashable { case start, load, store, commit, done, stopped }

    init(number: Int) {
        self.number = number
        crashesLeft = number == 0 ? 1 : 0
        failuresLeft = number == 0 ? 1 : 0
        live()
    }

    /// A new life, which knows those before it; all three records are in the log.
    private mutating func live() {
        let life = UUID(high: UInt64(number), low: UInt64(lives.count))
        let ended = Dictionary(uniqueKeysWithValues: lives.map { ($0, 3 as UInt64) })
        machine = CommitMachine(
            firstInLog: 1, fence: CommitFence(life: life, predecessors: ended, logEnd: 3))
        lives.append(life)
    }

    mutating func handle(_ input: CommitMachine.Input) {
        pending = machine.handle(input)
        while let effect = pending.first {
            pending.removeFirst()
            switch effect {
            case .wait: continue
            case .load: waits = .load
            case .store: waits = .store
            case .commit: waits = .commit
            case .finish(let watermark), .restart(let watermark):
                finished = watermark
                waits = watermark >= 3 ? .done : .start
            case .stop: waits = .stopped
            }
        }
    }

    mutating func begin() {
        batch = finished + 1...(finished == 0 ? 1 : 3)
        handle(.begin(first: batch.lowerBound, last: batch.upperBound, token: batch.upperBound))
    }

    /// The log is all that is left; a new life begins with what the table says, and may gather otherwise.
    mutating func crash(reading watermark: UInt64?, whole: Bool) {
        live()
        finished = watermark ?? 0
        crashesLeft -= 1
        waits = finished >= 3 ? .done : .start
        guard waits == .start, whole else { return }
        batch = finished + 1...3
        handle(.begin(first: batch.lowerBound, last: 3, token: 3))
    }
}

private struct Search {
    let isPinned: Bool
    var seen: Set<World> = []
    var problems: [String] = []
    var ends = 0

    init(isPinned: Bool) { self.isPinned = isPinned }

    mutating func run() {
        var open = [World()]
        while let world = open.popLast(), problems.count < 5 {
            guard seen.insert(world).inserted else { continue }
            judge(world)
            let next = successors(of: world)
            if next.isEmpty { judgeEnd(world) }
            open += next
        }
    }

    private mutating func judge(_ world: World) {
        for (writer, records) in world.records.enumerated() {
            if records.contains(where: { $0 > 1 }) { problems.append("a record of \(writer) twice: \(world)") }
            let committed = Int(world.writers[writer].finished)
            if records.prefix(committed).contains(0) { problems.append("\(writer) believes too much: \(world)") }
            if world.writers[writer].waits == .stopped { problems.append("\(writer) has stopped: \(world)") }
        }
    }

    private mutating func judgeEnd(_ world: World) {
        ends += 1
        if world.records != [[1, 1, 1], [1, 1, 1]] { problems.append("records are missing: \(world)") }
    }

    private func successors(of world: World) -> [World] {
        var next: [World] = []
        func add(_ change: (inout World) -> Void) {
            var changed = world
            change(&changed)
            next.append(changed)
        }
        for index in world.writers.indices {
            let writer = world.writers[index]
            if writer.waits != .stopped, writer.waits != .done, writer.crashesLeft > 0 {
                for whole in [false, true] {
                    add { $0.writers[index].crash(reading: $0.watermarks[index], whole: whole) }
                }
            }
            steps(of: index, add)
        }
        for request in world.requests {
            // It arrives late, whoever still waits for it; or never.
            add { world in
                world.requests.remove(at: world.requests.firstIndex(of: request) ?? 0)
                _ = apply(request, &world)
            }
            add { world in world.requests.remove(at: world.requests.firstIndex(of: request) ?? 0) }
        }
        if world.compactions > 0 {
            add { world in
                world.compactions -= 1
                world.version += 1
            }
        }
        return next

        func steps(of index: Int, _ add: (_ change: (inout World) -> Void) -> Void) {
            let writer = world.writers[index]
            func fail(_ input: CommitMachine.Input) {
                guard writer.failuresLeft > 0 else { return }
                add { world in
                    world.writers[index].failuresLeft -= 1
                    world.writers[index].handle(input)
                }
            }
            switch writer.waits {
            case .start: add { $0.writers[index].begin() }
            case .load:
                add { world in
                    world.writers[index].base = world.version
                    world.writers[index].handle(.loaded(watermark: world.watermarks[index], mark: world.marks[index]))
                }
                fail(.loadFailed)
            case .store:
                add { $0.writers[index].handle(.stored) }
                fail(.storeFailed)
            case .commit: commits(of: index, writer, add)
            case .done, .stopped: break
            }
        }

        func commits(of index: Int, _ writer: Writer, _ add: (_ change: (inout World) -> Void) -> Void) {
            let request = World.Request(
                writer: index, base: writer.base, first: writer.batch.lowerBound, last: writer.batch.upperBound,
                mark: writer.machine.mark)
            add { world in
                world.writers[index].handle(apply(request, &world) ? .committed : .conflicted)
            }
            guard writer.failuresLeft > 0 else { return }
            // The reply is lost; or the request is delayed, perhaps for ever; or a proxy repeats it and answers with the
            // second outcome.
            add { world in
                world.writers[index].failuresLeft -= 1
                _ = apply(request, &world)
                world.writers[index].handle(.unknown)
            }
            add { world in
                world.writers[index].failuresLeft -= 1
                world.requests.append(request)
                world.writers[index].handle(.unknown)
            }
            add { world in
                world.writers[index].failuresLeft -= 1
                _ = apply(request, &world)
                world.writers[index].handle(apply(request, &world) ? .committed : .conflicted)
            }
        }
    }

    /// The catalog: the commit of a batch and its watermark, on the base it requires.
    private func apply(_ request: World.Request, _ world: inout World) -> Bool {
        guard !isPinned || request.base == world.version else { return false }
        world.version += 1
        for record in request.first...request.last { world.records[request.writer][Int(record) - 1] += 1 }
        world.watermarks[request.writer] = request.last
        world.marks[request.writer] = request.mark
        return true
    }
}
