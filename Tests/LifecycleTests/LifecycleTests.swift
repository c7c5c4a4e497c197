import Clocks
import Glibc
import Lifecycle
import Synchronization
import Telemetry
import Testing

/// Sleeps end at once, until `limit` of them are over; then they end as a cancelled task's would.
private final class CountingClock: MonotonicClock {
    private let left: Mutex<Int>
    init(limit: Int) { left = Mutex(limit) }
    func nanoseconds() -> UInt64 { 0 }
    func sleep(milliseconds: Int) async throws {
        let isOver = left.withLock {
            $0 -= 1
            return $0 < 0
        }
        if isOver { throw CancellationError() }
    }
}

private struct Odd: Error {}

@Suite struct `Lifecycle` {
    @Test func `a loop goes on after a run that failed`() async {
        let memory = MemoryLogDestination()
        let logger = Logger(service: "s", format: .json, destination: memory)
        let runs = Atomic<Int>(0)
        let loop = PeriodicLoop("poll", everyMilliseconds: 10, logger: logger, clock: CountingClock(limit: 3)) {
            if runs.add(1, ordering: .relaxed).newValue == 2 { throw Odd() }
        }
        await loop.run()
        #expect(runs.load(ordering: .relaxed) == 4)
        #expect(memory.lines.count == 1 && memory.lines[0].contains("poll failed"))
    }

    @Test func `a deadline cancels what is late and lets pass what is not`() async throws {
        #expect(try await withDeadline(milliseconds: 60_000) { 7 } == 7)
        await #expect(throws: DeadlineExceeded(milliseconds: 1)) {
            try await withDeadline(milliseconds: 1) { try await Task.sleep(nanoseconds: 60_000_000_000) }
        }
    }

    @Test func `steps run in the opposite order of their registration`() async {
        let order = Mutex<[String]>([])
        let shutdown = ShutdownSequence()
        for name in ["store", "log", "server"] {
            shutdown.onShutdown(name) { order.withLock { $0.append(name) } }
        }
        #expect(await shutdown.run(graceMilliseconds: 60_000, logger: .disabled))
        #expect(order.withLock { $0 } == ["server", "log", "store"])
    }

    @Test func `a step that never ends is left behind`() async {
        let shutdown = ShutdownSequence()
        let reached = Atomic<Bool>(false)
        shutdown.onShutdown("first") { reached.store(true, ordering: .relaxed) }
        shutdown.onShutdown("stuck") {
            await withCheckedContinuation { continuation in
                DedicatedThread.start {
                    sleep(5)
                    continuation.resume()
                }
            }
        }
        #expect(await shutdown.run(graceMilliseconds: 10, logger: .disabled) == false)
        #expect(reached.load(ordering: .relaxed) == false)
    }

    @Test func `a signal arrives as a call`() async {
        let number = await withCheckedContinuation { continuation in
            let once = Atomic<Bool>(false)
            TerminationSignals.handle { number in
                if !once.exchange(true, ordering: .relaxed) { continuation.resume(returning: number) }
            }
            kill(getpid(), SIGTERM)
        }
        #expect(number == SIGTERM)
        // The default would end this process.
        kill(getpid(), SIGPIPE)
    }

    @Test func `waiting for the shutdown ends when it is asked for`() async {
        let shutdown = ShutdownSequence()
        let waiter = Task { await shutdown.waitForRequest() }
        #expect(shutdown.request() == true)
        #expect(shutdown.request() == false)
        await waiter.value
        await shutdown.waitForRequest()
    }
}
