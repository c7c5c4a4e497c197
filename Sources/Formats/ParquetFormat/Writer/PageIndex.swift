/// Offset index and column index of one column chunk (PageIndex.md), collected page by page.
struct PageIndex {
    private struct Page {
        var offset: Int64
        var compressedSize: Int32
        var firstRow: Int64
        var nullCount: Int64
        var nanCount: Int64
        var isNull: Bool
        /// Cut already: values may be long, and pages are many.
        var low: [UInt8]?
        var high: [UInt8]?
        var sizes: SizeStatistics?
    }

    private typealias Histogram = KeyPath<SizeStatistics, [Int64]?>

    private let leaf: SchemaLeaf
    private var pages: [Page] = []

    init(_ leaf: SchemaLeaf) { self.leaf = leaf }

    mutating func append(
        offset: Int64, compressedSize: Int, firstRow: Int, valueCount: Int, nullCount: Int, nanCount: Int64,
        bounds: ValueBounds?, sizes: SizeStatistics?
    ) {
        let limit = ParquetLimits.statisticsBytesMax
        pages.append(
            Page(
                offset: offset, compressedSize: Int32(compressedSize), firstRow: Int64(firstRow),
                nullCount: Int64(nullCount), nanCount: nanCount, isNull: valueCount == 0,
                low: bounds.flatMap { ColumnBound.min($0.min, limit: limit, leaf: leaf)?.bytes },
                high: bounds.flatMap { ColumnBound.max($0.max, limit: limit, leaf: leaf)?.bytes }, sizes: sizes))
    }

    mutating func move(by bytes: Int64) {
        for index in pages.indices { pages[index].offset += bytes }
    }

    /// Both as they lie in the file: what is kept until its end.
    func encoded() -> EncodedPageIndex { EncodedPageIndex(columnIndex: columnIndex(), offsetIndex: offsetIndex()) }

    private func offsetIndex() -> [UInt8] {
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
    private func columnIndex() -> [UInt8]? {
        var (lows, highs): ([[UInt8]], [[UInt8]]) = ([], [])
        for page in pages {
            guard page.isNull || page.low != nil && page.high != nil else { return nil }
            lows.append(page.low ?? [])
            highs.append(page.high ?? [])
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

/// The page indexes of one column chunk as they lie in the file.
struct EncodedPageIndex {
    let columnIndex: [UInt8]?
    let offsetIndex: [UInt8]
}
