import Clocks
import Testing

@testable import Committing

private func run(_ machine: inout CommitMachine, _ inputs: [CommitMachine.Input]) -> [CommitMachine.Effect] {
    inputs.flatMap { machine.handle($0) }
}

private let begin = CommitMachine.Input.begin(first: 11, last: 20)

struct CommitMachineTests {
    @Test func `a batch is stored, committed on a fresh state, and looked for`() {
        var machine = CommitMachine(firstInLog: 1)
        let effects = run(
            &machine,
            [
                begin, .loaded(watermark: 10), .stored, .loaded(watermark: 10), .committed, .loaded(watermark: 20),
            ])
        #expect(effects == [.load, .store, .load, .commit, .load, .finish(watermark: 20)])
        #expect(machine.state == .idle && machine.watermark == 20)
    }

    @Test(arguments: [CommitMachine.Input.conflicted, .rejected, .unknown])
    func `after anything but success the table is looked at before the next try`(outcome: CommitMachine.Input) {
        var machine = CommitMachine(firstInLog: 1)
        _ = run(&machine, [begin, .loaded(watermark: 10), .stored, .loaded(watermark: 10)])
        #expect(machine.handle(outcome) == [.wait(attempt: 1), .load])
        // It did not take place: the files are there already.
        #expect(machine.handle(.loaded(watermark: 10)) == [.commit])
        #expect(machine.handle(outcome) == [.wait(attempt: 2), .load])
        // It did.
        #expect(machine.handle(.loaded(watermark: 20)) == [.finish(watermark: 20)])
    }

    @Test func `an earlier batch that lands late makes this one be sealed anew`() {
        for done in [UInt64(11), 15, 19, 25] {
            var machine = CommitMachine(firstInLog: 1)
            let effects = run(
                &machine, [begin, .loaded(watermark: 10), .stored, .loaded(watermark: 10), .conflicted])
            #expect(effects.last == .load)
            #expect(machine.handle(.loaded(watermark: done)) == [.restart(after: done)])
            #expect(machine.state == .idle)
        }
    }

    @Test func `a batch that is in the table already is not written again`() {
        var machine = CommitMachine(firstInLog: 1)
        #expect(run(&machine, [begin, .loaded(watermark: 20)]) == [.load, .finish(watermark: 20)])
    }

    @Test func `a failed load or store is tried again, later each time`() {
        var machine = CommitMachine(firstInLog: 1)
        let effects = run(
            &machine, [begin, .loadFailed, .loadFailed, .loaded(watermark: 10), .storeFailed, .loaded(watermark: 10)])
        #expect(
            effects == [
                .load, .wait(attempt: 1), .load, .wait(attempt: 2), .load, .store, .wait(attempt: 3), .load, .store,
            ])
    }

    @Test(
        arguments: [
            // known, found, first in log, what is wrong
            (nil, nil, 1, false), (nil, 0, 1, false), (nil, 10, 1, false), (nil, 10, 11, false), (10, 10, 5, false),
            (nil, nil, 2, true), (10, nil, 1, true), (10, 9, 1, true), (nil, 3, 5, true),
        ] as [(UInt64?, UInt64?, UInt64, Bool)])
    func `a watermark that cannot be stops everything`(
        known: UInt64?, found: UInt64?, firstInLog: UInt64, isWrong: Bool
    ) {
        let problem = CommitMachine.contradiction(found: found, known: known, firstInLog: firstInLog)
        #expect((problem != nil) == isWrong)
    }

    @Test func `a gap between table and batch stops, for good`() {
        var machine = CommitMachine(firstInLog: 1)
        let effects = run(&machine, [begin, .loaded(watermark: 5)])
        guard case .stop = effects.last else {
            Issue.record("\(effects)")
            return
        }
        guard case .stop = machine.handle(begin).first else {
            Issue.record("it went on")
            return
        }
    }

    @Test func `a new table is claimed, whatever the log has trimmed`() {
        var machine = CommitMachine(firstInLog: 31)
        let effects = run(
            &machine,
            [
                .claim(last: 30), .loaded(watermark: nil), .stored, .loaded(watermark: nil), .unknown,
                .loaded(watermark: nil), .committed, .loaded(watermark: 30),
            ])
        #expect(
            effects == [
                .load, .store, .load, .commit, .wait(attempt: 1), .load, .commit, .load, .finish(watermark: 30),
            ])
        #expect(run(&machine, [.begin(first: 31, last: 32), .loaded(watermark: 30)]) == [.load, .store])
    }

    @Test func `a claim of a table that says something is told of it`() {
        var machine = CommitMachine(firstInLog: 11)
        #expect(run(&machine, [.claim(last: 30), .loaded(watermark: 12)]) == [.load, .restart(after: 12)])
        var later = CommitMachine(firstInLog: 11)
        #expect(run(&later, [.claim(last: 30), .loaded(watermark: 40)]) == [.load, .restart(after: 40)])
        var empty = CommitMachine(firstInLog: 1)
        #expect(run(&empty, [.claim(last: 0), .loaded(watermark: nil), .stored]) == [.load, .store, .load])
        #expect(
            run(&empty, [.loaded(watermark: nil), .committed, .loaded(watermark: 0)])
                == [.commit, .load, .finish(watermark: 0)])
    }

    @Test func `a table that was left out claims the part that is gone, and says what it had`() {
        var machine = CommitMachine(firstInLog: 31)
        let effects = run(
            &machine,
            [
                .claim(after: 12, last: 30), .loaded(watermark: 12), .stored, .loaded(watermark: 12), .committed,
                .loaded(watermark: 30),
            ])
        #expect(effects == [.load, .store, .load, .commit, .load, .finish(watermark: 30)])
        #expect(run(&machine, [.begin(first: 31, last: 32), .loaded(watermark: 30)]) == [.load, .store])
        // A late commit of an earlier life.
        var late = CommitMachine(firstInLog: 31)
        #expect(run(&late, [.claim(after: 12, last: 30), .loaded(watermark: 15)]) == [.load, .restart(after: 15)])
        for found in [nil, 11] as [UInt64?] {
            var machine = CommitMachine(firstInLog: 31)
            guard case .stop = run(&machine, [.claim(after: 12, last: 30), .loaded(watermark: found)]).last else {
                Issue.record("it went on")
                return
            }
        }
    }

    @Test func `a claim does not forget what was trimmed against a watermark`() {
        for (known, found) in [(nil, 5), (20, nil)] as [(UInt64?, UInt64?)] {
            var machine = CommitMachine(firstInLog: 11, watermark: known)
            guard case .stop = run(&machine, [.claim(last: 30), .loaded(watermark: found)]).last else {
                Issue.record("it went on")
                return
            }
        }
    }

    @Test func `a batch given up may land yet, and is known when it does`() {
        let life = UUID(high: 1, low: 1)
        var machine = CommitMachine(
            firstInLog: 1, fence: CommitFence(life: life, predecessors: [:], logEnd: 0))
        _ = run(
            &machine, [.begin(first: 1, last: 5, token: 7), .loaded(watermark: nil), .stored, .loaded(watermark: nil)])
        let late = machine.mark
        machine.abandon()
        #expect(
            run(&machine, [.begin(first: 1, last: 9, token: 8), .loaded(watermark: 5, mark: late)])
                == [.load, .restart(after: 5)])
    }

    /// Every order of what can happen, to a depth: the machine never finishes on anything but what it read.
    @Test func `no sequence of inputs makes it claim what it has not read`() {
        let inputs: [CommitMachine.Input] = [
            .loaded(watermark: nil), .loaded(watermark: 10), .loaded(watermark: 20), .loadFailed, .stored, .storeFailed,
            .committed, .conflicted, .unknown,
        ]
        func explore(_ machine: CommitMachine, depth: Int) {
            guard depth > 0 else { return }
            for input in inputs {
                var next = machine
                for effect in next.handle(input) {
                    if case .finish(let watermark) = effect { #expect(input == .loaded(watermark: watermark)) }
                    if case .commit = effect { #expect(input == .loaded(watermark: 10)) }
                }
                explore(next, depth: depth - 1)
            }
        }
        var machine = CommitMachine(firstInLog: 1)
        _ = machine.handle(begin)
        explore(machine, depth: 5)
    }
}
