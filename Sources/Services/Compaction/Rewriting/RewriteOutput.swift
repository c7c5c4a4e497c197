import ParquetFormat
import Synchronization

/// The output files of one group, encoded as rows come in. Used from one thread after the other.
final class RewriteOutput: Sendable {
    private struct State: ~Copyable {
        var writer: ParquetWriter?
        var files: [ParquetFile] = []
    }

    private let settings: RewriteSettings
    private let isSorted: Bool
    private let state = Mutex(State())

    /// - Parameter isSorted: the rows come in the order of the sort key.
    init(_ settings: RewriteSettings, isSorted: Bool) {
        self.settings = settings
        self.isSorted = isSorted
    }

    func append(_ rows: RowGroup) throws(CompactionError) {
        let result = state.withLock { state in
            Result { () throws(ParquetError) in
                if state.writer == nil { state.writer = try newWriter() }
                try state.writer?.append(rows)
                // A little above the target rather than a small rest.
                if Int64(state.writer?.finishedByteCount ?? 0) > settings.targetFileBytes / 4 * 5,
                    let full = state.writer.take()
                {
                    state.files.append(try full.finish())
                }
            }
        }
        do { try result.get() } catch { throw CompactionError(error, in: "the new file") }
    }

    /// Every file, complete.
    func finish() throws(CompactionError) -> [ParquetFile] {
        let result = state.withLock { state in
            Result { () throws(ParquetError) in
                if let writer = state.writer.take() { state.files.append(try writer.finish()) }
                return state.files
            }
        }
        do { return try result.get() } catch { throw CompactionError(error, in: "the new file") }
    }

    private func newWriter() throws(ParquetError) -> ParquetWriter {
        var options = settings.options
        if isSorted, let leaf = settings.sortLeaf {
            options.sortingColumns = [SortingColumn(leafIndex: leaf, isDescending: false, nullsFirst: true)]
        }
        return try ParquetWriter(schema: settings.schema, options: options)
    }
}
