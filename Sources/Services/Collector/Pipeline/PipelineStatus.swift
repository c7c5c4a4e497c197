import Batching
import Clocks

extension EventPipeline {
    /// What a flush brought into the event table.
    package struct Flushed: Sendable {
        package var events = 0
        package var snapshotID: Int64?
        package var files: [String] = []
        /// What it brought into the other tables, by name.
        package var others: [String: Flushed] = [:]
    }

    package struct BufferStatus: Sendable {
        package let partition: EventPartition
        package let count: Int
        package let bytes: Int
        package let ageMilliseconds: Int64

        init(_ buffer: BatchMachine.Buffer, at now: Int64) {
            partition = buffer.partition
            count = buffer.count
            bytes = buffer.bytes
            ageMilliseconds = now - buffer.since
        }

        private init(_ left: BufferStatus, _ right: BufferStatus) {
            partition = left.partition
            count = left.count + right.count
            bytes = left.bytes + right.bytes
            ageMilliseconds = max(left.ageMilliseconds, right.ageMilliseconds)
        }

        /// One for each partition, in order.
        static func merged(_ buffers: [BufferStatus]) -> [BufferStatus] {
            var merged: [EventPartition: BufferStatus] = [:]
            for buffer in buffers {
                merged[buffer.partition] = merged[buffer.partition].map { BufferStatus($0, buffer) } ?? buffer
            }
            return merged.values.sorted {
                ($0.partition.type, $1.partition.hour) < ($1.partition.type, $0.partition.hour)
            }
        }
    }

    /// One table's part.
    package struct TableStatus: Sendable {
        package let name: String
        package let buffers: [BufferStatus]
        package let bufferedBytes: Int
        package let inFlightEvents: Int
        /// Calls of `flush` that wait for a commit.
        package let waitingFlushes: Int
        /// nil until the table has been read.
        package let committedThrough: UInt64?
        /// The table lacks nothing up to here: what lies behind its watermark is not for it. nil as `committedThrough`.
        package let settledThrough: UInt64?
        package let lastCommit: Timestamp?
        package let lastSnapshotID: Int64?
        package let commits: Int
        /// Why the present attempt fails; nil while all goes well.
        package let trouble: String?
        /// Milliseconds since when nothing could be committed although there was something to commit.
        package let troubleMilliseconds: Int64?
        /// Why nothing will be committed any more before an operator has looked.
        package let halted: String?
    }

    /// Everything at once: the event table's part, and the others'.
    package struct Status: Sendable {
        package let events: TableStatus
        /// The tables beside the event table, in the order they were added.
        package let others: [TableStatus]
        /// Records that are durable and wait to be buffered.
        package let queuedBytes: Int

        package var buffers: [BufferStatus] { events.buffers }
        /// Memory of all buffers, and of what waits for them.
        package var bufferedBytes: Int { others.reduce(events.bufferedBytes + queuedBytes) { $0 + $1.bufferedBytes } }
        package var inFlightEvents: Int { events.inFlightEvents }
        package var waitingFlushes: Int { events.waitingFlushes }
        package var committedThrough: UInt64? { events.committedThrough }
        package var lastCommit: Timestamp? { events.lastCommit }
        package var lastSnapshotID: Int64? { events.lastSnapshotID }
        package var commits: Int { events.commits }
        package var trouble: String? { events.trouble }
        package var troubleMilliseconds: Int64? { events.troubleMilliseconds }
        package var halted: String? { events.halted }
    }

    /// What every request asks for of the event table: without a look at any buffer.
    package struct Condition: Sendable {
        /// As in `TableStatus`.
        package let troubleMilliseconds: Int64?
        package let halted: String?
    }
}
