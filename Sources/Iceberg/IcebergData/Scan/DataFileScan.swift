import Bitmaps
import IcebergSpec
import IcebergTable
import ParquetFormat

/// Reads the rows of one data file, row group by row group: those that are not deleted and pass the filter.
struct DataFileScan: Sendable {
    /// Indexes of the row groups to read.
    let rowGroups: [Int]
    private let task: ScanPlan.File
    private let context: ScanContext
    /// The projected columns that are stored, or could be.
    private let output: BatchReader
    /// What filter and equality deletes look at.
    private let tested: BatchReader
    private let positions: Bitmap64
    private let equality: [EqualityDeletes]
    /// What rules out rows before they are read.
    private let pruning: ColumnPredicate?

    /// Reads the file's footer and the deletes that apply to it.
    ///
    /// - Parameter bytes: only row groups that begin in this part of the file are read.
    init(
        _ task: ScanPlan.File, bytes: Range<Int64> = 0..<Int64.max, _ context: ScanContext
    ) async throws(DataError) {
        self.task = task
        self.context = context
        try task.file.checkIsRead()
        let deletes = task.deletes
        for delete in deletes where delete.format != .puffin { try delete.checkIsRead() }
        let file = try await StoredParquetFile(
            task.file.path, size: task.file.fileSizeBytes, store: context.store)
        rowGroups = file.metadata.rowGroups.indices.filter { index in
            bytes.contains(file.metadata.rowGroups[index].columns.map(\.startOffset).min() ?? 0)
        }
        let values = Self.partitionValues(task.file, context)
        output = try BatchReader(
            file, fields: context.fields.filter(\.isStored), names: context.names, partitionValues: values,
            unidentified: context.unidentified)
        tested = try BatchReader(
            file, fields: try Self.testedFields(task, context), names: context.names, partitionValues: values,
            unidentified: context.unidentified)
        positions = try await context.deletes.positions(of: task.file.path, deletes)
        equality = try await context.deletes.equalityDeletes(deletes)
        pruning = PredicateTranslation(reader: tested).translate(task.residual)
    }

    /// The rows of a row group that are left; nil when none is.
    func batch(rowGroup: Int) async throws(DataError) -> ColumnBatch? {
        let first = try firstPosition(rowGroup: rowGroup)
        guard let undeleted = try undeletedRows(rowGroup, first) else { return nil }
        let leaves = output.leaves.union(tested.leaves).sorted()
        let selected = try await output.file.read(
            rowGroup: rowGroup, leaves: leaves, where: pruning, rows: undeleted,
            decodedBytesMax: context.decodedBytesMax)
        guard selected.rowCount > 0 else { return nil }
        let passing = try passingRows(try tested.batch(rowGroup: rowGroup, from: selected, leaves: leaves))
        guard passing.map({ !$0.isEmpty }) ?? true else { return nil }
        let stored = try output.batch(rowGroup: rowGroup, from: selected, leaves: leaves)
        let left = passing.map { stored.gather(rows: $0) } ?? stored
        let rows = PickedRows(selected.rows, passing)
        do throws(DataError) {
            return try LineageColumns(task: task, metadata: context.metadata, firstPosition: first, rows: rows)
                .completing(left, to: context.fields)
        } catch {
            throw error.within("\(task.file.path), row group \(rowGroup)")
        }
    }

    /// The rows of a row group that no position delete names: nil when there are none.
    private func undeletedRows(_ rowGroup: Int, _ first: Int64) throws(DataError) -> RowRanges? {
        let count = try output.rowCount(rowGroup: rowGroup)
        let all = RowRanges(0..<count)
        let deleted = positions.positions(in: UInt64(first)..<UInt64(first + Int64(count)))
        let left =
            deleted.isEmpty
            ? all : all.subtracting(RowRanges(deleted.lazy.map { Int(Int64($0) - first) }.map { $0..<($0 + 1) }))
        return left.isEmpty ? nil : left
    }

    /// The rows of a batch that pass the filter and are not deleted by their values; nil for all of them.
    private func passingRows(_ batch: ColumnBatch) throws(DataError) -> [UInt32]? {
        do throws(DataError) {
            let matching = try RowFilter(predicate: task.residual).matchingRows(of: batch)
            guard !equality.isEmpty else { return matching }
            var keep = [Bool](repeating: matching == nil, count: batch.rowCount)
            for row in matching ?? [] { keep[Int(row)] = true }
            for deletes in equality { try deletes.unmark(&keep, batch) }
            var rows: [UInt32] = []
            for (row, isKept) in keep.enumerated() where isKept { rows.append(UInt32(row)) }
            return rows.count == batch.rowCount ? nil : rows
        } catch {
            throw error.within(task.file.path)
        }
    }

    /// How many rows of the file lie before a row group.
    private func firstPosition(rowGroup: Int) throws(DataError) -> Int64 {
        var first: Int64 = 0
        for group in output.file.metadata.rowGroups.prefix(rowGroup) {
            let (sum, overflow) = first.addingReportingOverflow(group.rowCount)
            guard !overflow, group.rowCount >= 0, sum <= Int64.max - Int64(DataLimits.rowGroupRowsMax) else {
                throw DataError(.malformed, at: task.file.path, "more rows than can be counted")
            }
            first = sum
        }
        return first
    }

    /// The columns that filter and equality deletes need.
    private static func testedFields(_ task: ScanPlan.File, _ context: ScanContext) throws(DataError) -> [NestedField] {
        var fields: [NestedField] = []
        for id in task.residual.fieldIDs.sorted() {
            guard let path = context.schema.path(to: id) else {
                throw DataError(.invalid, at: "field \(id)", "it is tested, but the schema does not have it")
            }
            fields.merge(path)
        }
        for delete in task.deletes where delete.content == .equalityDeletes {
            for field in try EqualityDeletes.fields(for: delete.equalityIDs, in: context.metadata, context.schema) {
                fields.merge(field)
            }
        }
        return fields
    }

    /// The values of identity partition fields, by source column.
    private static func partitionValues(_ file: DataFile, _ context: ScanContext) -> [Int: Datum?] {
        guard let spec = context.metadata.partitionSpec(id: file.specID), spec.fields.count == file.partition.count
        else {
            return [:]
        }
        var values: [Int: Datum?] = [:]
        for (field, value) in zip(spec.fields, file.partition) where field.transform == .identity {
            let type = context.schema.field(id: field.sourceID)?.type
            values.updateValue(value.map { $0.narrowed(to: type) }, forKey: field.sourceID)
        }
        return values
    }
}

extension Datum {
    /// The same number in the type that a column had before it was promoted, where an old state is read.
    fileprivate func narrowed(to type: IcebergType?) -> Datum {
        switch (self, type) {
        case (.long(let value), .int): Int32(exactly: value).map { .int($0) } ?? self
        case (.double(let value), .float): .float(Float(value))
        default: self
        }
    }
}

extension NestedField {
    /// Whether a data file may have the field: all but the metadata columns that only its manifest tells.
    fileprivate var isStored: Bool {
        switch MetadataColumn(rawValue: id) {
        case .file, .position, .specID, .partition: false
        case .rowID, .lastUpdatedSequenceNumber, nil: true
        }
    }
}
