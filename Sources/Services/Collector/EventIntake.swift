import Batching
import Clocks
import Events
import Failpoints
import Files
import ServiceHost
import Synchronization
import WriteAheadLog

/// Takes requests with events: reads, judges, recognises duplicates, logs. When `accept` returns, every accepted event is
/// durable (`WAL_SYNC`), and every event it calls a duplicate is so because its original is.
package final class EventIntake: Sendable {
    package struct Reply: Sendable {
        package let accepted: Int
        package let duplicates: Int
        package let rejections: [EventRejection]
    }

    private let parser: EventParser
    /// Judges events of registered types.
    private let gate: SchemaGate?
    private let log: any RecordLog
    /// Keys are entered and records queued in one step, so that whoever finds a key can wait for its record.
    private let window: Mutex<DedupWindow>
    /// Appends that failed after their keys could be found.
    private let losses = Mutex<(count: Int, last: LogError?)>((0, nil))
    private let clock: any WallClock
    /// nil: what is refused is not logged.
    private let refusals: RefusalKeeper?
    /// Of the ids of events that come without: a system call for each request that may need some would cost more.
    private let identifiers = IdentifierSource()
    /// What must be durable before anything is appended.
    private let beforeAppending: @Sendable () throws(FileError) -> Void

    package init(
        parser: EventParser, gate: SchemaGate? = nil, log: any RecordLog, window: DedupWindow,
        refusals: RefusalKeeper? = nil, clock: any WallClock = SystemClock(),
        beforeAppending: @escaping @Sendable () throws(FileError) -> Void = {}
    ) {
        self.parser = parser
        self.gate = gate
        self.log = log
        self.window = Mutex(window)
        self.refusals = refusals
        self.clock = clock
        self.beforeAppending = beforeAppending
    }

    package var rememberedKeys: Int { window.withLock { $0.count } }
    package var forgottenKeys: Int { window.withLock { $0.forgotten } }

    /// What `accept` would answer, without keeping anything.
    package func examine(
        _ request: EventRequest, at now: Timestamp, rules: EventRules = EventRules()
    ) throws(EventBodyError) -> Reply {
        let read = rules.apply(to: try parser.parse(request, at: now))
        let batch = gate?.judge(read, isDryRun: true) ?? read
        let seconds = now.milliseconds / 1000
        var seen: Set<EventKey> = []
        let duplicates = window.withLock { window in
            batch.accepted.count { window.contains($0.key, at: seconds) || !seen.insert($0.key).inserted }
        }
        return Reply(
            accepted: batch.accepted.count - duplicates, duplicates: duplicates, rejections: batch.rejections)
    }

    /// Refusals are logged with the accepted events of their request, as far as there is room to spare for them.
    ///
    /// - Throws: `EventBodyError` when the request as a whole cannot be read; `LogError` when nothing was kept.
    package func accept(
        _ request: EventRequest, context: EventContext, rules: EventRules = EventRules(), sender: RefusalSender? = nil
    ) async throws -> Reply {
        let sender = sender ?? RefusalSender(receivedAt: context.receivedAt)
        let batch = try await reading(request, sender) { request throws(EventBodyError) in
            let read = rules.apply(to: try parser.parse(request, at: context.receivedAt, identifiers))
            return gate?.judge(read) ?? read
        }
        let refused = refusals?.encode(batch.rejections, of: request, sender) ?? EncodedRefusals()
        var duplicates = 0
        if batch.accepted.isEmpty {
            await keep(refused, context)
        } else {
            duplicates = try await log(batch, context, refused)
        }
        Failpoint.intakeBeforeReply.pass()
        return Reply(
            accepted: batch.accepted.count - duplicates, duplicates: duplicates, rejections: batch.rejections)
    }

    /// What `body` makes of a request; one that it cannot read is logged as a refusal.
    package func reading<R>(
        _ request: EventRequest, _ sender: RefusalSender, _ body: (EventRequest) throws(EventBodyError) -> R
    ) async throws(EventBodyError) -> R {
        do throws(EventBodyError) {
            return try body(request)
        } catch {
            if let refusals {
                await keep(
                    refusals.encode(error, of: request, sender), EventContext(receivedAt: sender.receivedAt))
            }
            throw error
        }
    }

    /// Logs the accepted events, and `refused` if there is room for both.
    ///
    /// - Returns: how many of them are duplicates; their originals are durable.
    private func log(
        _ batch: EventBatch, _ context: EventContext, _ refused: EncodedRefusals
    ) async throws(LogError) -> Int {
        do throws(LogError) {
            let duplicates = try await append(batch, context, refused)
            refusals?.keep(refused.count)
            return duplicates
        } catch {
            refusals?.drop(refused.count)
            guard error.code == .full, refused.count > 0 else { throw error }
            return try await append(batch, context, EncodedRefusals())
        }
    }

    /// One record for the events that are no duplicates and for `others`, all or nothing.
    private func append(
        _ batch: EventBatch, _ context: EventContext, _ others: EncodedRefusals
    ) async throws(LogError) -> Int {
        do throws(FileError) {
            try beforeAppending()
        } catch {
            throw LogError(error.isNoSpace ? .full : .failed, "the log cannot be appended to: \(error)")
        }
        let lossesBefore = losses.withLock { $0.count }
        let (duplicates, outcome) = await enqueue(batch, context, others)
        if case .failure(let error) = outcome { throw error }
        if !duplicates.isEmpty {
            try await log.waitForQueued()
            // What was found may have been one of these: that it waits no more does not mean that it is durable.
            let (count, last) = losses.withLock { $0 }
            if let last, count != lossesBefore { throw last }
        }
        return duplicates.count
    }

    /// Logs refusals alone. That the log has no room for them is no concern of the sender.
    private func keep(_ refused: EncodedRefusals, _ context: EventContext) async {
        guard refused.count > 0 else { return }
        do throws(LogError) {
            _ = try await append(.empty, context, refused)
            refusals?.keep(refused.count)
        } catch {
            refusals?.drop(refused.count)
        }
    }

    /// Waits for the log. When it takes nothing, the keys are forgotten before anyone is told.
    ///
    /// - Returns: which events are duplicates, as ascending places in `batch.accepted`.
    private func enqueue(
        _ batch: EventBatch, _ context: EventContext, _ others: EncodedRefusals
    ) async -> ([Int], Result<UInt64, LogError>) {
        let seconds = context.receivedAt.milliseconds / 1000
        return await withCheckedContinuation { continuation in
            window.withLock { window in
                window.prepare(batch.accepted)
                var duplicates: [Int] = []
                for (position, event) in batch.accepted.enumerated() where !window.insert(event.key, at: seconds) {
                    duplicates.append(position)
                }
                let found = duplicates
                guard found.count < batch.accepted.count || others.count > 0 else {
                    continuation.resume(returning: (found, .success(0)))
                    return
                }
                do throws(LogError) {
                    let record = batch.record(context: context, excluding: found, refusals: others)
                    _ = try log.enqueue(record) { [self] result in
                        if case .failure(let error) = result { forget(batch, but: found, error) }
                        continuation.resume(returning: (found, result))
                    }
                } catch {
                    Self.remove(batch, but: found, from: &window)
                    continuation.resume(returning: (found, .failure(error)))
                }
            }
        }
    }

    /// In this order: whoever found a key before it was removed sees the loss afterwards.
    private func forget(_ batch: EventBatch, but duplicates: [Int], _ error: LogError) {
        window.withLock { Self.remove(batch, but: duplicates, from: &$0) }
        losses.withLock { $0 = ($0.count + 1, error) }
    }

    private static func remove(_ batch: EventBatch, but duplicates: [Int], from window: inout DedupWindow) {
        for (position, event) in batch.accepted.enumerated() where !contains(duplicates, position) {
            window.remove(event.key)
        }
    }

    private static func contains(_ sorted: [Int], _ value: Int) -> Bool {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == value
    }
}

// MARK: - Replaying what was refused

extension EventIntake {
    package enum Replay: Sendable {
        case taken(accepted: Int, duplicates: Int)
        /// Nothing was taken: these events are still refused.
        case refused([EventRejection])
        /// Nothing was taken: the bytes as a whole cannot be read.
        case unreadable(EventBodyError)
    }

    /// Sends what was refused through the intake again, whole or not at all: it is taken only when none of its events is
    /// refused now.
    ///
    /// Its events and the row that says it was replayed are one record of the log: both are durable, or neither. A missing
    /// id and time become the same at each replay, for they follow from the refusal.
    package func replay(_ refused: QuarantinedEvent, isTrial: Bool = false) async throws(LogError) -> Replay {
        let batch: EventBatch
        do throws(EventBodyError) {
            let read = try parser.parse(refused.request, at: refused.receivedAt, ReplayRandom(refused.id))
            batch = gate?.judge(read, isDryRun: isTrial) ?? read
        } catch {
            return .unreadable(error)
        }
        guard batch.rejections.isEmpty else { return .refused(batch.rejections) }
        if isTrial { return .taken(accepted: batch.accepted.count, duplicates: 0) }
        let now = clock.now()
        var marker = EncodedRefusals()
        marker.append(
            Refusal(
                id: refused.id, reason: Refusal.replayed, receivedAt: now, raw: [],
                details: [(Refusal.Name.message, "replayed with \(batch.accepted.count) events")]))
        let duplicates = try await append(batch, EventContext(receivedAt: now), marker)
        return .taken(accepted: batch.accepted.count - duplicates, duplicates: duplicates)
    }
}

/// The same bits for the same refusal.
private struct ReplayRandom: RandomSource {
    private let bits: UInt64

    init(_ id: String) {
        // FNV-1a over a random id: the bits need to differ between refusals, not to be secret.
        bits = id.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    func next() -> UInt64 { bits }
}
