import ParquetFormat
import Synchronization

/// The rows of a full buffer, which no event is added to any more: first as columns, then, once someone had time, as a
/// compressed row group of the file they will be in. Shared by the open batch, or the one being committed, and whoever
/// encodes them.
package final class ClosedRows: Sendable {
    private enum State: Sendable {
        case rows(EventRows)
        /// `layout` names what decided how: schema, compression.
        case encoded(EncodedRowGroup, layout: [String])
    }

    package let partition: EventPartition
    package let count: Int
    package let newestReceivedAt: Int64
    /// What the rows took as columns.
    package let bytes: Int
    /// Tells the batch they belong to from all others of the same machine.
    package let batch: Int
    private let state: Mutex<State>

    init(_ rows: EventRows, batch: Int) {
        partition = rows.partition
        count = rows.count
        newestReceivedAt = rows.newestReceivedAt
        bytes = rows.bytes
        self.batch = batch
        state = Mutex(.rows(rows))
    }

    /// The row group, made by `encode` unless it has been made for the same layout; whoever asks meanwhile waits. Nil when
    /// it was made for another layout: the rows are gone then, but in the log.
    ///
    /// Cost: CPU-bound.
    package func rowGroup<E: Error>(
        for layout: [String], _ encode: (EventRows) throws(E) -> EncodedRowGroup
    ) throws(E) -> EncodedRowGroup? {
        try state.withLock { state throws(E) in
            switch state {
            case .encoded(let group, let made): return made == layout ? group : nil
            case .rows(let rows):
                let group = try encode(rows)
                state = .encoded(group, layout: layout)
                return group
            }
        }
    }
}
