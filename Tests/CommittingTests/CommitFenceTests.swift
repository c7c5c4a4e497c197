import Clocks
import Testing

@testable import Committing

private let older = UUID(high: 1, low: 1)
private let newer = UUID(high: 2, low: 2)

struct CommitFenceTests {
    private func fence() -> CommitFence { CommitFence(life: newer, predecessors: [older: 20], logEnd: 20) }

    @Test func `a mark is read as it was written`() {
        let mark = CommitMark(life: newer, token: 0xFFFF_0000_1234_5678)
        #expect(CommitMark(mark.description) == mark)
        for text in ["", "/", "1", "\(newer)", "\(newer)/", "\(newer)/g", "\(newer)/1/2", "x/1"] {
            #expect(CommitMark(text) == nil, "\(text)")
        }
    }

    @Test func `a crash between the claim and the first commit halts nobody`() {
        // The directory knows the life that died before it committed, and the one before it.
        var fence = CommitFence(life: UUID(high: 3, low: 3), predecessors: [older: 15, newer: 20], logEnd: 20)
        #expect(fence.judge(CommitMark(life: older, token: 7), watermark: 15) == nil)
        var second = fence
        #expect(second.judge(CommitMark(life: newer, token: 8), watermark: 20) == nil)
    }

    @Test func `a table that an earlier release wrote has no mark`() {
        var fence = fence()
        #expect(fence.judge(nil, watermark: 20) == nil)
        #expect(fence.judge(nil, watermark: nil) == nil)
    }

    @Test func `a directory that ended before what the table has is an old copy`() {
        var fence = fence()
        #expect(fence.judge(CommitMark(life: older, token: 7), watermark: 21)?.contains("old copy") == true)
        var unmarked = self.fence()
        #expect(unmarked.judge(nil, watermark: 21)?.contains("old copy") == true)
    }

    @Test func `what was accepted after a life no commit of that life can have`() {
        var fence = CommitFence(life: newer, predecessors: [older: 15], logEnd: 20)
        #expect(fence.judge(CommitMark(life: older, token: 7), watermark: 15) == nil)
        #expect(fence.judge(CommitMark(life: older, token: 8), watermark: 16)?.contains("same numbers") == true)
    }

    @Test func `own commits are recognised, also one that lands late`() {
        var fence = fence()
        let late = CommitMark(life: newer, token: 1)
        let next = CommitMark(life: newer, token: 2)
        fence.attempt(late)
        fence.attempt(next)
        #expect(fence.judge(CommitMark(life: older, token: 7), watermark: 10) == nil)
        #expect(fence.judge(late, watermark: 25) == nil)
        #expect(fence.confirmed == late)
        #expect(fence.judge(late, watermark: 25) == nil)
    }

    @Test func `the commit of another process stops this one`() {
        let own = CommitMark(life: newer, token: 1)
        let others: [(CommitMark?, String)] = [
            (CommitMark(life: UUID(high: 9, low: 9), token: 1), "another process"),
            (CommitMark(life: newer, token: 99), "runs twice"),
            (CommitMark(life: older, token: 7), "earlier life"),
            (nil, "no longer says"),
        ]
        for (found, why) in others {
            var fence = fence()
            fence.attempt(own)
            #expect(fence.judge(own, watermark: 25) == nil)
            #expect(fence.judge(found, watermark: 26)?.contains(why) == true)
        }
    }
}

/// Two processes with one log and one table: every order of their steps and of the fate of their requests.
struct TwoProcessesTests {
    /// A record, told apart by who accepted it.
    struct Record: Hashable {
        let sequence: UInt64
        let origin: Int
    }

    struct Request: Hashable {
        let base: Int
        let watermark: UInt64
        let mark: CommitMark?
        let records: [Record]
    }

    struct Process: Hashable {
        var machine: CommitMachine
        var pending: [CommitMachine.Effect] = []
        /// What its log holds, from record 1 on.
        let log: [Record]
        /// The batches it will seal end with these.
        var ends: [UInt64]
        var next: UInt64 = 1
        var token: UInt64
        var base = 0
        var end: UInt64 = 0
        var isHalted = false
        var finished: UInt64 = 0
    }

    struct World: Hashable {
        var version = 0
        var watermark: UInt64?
        var mark: CommitMark?
        var table: [Record] = []
        var inFlight: Set<Request> = []
        var processes: [Process]

        mutating func land(_ request: Request) -> Bool {
            guard request.base == version else { return false }
            version += 1
            watermark = request.watermark
            mark = request.mark
            table += request.records
            return true
        }

        /// Every world that one step leads to.
        func successors() -> [World] {
            var next: [World] = []
            for request in inFlight {
                var world = self
                world.inFlight.remove(request)
                _ = world.land(request)
                next.append(world)
            }
            for index in processes.indices where !processes[index].isHalted { next += step(index) }
            return next
        }

        private func with(_ index: Int, _ change: (inout World, inout Process) -> Void) -> World {
            var world = self
            var process = world.processes[index]
            change(&world, &process)
            world.processes[index] = process
            return world
        }

        private func step(_ index: Int) -> [World] {
            let process = processes[index]
            guard let effect = process.pending.first else {
                guard let end = process.ends.first(where: { $0 >= process.next }) else { return [] }
                return [
                    with(index) { _, process in
                        process.token += 1
                        process.end = end
                        process.pending = process.machine.handle(
                            .begin(first: process.next, last: end, token: process.token))
                    }
                ]
            }
            func input(_ input: CommitMachine.Input) -> (inout World, inout Process) -> Void {
                { _, process in process.pending = process.pending.dropFirst() + process.machine.handle(input) }
            }
            switch effect {
            case .load:
                return [
                    with(index) { world, process in
                        process.base = world.version
                        process.pending =
                            process.pending.dropFirst()
                            + process.machine.handle(.loaded(watermark: world.watermark, mark: world.mark))
                    }
                ]
            case .store: return [with(index, input(.stored))]
            case .wait: return [with(index) { $1.pending.removeFirst() }]
            case .commit:
                let request = Request(
                    base: process.base, watermark: process.end, mark: process.machine.mark,
                    records: process.log.filter { (process.next...process.end).contains($0.sequence) })
                var landed = self
                let isCommitted = landed.land(request)
                var waiting = self
                waiting.inFlight.insert(request)
                return [
                    landed.with(index, input(isCommitted ? .committed : .conflicted)),
                    landed.with(index, input(.unknown)), waiting.with(index, input(.unknown)),
                    with(index, input(.unknown)),
                ]
            case .finish(let watermark):
                return [
                    with(index) { _, process in
                        process.pending.removeFirst()
                        process.finished = watermark
                        process.next = watermark + 1
                    }
                ]
            case .restart(let after):
                return [
                    with(index) { _, process in
                        process.pending.removeFirst()
                        process.finished = after
                        process.next = after + 1
                    }
                ]
            case .stop: return [with(index) { $1.isHalted = true }]
            }
        }
    }

    struct Findings {
        var worlds = 0
        /// Processes that came through, or were stopped, in some world.
        var finished: Set<Int> = []
        var halted: Set<Int> = []
        /// Worlds with a record twice in the table.
        var doubled = 0
        /// Worlds in which a process believes of a record that it is in the table, and it is not.
        var lost = 0
    }

    private func explore(_ start: World) -> Findings {
        var seen: Set<World> = [start]
        var open = [start]
        var findings = Findings()
        while let world = open.popLast() {
            findings.worlds += 1
            let sequences = world.table.map(\.sequence)
            if Set(sequences).count < sequences.count { findings.doubled += 1 }
            for (index, process) in world.processes.enumerated() {
                let isWhole = process.log.filter { $0.sequence <= process.finished }.allSatisfy(world.table.contains)
                if !isWhole { findings.lost += 1 }
                if process.isHalted { findings.halted.insert(index) }
                if process.finished == process.log.last?.sequence { findings.finished.insert(index) }
            }
            // Attempts without end tell nothing new.
            for next in world.successors() where next.processes.allSatisfy({ $0.attempts <= 2 }) {
                if seen.insert(next).inserted { open.append(next) }
            }
        }
        return findings
    }

    private let shared = [Record(sequence: 1, origin: 0), Record(sequence: 2, origin: 0)]

    @Test func `a successor goes on whatever becomes of the requests of the one that died`() {
        let dead = Process(machine: machine(older, [:], 0), log: shared, ends: [2], token: 0)
        let heir = Process(machine: machine(newer, [older: 2], 2), log: shared, ends: [1, 2], token: 100)
        let result = explore(World(processes: [dead, heir]))
        #expect(result.worlds > 100)
        #expect(result.finished.contains(1) && result.doubled == 0 && result.lost == 0)
    }

    @Test(arguments: [true, false])
    func `a copy of the log and its original never both go on, and neither loses or doubles`(isFenced: Bool) {
        let processes = (1...2).map { origin in
            Process(
                machine: isFenced
                    ? machine(origin == 1 ? older : newer, origin == 1 ? [:] : [older: 2], origin == 1 ? 0 : 2)
                    : CommitMachine(firstInLog: 1),
                log: shared + [Record(sequence: 3, origin: origin)], ends: [2, 3], token: UInt64(origin) * 100)
        }
        let result = explore(World(processes: processes))
        #expect(result.worlds > 1000 && result.doubled == 0)
        #expect(result.halted == (isFenced ? [0, 1] : []) && result.finished == [0, 1])
        // Without the fence, each takes the other's record for its own.
        #expect((result.lost == 0) == isFenced)
    }

    @Test func `a process that runs twice with one memory stops in one of the two places`() {
        let twins = (1...2).map { origin in
            Process(
                machine: machine(newer, [older: 2], 2), log: shared + [Record(sequence: 3, origin: origin)], ends: [3],
                token: UInt64(origin) * 100)
        }
        let result = explore(World(processes: twins))
        #expect(result.halted == [0, 1] && result.finished == [0, 1] && result.doubled == 0 && result.lost == 0)
    }

    /// The copy's first life accepted a record and died before it read the table.
    @Test(arguments: [true, false])
    func `a later life of a copy does not take the original's commits for its own`(isNoted: Bool) {
        let original = Process(
            machine: machine(older, [:], 0), log: shared + [Record(sequence: 3, origin: 1)], ends: [2, 3], token: 0)
        let copy = Process(
            machine: machine(newer, [older: isNoted ? 2 : 3], 3), log: shared + [Record(sequence: 3, origin: 2)],
            ends: [2, 3], token: 100)
        let result = explore(World(processes: [original, copy]))
        #expect(result.worlds > 100 && result.doubled == 0 && result.finished == [0, 1])
        // Without the end of the log at its first life's beginning, the copy believes that its record is in the table.
        #expect((result.lost == 0) == isNoted)
        #expect(result.halted.contains(0) && result.halted.contains(1) == isNoted)
    }

    private func machine(_ life: UUID, _ predecessors: [UUID: UInt64], _ logEnd: UInt64) -> CommitMachine {
        CommitMachine(firstInLog: 1, fence: CommitFence(life: life, predecessors: predecessors, logEnd: logEnd))
    }
}

extension TwoProcessesTests.Process {
    /// Failed attempts in a row.
    fileprivate var attempts: Int {
        pending.reduce(0) { if case .wait(let attempt) = $1 { max($0, attempt) } else { $0 } }
    }
}
