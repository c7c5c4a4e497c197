import Batching
import ParquetFormat

/// Encodes rows ahead of their commit, as the table now wants them: memory then holds them compressed, and little is left
/// to do when the batch is sealed.
package struct RowEncoder: Sendable {
    let layout: EventLayout

    /// Leaves the rows encoded. Cost: CPU-bound.
    ///
    /// - Returns: the bytes they take then; nil when they had been encoded for an earlier layout of the table.
    package func encode(_ rows: ClosedRows) throws(CommitError) -> Int? {
        try layout.rowGroup(of: rows)?.byteCount
    }
}
