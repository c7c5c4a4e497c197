import Glibc
import HTTP
import Lifecycle

/// A thread for tasks that compute little and wait much for what they ask other services, one thing after the other. Their HTTP
/// requests are driven on it too (`LoopSeat`): between the steps of a task no thread has to wake another.
///
/// Tasks prefer it as their executor: `Task.detached(executorPreference: loop)`. Steps that compute for long hold up all others.
public final class WorkLoop: TaskExecutor, Sendable {
    private let mailbox: Mailbox

    public init() throws(HTTPServerError) {
        guard let mailbox = Mailbox() else {
            throw HTTPServerError(.failed, "no file descriptors are left for a thread that waits")
        }
        self.mailbox = mailbox
        DedicatedThread.start { Self.run(mailbox) }
    }

    /// Tasks that still prefer it go on where tasks usually run.
    deinit { mailbox.stop() }

    public func enqueue(_ job: consuming ExecutorJob) { mailbox.enqueue(job) }

    private static func run(_ mailbox: Mailbox) {
        let seat = LoopSeat()
        seat.open {
            var watched = [pollfd(fd: mailbox.wakeup, events: Int16(POLLIN), revents: 0)]
            var posted = Mailbox.Contents()
            while true {
                seat.run()
                mailbox.exchange(&posted)
                if posted.isStopping { break }
                if posted.isEmpty {
                    _ = seat.wait(&watched, milliseconds: -1)
                    if watched[0].revents != 0 { mailbox.clearWakeup() }
                    mailbox.wokeUp()
                }
                for job in posted.jobs { job.runSynchronously(on: mailbox.asUnownedTaskExecutor()) }
                posted.jobs.removeAll(keepingCapacity: true)
            }
            seat.close()
            for job in posted.jobs + mailbox.closeDown() {
                job.runSynchronously(on: mailbox.asUnownedTaskExecutor())
            }
        }
    }
}
