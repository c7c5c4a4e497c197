extension FileMetadata {
    /// What a table format records about a file, from its footer alone: for files that others wrote.
    ///
    /// A bound is there only when every row group with values states one in a known order; NaNs are counted only where
    /// the file counts them.
    ///
    /// - Parameter fileSize: what the store says; a footer does not know it.
    public func summary(fileSize: Int64) -> ParquetFileSummary {
        let columns = schema.leaves.map { leaf in column(leaf) }
        let offsets = rowGroups.compactMap { $0.columns.map(\.startOffset).min() }
        return ParquetFileSummary(
            rowCount: rowCount, fileSizeBytes: fileSize,
            splitOffsets: zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 } ? offsets : [], columns: columns)
    }

    private func column(_ leaf: SchemaLeaf) -> ColumnSummary {
        var summary = ColumnSummary(
            leaf: leaf, compressedBytes: 0, uncompressedBytes: 0, valueCount: 0, nullCount: 0, nanCount: nil)
        var nans: Int64? = leaf.isFloatingPoint ? 0 : nil
        var bounds = FooterBounds(leaf)
        for chunk in rowGroups.map({ $0.columns[leaf.index] }) {
            summary.compressedBytes.addClamped(chunk.totalCompressedSize)
            summary.uncompressedBytes.addClamped(chunk.totalUncompressedSize)
            summary.valueCount.addClamped(chunk.valueCount)
            let nulls = leaf.maxDefinitionLevel == 0 ? 0 : chunk.statistics?.nullCount
            summary.nullCount = nulls.flatMap { count in summary.nullCount.map { $0.addingClamped(count) } }
            nans = chunk.statistics?.nanCount.flatMap { count in nans.map { $0.addingClamped(count) } }
            if nulls != chunk.valueCount { bounds.add(chunk.statistics) }
        }
        summary.nanCount = leaf.isFloatingPoint ? nans : nil
        summary.min = bounds.min
        summary.max = bounds.max
        return summary
    }
}

/// The bounds of one leaf over its row groups.
private struct FooterBounds {
    private let comparison: ValueComparison
    private var isKnown = true
    private(set) var min: ColumnBound?
    private(set) var max: ColumnBound?

    init(_ leaf: SchemaLeaf) { comparison = ValueComparison(leaf) }

    /// Takes in a row group that has values.
    mutating func add(_ statistics: ColumnStatistics?) {
        guard isKnown, let low = statistics?.min, let high = statistics?.max, comparison.order != .undefined else {
            isKnown = false
            min = nil
            max = nil
            return
        }
        if min.map({ comparison.isLess(low.bytes, $0.bytes) }) ?? true { min = low }
        if max.map({ comparison.isLess($0.bytes, high.bytes) }) ?? true { max = high }
    }
}

extension Int64 {
    /// Counts of a footer that nobody vouches for.
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate mutating func addClamped(_ other: Int64) { self = addingClamped(other) }
}
