import Batching
import Clocks
import Committing
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// Flushes that wait for the table, and what can be seen of it.
extension TablePipeline {
    /// Waits until everything up to `sequence` that is for the table is in it.
    func flush(through sequence: UInt64, type: String?, deadline: Int64) async throws(CommitError)
        -> EventPipeline.Flushed
    {
        let result: Result<EventPipeline.Flushed, CommitError> = await withCheckedContinuation { continuation in
            let now = state.withLock { state -> Result<EventPipeline.Flushed, CommitError>? in
                if let why = state.halted { return .failure(CommitError(.contradiction, why)) }
                if let idle = state.idleThrough, idle >= sequence { return .success(EventPipeline.Flushed()) }
                state.waiters.add(target: sequence, type: type, deadline: deadline) {
                    continuation.resume(returning: $0)
                }
                return nil
            }
            if let now { continuation.resume(returning: now) }
        }
        return try result.get()
    }

    /// Gives up on flushes whose time is over.
    func expireWaiters() {
        let now = surroundings.milliseconds
        let expired = state.withLock { $0.waiters.take { $0.deadline <= now } }
        for waiter in expired {
            let why = target.trouble.message ?? "it takes longer"
            waiter.resume(
                .failure(
                    CommitError(
                        .unavailable,
                        "the events are safe in the log, but not in the table \(target.name) yet: \(why)")))
        }
    }

    /// Every request asks: none waits for a buffer that is being filled.
    var halted: String? {
        guard isHalted.load(ordering: .acquiring) else { return nil }
        return state.withLock { $0.halted }
    }

    /// Cost: linear in the buffers, and they wait meanwhile.
    var status: EventPipeline.TableStatus {
        let now = surroundings.milliseconds
        let (trouble, lasts) = (target.trouble.message, target.trouble.lastsMilliseconds)
        return state.withLock { state in
            let open = state.machine?.buffers.map { EventPipeline.BufferStatus($0, at: now) } ?? []
            return EventPipeline.TableStatus(
                name: target.name, buffers: EventPipeline.BufferStatus.merged((state.inFlight?.buffers ?? []) + open),
                bufferedBytes: state.machine?.bytes ?? 0, inFlightEvents: state.inFlight?.events ?? 0,
                waitingFlushes: state.waiters.all.count, committedThrough: state.committedThrough,
                settledThrough: state.committedThrough.map { max($0, state.idleThrough ?? 0) },
                lastCommit: state.lastCommit, lastSnapshotID: state.lastSnapshotID, commits: state.commits,
                trouble: trouble, troubleMilliseconds: lasts, halted: state.halted)
        }
    }
}
