import IcebergSpec
import ParquetFormat

/// A data file that still takes rows: encoded as they come, or held until they can be sorted.
///
/// Only the `TableWriter` that made it uses it.
final class OpenDataFile {
    let partition: [Datum?]
    /// Of the first rows that came: files are handed out in a stable order.
    let number: Int
    private let schema: ParquetSchema
    private let options: TableWriterOptions
    private let ordering: RowOrdering?
    private var writer: ParquetWriter?
    private var unsorted: RowGroup

    init(
        _ partition: [Datum?], _ schema: ParquetSchema, _ options: TableWriterOptions, _ ordering: RowOrdering?,
        number: Int
    ) {
        self.partition = partition
        self.number = number
        self.schema = schema
        self.options = options
        self.ordering = ordering
        unsorted = RowGroup(schema)
    }

    func append(_ rows: RowGroup) throws(DataError) {
        if ordering != nil { unsorted.append(rows) } else { try write(rows) }
    }

    var memoryBytes: Int {
        unsorted.byteCount + (writer?.finishedByteCount ?? 0) + (writer?.openByteCount ?? 0)
    }

    /// What the file takes when it is closed now. Rows that are not encoded yet are guessed at half their size.
    var estimatedFileBytes: Int {
        (writer?.finishedByteCount ?? 0) + ((writer?.openByteCount ?? 0) + unsorted.byteCount) / 2
    }

    func finish() throws(DataError) -> ParquetFile {
        if let ordering {
            let rows = try ordering.sort(unsorted)
            unsorted = RowGroup(schema)
            try write(rows)
        }
        do throws(ParquetError) {
            guard let writer = self.writer.take() else { return try newWriter().finish() }
            return try writer.finish()
        } catch {
            throw DataError(error).within("new data file")
        }
    }

    private func write(_ rows: RowGroup) throws(DataError) {
        do throws(ParquetError) {
            if writer == nil { writer = try newWriter() }
            try writer?.append(rows)
        } catch {
            throw DataError(error).within("new data file")
        }
    }

    private func newWriter() throws(ParquetError) -> ParquetWriter {
        var parquet = options.parquet
        if let ordering { parquet.sortingColumns = ordering.sortingColumns }
        return try ParquetWriter(schema: schema, options: parquet)
    }
}
