import CEpoll
import Glibc
import HTTP
import Synchronization

/// What other threads hand to an event loop: responses, and the steps of tasks that run on its thread.
///
/// As a task executor it lets a handler begin, wait and go on without leaving the loop's thread. Handing over costs a lock; a sleeping
/// loop is woken once however much is handed over.
final class Mailbox: TaskExecutor, Sendable {
    /// A request of the library's that waits for its answer. Only the loop's thread looks behind it.
    struct Address: Sendable {
        let bits: UInt
    }

    typealias Reply = (to: Address, response: HTTPResponse)

    struct Contents {
        var jobs: [UnownedJob] = []
        var replies: [Reply] = []
        /// Resting connections to close, for those who came to other loops.
        var evictions = 0
        var isQuiescing = false
        var isStopping = false
        fileprivate var isSleeping = false
        fileprivate var isClosed = false

        var isEmpty: Bool { jobs.isEmpty && replies.isEmpty && evictions == 0 }
    }

    private let contents = Mutex(Contents())
    let wakeup: Int32

    /// Nil when the process has no descriptors left.
    init?() {
        wakeup = cepoll_eventfd()
        guard wakeup >= 0 else { return nil }
    }

    deinit { close(wakeup) }

    // MARK: - From any thread

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isClosed = post { contents in
            if !contents.isClosed { contents.jobs.append(job) }
            return contents.isClosed
        }
        // A task that outlives the server goes on where tasks usually run.
        if isClosed { globalConcurrentExecutor.enqueue(job) }
    }

    func reply(_ response: HTTPResponse, to address: Address) {
        post { if !$0.isClosed { $0.replies.append((address, response)) } }
    }

    func evict(_ count: Int) { post { $0.evictions = max($0.evictions, count) } }

    func quiesce() { post { $0.isQuiescing = true } }

    func stop() { post { $0.isStopping = true } }

    @discardableResult
    private func post<Result: Sendable>(_ change: (inout Contents) -> Result) -> Result {
        let (result, mustWake) = contents.withLock { contents in
            let result = change(&contents)
            defer { contents.isSleeping = false }
            return (result, contents.isSleeping)
        }
        if mustWake {
            var one: UInt64 = 1
            _ = write(wakeup, &one, 8)
        }
        return result
    }

    // MARK: - From the loop

    /// Swaps what has come with `other`, which is empty; whoever posts after an empty exchange wakes the loop.
    func exchange(_ other: inout Contents) {
        contents.withLock { contents in
            other.isQuiescing = contents.isQuiescing
            other.isStopping = contents.isStopping
            contents.isSleeping = false
            swap(&contents, &other)
            if other.isEmpty { contents.isSleeping = true }
        }
    }

    /// Swaps the replies that have come with `other`, which is empty.
    func exchange(_ other: inout [Reply]) {
        contents.withLock { swap(&$0.replies, &other) }
    }

    func wokeUp() {
        contents.withLock { $0.isSleeping = false }
    }

    func clearWakeup() {
        var count: UInt64 = 0
        _ = read(wakeup, &count, 8)
    }

    /// What comes later goes nowhere, or elsewhere. Returns the jobs that are left.
    func closeDown() -> [UnownedJob] {
        contents.withLock { contents in
            contents.isClosed = true
            contents.replies = []
            defer { contents.jobs = [] }
            return contents.jobs
        }
    }
}
