import Batching
import Committing
import ServiceHost

/// Calls of `flush` that wait for one table, and what has been committed for them.
struct FlushWaiters {
    typealias Flushed = EventPipeline.Flushed

    struct Waiter {
        let id: Int
        /// Waits until the table has the log up to here.
        let target: UInt64
        /// Counts and lists only events of this type.
        let type: String?
        let deadline: Int64
        /// Of the request that asked for it.
        let trace: CallTrace?
        var flushed = Flushed()
        let resume: @Sendable (Result<Flushed, CommitError>) -> Void

        mutating func credit(_ batch: SealedBatch, _ receipt: TableCommitter.Receipt) {
            flushed.snapshotID = receipt.snapshotID ?? flushed.snapshotID
            var listed: Set<Int> = []
            for (index, buffer) in batch.buffers.enumerated() {
                guard type.map({ $0 == buffer.partition.type }) ?? true else { continue }
                flushed.events += buffer.count
                guard index < receipt.fileOfBuffer.count else { continue }
                let file = receipt.fileOfBuffer[index]
                if listed.insert(file).inserted { flushed.files.append(receipt.files[file]) }
            }
        }
    }

    private(set) var all: [Waiter] = []
    private var added = 0

    mutating func add(
        target: UInt64, type: String?, deadline: Int64,
        resume: @escaping @Sendable (Result<Flushed, CommitError>) -> Void
    ) {
        added += 1
        let trace = CallTrace.current
        all.append(Waiter(id: added, target: target, type: type, deadline: deadline, trace: trace, resume: resume))
    }

    mutating func credit(_ batch: SealedBatch, _ receipt: TableCommitter.Receipt) {
        for index in all.indices { all[index].credit(batch, receipt) }
    }

    /// Those for whom `isDone`, who are then no longer among them. The caller resumes them, without holding a lock.
    mutating func take(where isDone: (Waiter) -> Bool) -> [Waiter] {
        guard !all.isEmpty else { return [] }
        defer { all.removeAll(where: isDone) }
        return all.filter(isDone)
    }
}
