import Batching
import Clocks
import Committing
import Files
import ServiceHost
import Synchronization
import Telemetry
import WriteAheadLog

/// Batches and watermarks brought into the table, one after the other.
extension TablePipeline {
    func commitLoop() async {
        guard await begin() else { return }
        surroundings.onProgress()
        while !Task.isCancelled {
            await wake.wait()
            do throws(CommitError) {
                if let through = takeAdvance() { try await advance(through: through) }
                guard let batch = sealIfDue() else { continue }
                switch try await committed(batch) {
                case .committed(let receipt): finish(batch, receipt)
                case .restart(let after): restart(after: after)
                }
                await note()
                surroundings.onProgress()
            } catch {
                guard error.code != .cancelled else { return }
                halt(error.message)
                return
            }
        }
    }

    /// All requests of a batch belong to one trace: that of the flush it was asked for by, else its own.
    private func committed(_ batch: SealedBatch) async throws(CommitError) -> TableCommitter.Outcome {
        let trace = state.withLock { $0.waiters.all.lazy.compactMap(\.trace).first } ?? CallTrace.make()
        let outcome = await CallTrace.$current.withValue(trace) {
            do throws(CommitError) {
                return Result<TableCommitter.Outcome, CommitError>.success(try await target.sink.commit(batch))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private func sealIfDue() -> SealedBatch? {
        let now = surroundings.milliseconds
        return state.withLock { state in
            guard let machine = state.machine else { return nil }
            // A flush waits until all it asks for is in the buffers, unless memory does not hold so much.
            let isAsked = !state.waiters.all.isEmpty
            let isGathered = !hasRoom(state) || state.waiters.all.contains { machine.nextSequence > $0.target }
            guard isAsked && isGathered || isSealable(state, at: now) else { return nil }
            guard let batch = state.machine?.seal() else { return nil }
            state.lastSeal = now
            let buffers = batch.buffers.map { EventPipeline.BufferStatus($0, at: now) }
            state.inFlight = InFlight(
                number: batch.number, events: batch.events, bytes: batch.bytes, buffers: buffers)
            return batch
        }
    }

    /// Whether a batch is due that nobody has asked for.
    func isSealable(_ state: State, at now: Int64) -> Bool {
        guard let machine = state.machine else { return false }
        return now - state.lastSeal >= Int64(surroundings.commitIntervalMilliseconds)
            && (machine.isDue(at: now) || !hasRoom(state))
    }

    private func finish(_ batch: SealedBatch, _ receipt: TableCommitter.Receipt) {
        let now = surroundings.clock.now()
        let done = state.withLock { state -> [FlushWaiters.Waiter] in
            state.inFlight = nil
            state.closed.removeAll { $0.batch <= batch.number }
            account(&state)
            state.watermark = receipt.watermark
            state.committedThrough = receipt.watermark
            state.lastCommit = now
            state.lastSnapshotID = receipt.snapshotID
            state.commits += 1
            state.ended += 1
            state.waiters.credit(batch, receipt)
            return settled(&state)
        }
        target.onCommit(receipt)
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
    }

    private func restart(after watermark: UInt64) {
        surroundings.logger.warn(
            "the batch is given up: what the table lacks of it is read from the log again",
            ["table": target.name, "committed": watermark])
        let done = state.withLock { state in
            state.inFlight = nil
            state.closed.removeAll()
            state.ended += 1
            state.watermark = watermark == 0 ? nil : watermark
            state.committedThrough = watermark
            state.machine?.reset(to: watermark + 1)
            account(&state)
            return settled(&state)
        }
        for waiter in done { waiter.resume(.success(waiter.flushed)) }
    }

    // MARK: - The watermark alone

    /// nil while it is not known.
    var progress: Progress? {
        state.withLock { state in
            guard let durable = state.committedThrough, let idle = state.idleThrough else { return nil }
            return Progress(durable: durable, idle: idle)
        }
    }

    /// Makes the table say that it has the log up to `sequence`, of which it has all that is for it.
    func askAdvance(through sequence: UInt64) {
        state.withLock { $0.advanceThrough = max($0.advanceThrough ?? 0, sequence) }
        wake.raise()
    }

    private func takeAdvance() -> UInt64? {
        state.withLock { state in
            defer { state.advanceThrough = nil }
            guard let through = state.advanceThrough, let idle = state.idleThrough, through <= idle,
                through > state.committedThrough ?? 0
            else { return nil }
            return through
        }
    }

    private func advance(through sequence: UInt64) async throws(CommitError) {
        let watermark = state.withLock { $0.watermark }
        switch try await target.sink.advance(from: watermark, through: sequence) {
        case .committed(let receipt):
            state.withLock { state in
                state.watermark = receipt.watermark
                state.committedThrough = receipt.watermark
                state.machine?.advance(through: receipt.watermark)
            }
        case .restart(let after): restart(after: after)
        }
        await note()
        surroundings.onProgress()
    }
}
