import Batching
import Clocks
import Committing
import Files
import Synchronization
import Telemetry
import WriteAheadLog

/// Where a table begins in the log: what it says, or claims.
extension TablePipeline {
    /// Learns from the table where the log is to be continued; waits while it cannot be read.
    func begin() async -> Bool {
        var attempt = 0
        while !Task.isCancelled {
            do throws(CommitError) {
                let said = try await target.sink.readWatermark()
                try await noteBeginning()
                let watermark = try await claimed(said)
                let log = surroundings.log.status
                if let problem = EventPipeline.problem(watermark: watermark, log: log) {
                    throw CommitError(.contradiction, problem)
                }
                let done = state.withLock { state in
                    state.machine = BatchMachine(
                        limits: limits, filter: target.filter, nextSequence: (watermark ?? 0) + 1)
                    state.watermark = watermark
                    state.committedThrough = watermark ?? 0
                    return settled(&state)
                }
                target.trouble.report(nil)
                for waiter in done { waiter.resume(.success(waiter.flushed)) }
                await note()
                return true
            } catch {
                guard error.code != .contradiction && error.code != .unsuitableTable else {
                    halt(error.message)
                    return false
                }
                guard error.code != .cancelled else { return false }
                attempt += 1
                target.trouble.report(error)
                surroundings.logger.warn(
                    "the table cannot be begun with; events wait in the log",
                    ["table": target.name, "error": error.message])
                let delay = Backoff(maxMilliseconds: 10_000).milliseconds(attempt: attempt, surroundings.random)
                do { try await surroundings.clock.sleep(milliseconds: delay + 100) } catch { return false }
            }
        }
        return false
    }

    /// Claims what the log has lost and the table does not have: of a table new to the log all of that, of one that was
    /// left out while it went what it lacks. The event table never does: every event there was, was for it.
    private func claimed(_ said: UInt64?) async throws(CommitError) -> UInt64? {
        var watermark = said
        while true {
            let first = surroundings.log.status.firstSequence
            guard !isEvents, (watermark ?? 0) + 1 < first, try await mayClaim(after: watermark) else {
                return watermark
            }
            surroundings.logger.warn(
                "a table begins behind the first record of the log",
                ["table": target.name, "lacks": "\((watermark ?? 0) + 1) to \(first - 1)"])
            switch try await target.sink.claim(after: watermark, through: first - 1) {
            case .committed(let receipt): watermark = receipt.watermark
            case .restart(let after): watermark = after
            }
        }
    }

    private func mayClaim(after watermark: UInt64?) async throws(CommitError) -> Bool {
        let entry: TargetsFile.Entry?
        do throws(LogError) {
            entry = try await surroundings.targets.entry(of: target.name)
        } catch {
            throw Self.commitError(error)
        }
        switch (entry, watermark) {
        case (nil, nil): return true
        case (let entry?, nil) where !entry.hasSaid: return true
        case (.some, nil):
            throw CommitError(
                .contradiction,
                "the table \(target.name) no longer says how far this log is committed: it was rolled back, replaced or "
                    + "edited. Restore the property; going on could lose or double its events")
        // Before it was left out nothing went that it did not have.
        case (let entry?, let watermark?): return entry.passedOverFrom.map { watermark + 1 >= $0 } ?? false
        case (nil, .some): return false
        }
    }

    /// Before the first commit, whose answer may get lost. Nothing is trimmed until it is written, so that the space set
    /// aside for trimming is this one's too.
    private func noteBeginning() async throws(CommitError) {
        guard !isEvents else { return }
        do throws(LogError) {
            try await surroundings.targets.begin(target.name, in: surroundings.log)
        } catch {
            throw Self.commitError(error)
        }
    }

    private static func commitError(_ error: LogError) -> CommitError {
        CommitError(error.code == .corrupt ? .contradiction : .unavailable, error.message)
    }

    /// Keeps beside the log that the table has a part of it.
    func note() async {
        let isDue = state.withLock { !isEvents && !$0.isNoted && $0.watermark != nil }
        guard isDue else { return }
        do throws(LogError) {
            try await surroundings.targets.note(target.name)
            state.withLock { $0.isNoted = true }
        } catch {
            surroundings.logger.warn("it is tried again with the next commit", ["error": "\(error)"])
        }
    }
}
