/// Offset index and column index of one column chunk (PageIndex.md), collected page by page.
struct PageIndex {
    private struct Page {
        var offset: Int64
        var compressedSize: Int32
        var firstRow: Int64
        var nullCount: Int64
        var nanCount: Int64
        var isNull: Bool
        var bounds: ValueBounds?
        var sizes: SizeStatistics?
    }

    private typealias Histogram = KeyPath<SizeStatistics, [Int64]?>

    private var pages: [Page] = []

    mutating func append(
        offset: Int64, compressedSize: Int, firstRow: Int, valueCount: Int, nullCount: Int, nanCount: Int64,
        bounds: ValueBounds?, sizes: SizeStatistics?
    ) {
        pages.append(
            Page(
                offset: offset, compressedSize: Int32(compressedSize), firstRow: Int64(firstRow),
                nullCount: Int64(nullCount), nanCount: nanCount, isNull: valueCount == 0, bounds: bounds, sizes: sizes))
    }

    func offsetIndex() -> [UInt8] {
        var writer = ThriftWriter()
        writer.list(1, .structure, pages) { writer, page in
            writer.element { location in
                location.field(1, page.offset)
                location.field(2, page.compressedSize)
                location.field(3, page.firstRow)
            }
        }
        let byteCounts = pages.compactMap { $0.sizes?.unencodedByteArrayBytes }
        if !pages.isEmpty && byteCounts.count == pages.count {
            writer.list(2, .int64, byteCounts) { $0.element($1) }
        }
        writer.stop()
        return writer.bytes
    }

    /// Nil when a page has values but no bounds: a column index must speak for every page.
    func columnIndex(_ leaf: SchemaLeaf) -> [UInt8]? {
        let limit = ParquetLimits.statisticsBytesMax
        var (lows, highs): ([[UInt8]], [[UInt8]]) = ([], [])
        for page in pages {
            if page.isNull {
                lows.append([])
                highs.append([])
                continue
            }
            guard let bounds = page.bounds, let low = ColumnBound.min(bounds.min, limit: limit, leaf: leaf),
                let high = ColumnBound.max(bounds.max, limit: limit, leaf: leaf)
            else { return nil }
            lows.append(low.bytes)
            highs.append(high.bytes)
        }
        var writer = ThriftWriter()
        writer.list(1, .yes, pages) { $0.element($1.isNull) }
        writer.list(2, .binary, lows) { $0.element($1) }
        writer.list(3, .binary, highs) { $0.element($1) }
        writer.field(4, boundaryOrder(lows, highs, ValueComparison(leaf)))
        writer.list(5, .int64, pages) { $0.element($1.nullCount) }
        // Page after page.
        for (field, histogram) in [(6, \.repetitionHistogram), (7, \.definitionHistogram)] as [(Int16, Histogram)] {
            let counts = pages.compactMap { $0.sizes?[keyPath: histogram] }
            if !pages.isEmpty && counts.count == pages.count {
                writer.list(field, .int64, Array(counts.joined())) { $0.element($1) }
            }
        }
        if leaf.isFloatingPoint { writer.list(8, .int64, pages) { $0.element($1.nanCount) } }
        writer.stop()
        return writer.bytes
    }

    /// `BoundaryOrder`: 1 when minima and maxima both rise from page to page, 2 when both fall, else 0.
    private func boundaryOrder(_ lows: [[UInt8]], _ highs: [[UInt8]], _ comparison: ValueComparison) -> Int32 {
        let full = pages.indices.filter { !pages[$0].isNull }
        let pairs = zip(full, full.dropFirst())
        let falls = pairs.contains { comparison.isLess(lows[$1], lows[$0]) || comparison.isLess(highs[$1], highs[$0]) }
        if !falls { return 1 }
        let rises = pairs.contains { comparison.isLess(lows[$0], lows[$1]) || comparison.isLess(highs[$0], highs[$1]) }
        return rises ? 0 : 2
    }
}
