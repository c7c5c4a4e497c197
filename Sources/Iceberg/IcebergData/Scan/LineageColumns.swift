import IcebergSpec
import IcebergTable
import ParquetFormat

/// Adds the metadata columns to rows of a data file.
struct LineageColumns {
    let task: ScanPlan.File
    let metadata: TableMetadata
    /// Position in the file of the row group's first row.
    let firstPosition: Int64
    /// Which rows of the row group the batch has.
    let rows: PickedRows

    /// The batch with all of `fields`, in their order; those that are stored are in it already.
    func completing(_ batch: ColumnBatch, to fields: [NestedField]) throws(DataError) -> ColumnBatch {
        var columns: [ColumnVector] = []
        var stored = batch.columns.makeIterator()
        for field in fields {
            switch MetadataColumn(rawValue: field.id) {
            case nil:
                if let column = stored.next() { columns.append(column) }
            case .file:
                columns.append(try .repeating(.string(task.file.path), field, count: batch.rowCount))
            case .specID:
                columns.append(try .repeating(.int(Int32(clamping: task.file.specID)), field, count: batch.rowCount))
            case .position:
                columns.append(
                    ColumnVector(
                        unchecked: field, count: batch.rowCount, validity: nil, values: .long(positions())
                    ))
            case .partition: columns.append(try partition(field, batch.rowCount))
            case .rowID:
                let first = task.file.firstRowID
                let inherited = first.map { first in positions().map { first &+ $0 } }
                if let column = stored.next() { columns.append(column.filling(inherited)) }
            case .lastUpdatedSequenceNumber:
                let hasLineage = task.file.firstRowID != nil
                let inherited = [Int64](repeating: task.dataSequenceNumber, count: batch.rowCount)
                if let column = stored.next() { columns.append(column.filling(hasLineage ? inherited : nil)) }
            }
        }
        return ColumnBatch(unchecked: columns, rowCount: batch.rowCount)
    }

    private func positions() -> [Int64] {
        var positions: [Int64] = []
        for range in rows.read.ranges {
            positions.append(
                contentsOf: (firstPosition + Int64(range.lowerBound))..<(firstPosition + Int64(range.upperBound)))
        }
        return rows.kept.map { $0.map { positions[Int($0)] } } ?? positions
    }

    private func partition(_ field: NestedField, _ count: Int) throws(DataError) -> ColumnVector {
        guard case .structure(let fields) = field.type else { return try .nulls(field, count: count) }
        let spec = metadata.partitionSpec(id: task.file.specID)
        var vectors: [ColumnVector] = []
        for child in fields {
            let index = spec?.fields.firstIndex { $0.fieldID == child.id }
            let value = index.flatMap { task.file.partition.indices.contains($0) ? task.file.partition[$0] : nil }
            vectors.append(try .repeating(child.type == .unknown ? nil : value, child, count: count))
        }
        return ColumnVector(unchecked: field, count: count, validity: nil, values: .structure(vectors))
    }
}

extension ColumnVector {
    /// The same with other values where it has none.
    fileprivate func filling(_ inherited: [Int64]?) -> ColumnVector {
        guard let inherited, let validity, case .long(let own) = values else { return self }
        let merged = own.indices.map { validity[$0] ? own[$0] : inherited[$0] }
        return ColumnVector(unchecked: field, count: count, validity: nil, values: .long(merged))
    }
}

/// Rows of a row group: those that were read, and of these the kept ones (nil for all), by their places among the read.
struct PickedRows {
    let read: RowRanges
    let kept: [UInt32]?

    init(_ read: RowRanges, _ kept: [UInt32]?) {
        self.read = read
        self.kept = kept
    }
}
