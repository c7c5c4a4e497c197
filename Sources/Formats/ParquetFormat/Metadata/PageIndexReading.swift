/// Where the pages of a column chunk lie: `OffsetIndex` of parquet.thrift (PageIndex.md).
public struct OffsetIndex: Hashable, Sendable {
    /// `PageLocation` of parquet.thrift.
    public struct Page: Hashable, Sendable {
        public let offset: Int64
        /// With the page header.
        public let compressedSize: Int32
        public let firstRow: Int64
    }

    public let pages: [Page]

    /// Checks that pages follow each other in offsets and rows. `rowCount` is that of the row group.
    ///
    /// - Throws: `.corrupt`, `.tooLarge`.
    public init(_ bytes: [UInt8], rowCount: Int64) throws(ParquetError) {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(ParquetError) in try Self.pages(raw) }
        }
        do {
            pages = try result.get()
            try check(rowCount)
        } catch {
            throw error.within("offset index")
        }
    }

    /// The rows of a page: up to the first row of the next one.
    func rows(of page: Int, rowCount: Int) -> Range<Int> {
        let end = page + 1 < pages.count ? Int(pages[page + 1].firstRow) : rowCount
        return Int(pages[page].firstRow)..<end
    }

    private static func pages(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) -> [Page] {
        var reader = ThriftReader(bytes)
        var pages: [Page] = []
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .list):
                for _ in 0..<(try reader.list(of: .structure)) { pages.append(try page(&reader)) }
            default: try reader.skip(field.kind)
            }
        }
        return pages
    }

    private static func page(_ reader: inout ThriftReader) throws(ParquetError) -> Page {
        var (offset, size, row): (Int64, Int32, Int64) = (-1, -1, -1)
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .int64): offset = try reader.int64()
            case (2, .int32): size = try reader.int32()
            case (3, .int64): row = try reader.int64()
            default: try reader.skip(field.kind)
            }
        }
        guard offset >= 0, size >= 0, row >= 0 else { throw reader.error(.corrupt, "a page without a place") }
        return Page(offset: offset, compressedSize: size, firstRow: row)
    }

    private func check(_ rowCount: Int64) throws(ParquetError) {
        guard pages.isEmpty ? rowCount == 0 : pages[0].firstRow == 0 else {
            throw ParquetError(.corrupt, at: "", "the pages do not begin with the first row")
        }
        for (page, next) in zip(pages, pages.dropFirst()) {
            let (end, overflow) = page.offset.addingReportingOverflow(Int64(page.compressedSize))
            guard !overflow, end <= next.offset, page.firstRow <= next.firstRow else {
                throw ParquetError(.corrupt, at: "", "the pages overlap")
            }
        }
        if let last = pages.last {
            guard last.firstRow <= rowCount, last.offset <= Int64.max - Int64(last.compressedSize) else {
                throw ParquetError(.corrupt, at: "", "the last page begins behind the last row or ends behind any file")
            }
        }
    }
}

/// Bounds and null counts of the pages of a column chunk: `ColumnIndex` of parquet.thrift (PageIndex.md).
public struct ColumnIndex: Hashable, Sendable {
    /// What `BoundaryOrder` of parquet.thrift says about the bounds of successive pages.
    public enum BoundaryOrder: Int32, Hashable, Sendable {
        case unordered = 0
        case ascending = 1
        case descending = 2
    }

    /// One entry a page: whether it holds only nulls.
    public let nullPages: [Bool]
    /// One entry a page, empty for pages of nulls.
    public let minima: [[UInt8]]
    public let maxima: [[UInt8]]
    public let boundaryOrder: BoundaryOrder
    /// One entry a page, or none when the file does not say.
    public let nullCounts: [Int64]
    public let nanCounts: [Int64]

    public var pageCount: Int { nullPages.count }

    /// False when counts are negative: old versions of parquet-mr wrote such indexes, with every page said to be null, where
    /// they had made no statistics.
    public var isCredible: Bool { !nullCounts.contains { $0 < 0 } && !nanCounts.contains { $0 < 0 } }

    /// - Throws: `.corrupt`, also when the lists are not of one length.
    public init(_ bytes: [UInt8]) throws(ParquetError) {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(ParquetError) in try ColumnIndex(raw) }
        }
        do { self = try result.get() } catch { throw error.within("column index") }
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(ParquetError) {
        var reader = ThriftReader(bytes)
        var nulls: [Bool] = []
        var (low, high): ([[UInt8]], [[UInt8]]) = ([], [])
        var (nullCounts, nanCounts): ([Int64], [Int64]) = ([], [])
        var order: Int32 = 0
        var frame = try reader.begin()
        while let field = try reader.next(&frame) {
            switch (field.id, field.kind) {
            case (1, .list): nulls = try reader.booleans()
            case (2, .list): for _ in 0..<(try reader.list(of: .binary)) { low.append(try reader.binary()) }
            case (3, .list): for _ in 0..<(try reader.list(of: .binary)) { high.append(try reader.binary()) }
            case (4, .int32): order = try reader.int32()
            case (5, .list): for _ in 0..<(try reader.list(of: .int64)) { nullCounts.append(try reader.int64()) }
            case (8, .list): for _ in 0..<(try reader.list(of: .int64)) { nanCounts.append(try reader.int64()) }
            default: try reader.skip(field.kind)
            }
        }
        guard low.count == nulls.count, high.count == nulls.count,
            nullCounts.isEmpty || nullCounts.count == nulls.count, nanCounts.isEmpty || nanCounts.count == nulls.count
        else { throw reader.error(.corrupt, "lists of different lengths") }
        nullPages = nulls
        minima = low
        maxima = high
        boundaryOrder = BoundaryOrder(rawValue: order) ?? .unordered
        self.nullCounts = nullCounts
        self.nanCounts = nanCounts
    }
}
