import JSONFormat
import ParquetFormat

/// The page indexes of one column chunk, held against its pages (parquet-format: PageIndex.md).
struct PageIndexes: Sendable {
    /// Why an index that the footer names cannot be read.
    private(set) var problems: [String] = []
    private var columns: ColumnIndex?
    private var offsets: OffsetIndex?
    private let leaf: SchemaLeaf

    /// Fetches both, where there are any.
    init(_ parquet: InspectedParquet, rowGroup: Int, leaf: SchemaLeaf) async {
        self.leaf = leaf
        let group = parquet.metadata.rowGroups[rowGroup]
        let chunk = group.columns[leaf.index]
        do {
            if let offset = chunk.offsetIndexOffset, let length = chunk.offsetIndexLength {
                let bytes = try await parquet.bytes(at: offset, count: Int64(length), "offset index")
                offsets = try OffsetIndex(bytes, rowCount: group.rowCount)
            }
        } catch {
            problems.append("\(error)")
        }
        do {
            if let offset = chunk.columnIndexOffset, let length = chunk.columnIndexLength {
                let bytes = try await parquet.bytes(at: offset, count: Int64(length), "column index")
                columns = try ColumnIndex(bytes)
            }
        } catch {
            problems.append("\(error)")
        }
    }

    /// `ascending`, `descending` or `unordered`; nil without a column index.
    var boundaryOrder: String? { columns.map { "\($0.boundaryOrder)" } }

    /// What the indexes say of the data page of this number, and is not so.
    func contradiction(of page: PageDescription, number: Int) -> String? {
        contradictionOfOffsets(page, number) ?? contradictionOfColumns(page, number)
    }

    private func contradictionOfColumns(_ page: PageDescription, _ number: Int) -> String? {
        guard let columns, let values = page.valueCount else { return nil }
        guard columns.nullPages.indices.contains(number) else {
            return "the column index has only \(columns.nullPages.count) pages"
        }
        if columns.nullPages[number] && values > 0 && leaf.maxDefinitionLevel == 0 {
            return "the column index has only nulls in it, and the column is required"
        }
        guard columns.nullCounts.indices.contains(number) else { return nil }
        let nulls = columns.nullCounts[number]
        return (0...Int64(values)).contains(nulls) ? nil : "the column index counts \(nulls) nulls of \(values) values"
    }

    private func contradictionOfOffsets(_ page: PageDescription, _ number: Int) -> String? {
        guard let offsets else { return nil }
        guard offsets.pages.indices.contains(number) else {
            return "the offset index has only \(offsets.pages.count) pages"
        }
        let stated = offsets.pages[number]
        guard stated.offset == page.offset, Int(stated.compressedSize) == page.headerSize + page.compressedSize else {
            return "the offset index has it at \(stated.offset) with \(stated.compressedSize) bytes"
        }
        return nil
    }

    /// Adds first row, nulls and bounds of the data page of this number.
    func describe(_ number: Int, into row: inout JSONObject) {
        if let offsets, offsets.pages.indices.contains(number) {
            row["first row"] = JSONValue(offsets.pages[number].firstRow)
        }
        guard let columns, columns.nullPages.indices.contains(number) else { return }
        if columns.nullCounts.indices.contains(number) { row["nulls"] = JSONValue(columns.nullCounts[number]) }
        if columns.nanCounts.indices.contains(number) { row["nans"] = JSONValue(columns.nanCounts[number]) }
        let isNull = columns.nullPages[number]
        row["min"] = isNull ? .null : ParquetBound.describe(columns.minima[number], of: leaf)
        row["max"] = isNull ? .null : ParquetBound.describe(columns.maxima[number], of: leaf)
    }
}
