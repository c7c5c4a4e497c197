import Files
import Glibc
import Synchronization
import Testing

struct BlockingPoolTests {
    @Test func `threads of a pool give way as far as they were told`() async {
        let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        let priority: @Sendable () -> Int32 = { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        #expect(await BlockingPool(threadsMax: 1).run(priority) == own)
        #expect(await BlockingPool(threadsMax: 1, niceness: 3).run(priority) == min(19, own + 3))
        #expect(priority() == own)
    }

    struct Refusal: Error, Equatable { let reason: String }

    @Test func `results and typed errors come back to the caller`() async {
        let pool = BlockingPool(threadsMax: 2)
        #expect(await pool.run { 42 } == 42)
        do throws(Refusal) {
            try await pool.run { () throws(Refusal) -> Void in throw Refusal(reason: "no") }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error == Refusal(reason: "no"))
        }
    }

    @Test func `no more threads than allowed work at one time, and all work is done`() async {
        let pool = BlockingPool(threadsMax: 3)
        let watch = Watch()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<64 { group.addTask { await pool.run { watch.work() } } }
        }
        #expect(watch.seen.calls == 64)
        #expect((1...3).contains(watch.seen.mostAtOnce))
        #expect((1...3).contains(watch.seen.threads.count))
    }

    @Test func `work that blocks does not hold up the tasks of the process`() async {
        let pool = BlockingPool(threadsMax: 8)
        let gate = Gate()
        await withTaskGroup(of: Void.self) { group in
            // More waiting calls than Swift has threads: the opener below runs only if none of those is taken.
            for _ in 0..<8 { group.addTask { await pool.run { gate.wait() } } }
            group.addTask { gate.open() }
        }
    }
}

/// Blocks threads until it is opened.
private final class Gate: Sendable {
    private let isOpen = Atomic<Bool>(false)

    func wait() { while !isOpen.load(ordering: .acquiring) { usleep(1000) } }
    func open() { isOpen.store(true, ordering: .releasing) }
}

/// Counts who works when.
private final class Watch: Sendable {
    struct Seen {
        var running = 0
        var mostAtOnce = 0
        var calls = 0
        var threads: Set<pthread_t> = []
    }

    private let state = Mutex(Seen())

    var seen: Seen { state.withLock { $0 } }

    func work() {
        state.withLock { seen in
            seen.running += 1
            seen.calls += 1
            seen.mostAtOnce = max(seen.mostAtOnce, seen.running)
            seen.threads.insert(pthread_self())
        }
        usleep(500)
        state.withLock { $0.running -= 1 }
    }
}
