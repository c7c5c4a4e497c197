import Glibc
import Synchronization

/// Turns SIGTERM, SIGINT and SIGHUP into a call on an ordinary thread, and ignores SIGPIPE.
public enum TerminationSignals {
    /// The pipe end the handler writes to. Read in a signal handler, hence an atomic and nothing more.
    private static let pipe = Atomic<Int32>(-1)

    /// Calls `action` with the signal's number, on a thread of its own, each time one of them arrives. Call once,
    /// early in `main`.
    public static func handle(_ action: @escaping @Sendable (Int32) -> Void) {
        ignoreBrokenPipes()
        var ends: [Int32] = [-1, -1]
        let status = Glibc.pipe(&ends)
        precondition(status == 0, "no file descriptors left for signals")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let readEnd = ends[0]
        pipe.store(ends[1], ordering: .sequentiallyConsistent)
        DedicatedThread.start {
            var number: UInt8 = 0
            while true {
                let count = read(readEnd, &number, 1)
                if count == 1 { action(Int32(number)) }
                if count == 0 || count < 0 && errno != EINTR { return }
            }
        }
        for number in [SIGTERM, SIGINT, SIGHUP] { install(number) }
    }

    /// Writing to a closed connection is then an error to handle, not the end of the process.
    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    private static func install(_ number: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            // Async-signal-safe: an atomic load and write(2), errno kept.
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = write(TerminationSignals.pipe.load(ordering: .relaxed), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART
        sigaction(number, &action, nil)
    }
}

/// Runs one closure on a thread that is not one of Swift's cooperative ones.
public enum DedicatedThread {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    public static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        let status = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            preconditionFailure("the system gives no more threads: \(String(cString: strerror(status)))")
        }
        pthread_detach(thread)
    }
}
