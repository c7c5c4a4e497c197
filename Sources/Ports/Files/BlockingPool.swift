import Glibc

/// Dedicated threads for system calls that block: file reads, fsync, flock.
///
/// Swift's own threads are as few as there are cores; one that waits for a disk holds up every task. Work goes through
/// here instead. Threads start as they are needed, up to `threadsMax`, and stay; more work waits in order of arrival.
/// Nothing run here may wait for other work of the same pool.
public final class BlockingPool: Sendable {
    /// The pool that everything in the process shares.
    public static let shared = BlockingPool(threadsMax: 16)

    /// For long computations, which give way to all else: a thread for each core, of lower priority. Where cores are scarce,
    /// those who wait for an answer come first.
    public static let computing = BlockingPool(threadsMax: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), niceness: 5)

    private let queue: Queue

    /// - Parameter niceness: 0 to 19, how far its threads give way to others.
    public init(threadsMax: Int, niceness: Int = 0) {
        precondition(threadsMax > 0, "a pool needs at least one thread")
        queue = Queue(threadsMax: threadsMax, niceness: niceness)
    }

    deinit { queue.close() }

    /// Runs `body` on one of the threads and returns what it returns. It runs to its end even when the calling task is
    /// cancelled: a write that has begun is not left half done.
    public func run<T: Sendable, E: Error>(_ body: @escaping @Sendable () throws(E) -> T) async throws(E) -> T {
        if Self.runsInPlace { return try body() }
        let result: Result<T, E> = await withCheckedContinuation { continuation in
            queue.add { continuation.resume(returning: Result(catching: body)) }
        }
        return try result.get()
    }

    /// Whether the present task does such work itself, on its own thread: a simulation decides alone what runs when, so
    /// no other thread may take part in it.
    @TaskLocal public static var runsInPlace = false
}

// Safe to share: every stored property that changes is read and written only between `lock` and `unlock`; the mutex
// and the condition lie at fixed addresses from `init` to `deinit`.
private final class Queue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let threadsMax: Int
    private let niceness: Int
    private var threads = 0
    private var idle = 0
    private var isClosed = false
    private var jobs: [@Sendable () -> Void] = []
    private var first = 0

    init(threadsMax: Int, niceness: Int) {
        self.threadsMax = threadsMax
        self.niceness = niceness
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func add(_ job: @escaping @Sendable () -> Void) {
        pthread_mutex_lock(mutex)
        jobs.append(job)
        let needsThread = idle < jobs.count - first && threads < threadsMax
        if needsThread { threads += 1 }
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
        if needsThread { start() }
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    private func start() {
        var thread = pthread_t()
        let queue = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().work() }
                return nil
            }, queue.toOpaque())
        guard failure != 0 else {
            pthread_detach(thread)
            return
        }
        queue.release()
        pthread_mutex_lock(mutex)
        threads -= 1
        // Without any thread the work would wait for ever; the caller's thread is the last resort.
        let mustHelp = threads == 0
        pthread_mutex_unlock(mutex)
        if mustHelp {
            while let job = take(waiting: false) { job() }
        }
    }

    private func work() {
        if niceness != 0 {
            // Of this thread alone. Refused, it is as urgent as the others.
            let which = __priority_which_t(PRIO_PROCESS.rawValue)
            _ = setpriority(which, 0, min(19, getpriority(which, 0) + Int32(niceness)))
        }
        while let job = take(waiting: true) { job() }
    }

    /// The next job; nil when there is none (or, while waiting, when the pool is closed and empty).
    private func take(waiting: Bool) -> (@Sendable () -> Void)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while first == jobs.count {
            if !waiting || isClosed { return nil }
            idle += 1
            pthread_cond_wait(condition, mutex)
            idle -= 1
        }
        let job = jobs[first]
        first += 1
        if first == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            first = 0
        } else if first >= 1024 {
            jobs.removeFirst(first)
            first = 0
        }
        return job
    }
}
