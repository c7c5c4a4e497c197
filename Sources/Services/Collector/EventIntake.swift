import Batching
import Clocks
import Events
import Failpoints
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
    private let clock: any WallClock

    package init(
        parser: EventParser, gate: SchemaGate? = nil, log: any RecordLog, window: DedupWindow,
        clock: any WallClock = SystemClock()
    ) {
        self.parser = parser
        self.gate = gate
        self.log = log
        self.window = Mutex(window)
        self.clock = clock
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

    /// - Throws: `EventBodyError` when the request as a whole cannot be read; `LogError` when nothing was kept.
    package func accept(
        _ request: EventRequest, context: EventContext, rules: EventRules = EventRules()
    ) async throws -> Reply {
        let read = rules.apply(to: try parser.parse(request, at: context.receivedAt))
        let batch = gate?.judge(read) ?? read
        let seconds = context.receivedAt.milliseconds / 1000
        var duplicates: [Int] = []
        if !batch.accepted.isEmpty {
            let (found, outcome) = await enqueue(batch, context, seconds)
            duplicates = found
            if case .failure(let error) = outcome {
                window.withLock { window in
                    for (position, event) in batch.accepted.enumerated() where !Self.contains(found, position) {
                        window.remove(event.key)
                    }
                }
                throw error
            }
        }
        if !duplicates.isEmpty { try await log.waitForQueued() }
        Failpoint.intakeBeforeReply.pass()
        return Reply(
            accepted: batch.accepted.count - duplicates.count, duplicates: duplicates.count,
            rejections: batch.rejections)
    }

    /// Waits for the log. Returns which events are duplicates, as ascending places in `batch.accepted`.
    private func enqueue(
        _ batch: EventBatch, _ context: EventContext, _ seconds: Int64
    ) async -> ([Int], Result<UInt64, LogError>) {
        await withCheckedContinuation { continuation in
            window.withLock { window in
                var duplicates: [Int] = []
                for (position, event) in batch.accepted.enumerated() where !window.insert(event.key, at: seconds) {
                    duplicates.append(position)
                }
                let found = duplicates
                guard found.count < batch.accepted.count else {
                    continuation.resume(returning: (found, .success(0)))
                    return
                }
                do throws(LogError) {
                    _ = try log.enqueue(batch.record(context: context, excluding: found)) { result in
                        continuation.resume(returning: (found, result))
                    }
                } catch {
                    continuation.resume(returning: (found, .failure(error)))
                }
            }
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
