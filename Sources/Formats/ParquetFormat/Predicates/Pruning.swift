/// What is known about some rows of one leaf without reading them.
struct RowBounds {
    var least: [UInt8]?
    var greatest: [UInt8]?
    /// Rows, nulls among them.
    var rowCount: Int64
    var nullCount: Int64?
    var nanCount: Int64?
    var isAllNull = false

    /// Of a column chunk. A leaf that does not repeat has one entry a row.
    init(_ statistics: ColumnStatistics?, rowCount: Int64) {
        least = statistics?.min?.bytes
        greatest = statistics?.max?.bytes
        self.rowCount = rowCount
        nullCount = statistics?.nullCount
        nanCount = statistics?.nanCount
    }

    /// Of a page.
    init(_ index: ColumnIndex, page: Int, rowCount: Int, _ leaf: SchemaLeaf, _ order: ColumnOrder?) {
        self.rowCount = Int64(rowCount)
        isAllNull = index.nullPages[page]
        nullCount = index.nullCounts.isEmpty ? nil : index.nullCounts[page]
        nanCount = index.nanCounts.isEmpty ? nil : index.nanCounts[page]
        guard !isAllNull else { return }
        if ColumnBound.isUsable(index.minima[page], leaf, order) { least = index.minima[page] }
        if ColumnBound.isUsable(index.maxima[page], leaf, order) { greatest = index.maxima[page] }
    }
}

extension CompiledTest {
    func match(_ bounds: RowBounds) -> RowMatch {
        let hasNoNulls = bounds.nullCount == 0 || leaf.maxDefinitionLevel == 0
        let hasOnlyNulls = bounds.isAllNull || (bounds.nullCount == bounds.rowCount && bounds.rowCount > 0)
        let match: RowMatch
        switch condition {
        case .isNull: return hasOnlyNulls ? .all : (hasNoNulls ? .none : .some)
        case .isNotNull: return hasOnlyNulls ? .none : (hasNoNulls ? .all : .some)
        case .numbers(let set):
            guard !hasOnlyNulls else { return .none }
            match = set.match(keys(bounds))
        case .byteStrings(let set):
            guard !hasOnlyNulls else { return .none }
            match = set.match(bounds.least, bounds.greatest)
        }
        return match == .all && !hasNoNulls ? .some : match
    }

    /// Bounds leave out NaN, which is the greatest value: only a count of none closes the interval.
    private func keys(_ bounds: RowBounds) -> ClosedRange<Int64> {
        let low = bounds.least.flatMap { NumberKey.of(plain: $0, leaf) } ?? .min
        var high = bounds.greatest.flatMap { NumberKey.of(plain: $0, leaf) } ?? .max
        if leaf.isFloatingPoint {
            high = bounds.nanCount == 0 ? min(high, .max - 1) : .max
        }
        return low <= high ? low...high : .min ... .max
    }

    /// Whether a bloom filter proves that no row fulfils the test.
    func isExcluded(by filter: BloomFilter?) -> Bool {
        guard let filter, let hashes else { return false }
        return !hashes.contains(where: filter.mayContain(hash:))
    }
}

/// What statistics, page indexes and bloom filters of a row group say about a predicate.
struct Pruning {
    /// Rows that may fulfil it; all others certainly do not.
    var possible: RowRanges
    /// Rows that certainly fulfil it.
    var certain: RowRanges
}

/// The indexes of a row group that were read, by leaf.
struct RowGroupIndexes {
    var columnIndexes: [Int: ColumnIndex] = [:]
    var offsetIndexes: [Int: OffsetIndex] = [:]
    var bloomFilters: [Int: BloomFilter] = [:]
}

extension CompiledPredicate {
    func prune(_ metadata: FileMetadata, rowGroup: Int, _ indexes: RowGroupIndexes) -> Pruning {
        let all = RowRanges(0..<Int(metadata.rowGroups[rowGroup].rowCount))
        switch self {
        case .test(let test): return test.prune(metadata, rowGroup, indexes, all)
        case .and(let parts):
            return parts.reduce(into: Pruning(possible: all, certain: all)) { result, part in
                let pruned = part.prune(metadata, rowGroup: rowGroup, indexes)
                result.possible = result.possible.intersection(pruned.possible)
                result.certain = result.certain.intersection(pruned.certain)
            }
        case .or(let parts):
            return parts.reduce(into: Pruning(possible: RowRanges(), certain: RowRanges())) { result, part in
                let pruned = part.prune(metadata, rowGroup: rowGroup, indexes)
                result.possible = result.possible.union(pruned.possible)
                result.certain = result.certain.union(pruned.certain)
            }
        }
    }
}

extension CompiledTest {
    fileprivate func prune(
        _ metadata: FileMetadata, _ rowGroup: Int, _ indexes: RowGroupIndexes, _ all: RowRanges
    ) -> Pruning {
        let group = metadata.rowGroups[rowGroup]
        if isExcluded(by: indexes.bloomFilters[leaf.index]) {
            return Pruning(possible: RowRanges(), certain: RowRanges())
        }
        switch match(RowBounds(group.columns[leaf.index].statistics, rowCount: group.rowCount)) {
        case .none: return Pruning(possible: RowRanges(), certain: RowRanges())
        case .all: return Pruning(possible: all, certain: all)
        case .some: break
        }
        guard let columnIndex = indexes.columnIndexes[leaf.index],
            let offsetIndex = indexes.offsetIndexes[leaf.index],
            columnIndex.pageCount == offsetIndex.pages.count, columnIndex.isCredible
        else { return Pruning(possible: all, certain: RowRanges()) }
        var pruning = Pruning(possible: RowRanges(), certain: RowRanges())
        let order = metadata.columnOrders.isEmpty ? nil : metadata.columnOrders[leaf.index]
        for page in offsetIndex.pages.indices {
            let rows = offsetIndex.rows(of: page, rowCount: Int(group.rowCount))
            let match = match(RowBounds(columnIndex, page: page, rowCount: rows.count, leaf, order))
            if match != .none { pruning.possible.append(rows) }
            if match == .all { pruning.certain.append(rows) }
        }
        return pruning
    }
}

extension FileMetadata {
    /// The row groups that may hold rows that fulfil the predicate, by their statistics alone.
    ///
    /// Bounds are used only in an order that is known for certain: deprecated minima and maxima of signed numbers only,
    /// floating point bounds never against NaN unless the file says that there is none.
    ///
    /// - Throws: `.invalidArgument` when the predicate does not fit the schema.
    public func rowGroups(where predicate: ColumnPredicate) throws(ParquetError) -> [Int] {
        let compiled = try CompiledPredicate(predicate, schema)
        return rowGroups.indices.filter {
            !compiled.prune(self, rowGroup: $0, RowGroupIndexes()).possible.isEmpty
        }
    }
}
