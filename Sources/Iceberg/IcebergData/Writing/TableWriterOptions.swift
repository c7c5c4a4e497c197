import IcebergSpec
import ParquetFormat

/// How rows become data files.
public struct TableWriterOptions: Sendable {
    public var parquet: ParquetWriterOptions
    /// A file is closed when it is about this large: `write.target-file-size-bytes`.
    public var targetFileBytes = 512 << 20
    /// What all open files may hold in memory together; beyond it the largest is closed early.
    public var memoryBytes = 1 << 30
    /// Sort the rows of every file by the table's sort order. Rows are then held until their file is written.
    public var sorts = true
    /// Write the columns `_row_id` and `_last_updated_sequence_number`: for rows that lie in other files already
    /// (specification: "Row Lineage").
    public var keepsLineage = false

    public init(parquet: ParquetWriterOptions = ParquetWriterOptions()) { self.parquet = parquet }

    /// As the table's properties `write.target-file-size-bytes` and `write.parquet.…` say, where they are given.
    ///
    /// - Throws: `.invalid` for a property that is not what it should be.
    public init(properties: [String: String]) throws(DataError) {
        do {
            self.init(parquet: try ParquetWriterOptions(tableProperties: properties))
        } catch {
            throw DataError(error)
        }
        let key = "write.target-file-size-bytes"
        guard let text = properties[key] else { return }
        guard let number = Int(text), number > 0 else {
            throw DataError(.invalid, at: "table property \(key)", "\"\(text.prefix(40))\" is no number above 0")
        }
        targetFileBytes = number
    }
}
