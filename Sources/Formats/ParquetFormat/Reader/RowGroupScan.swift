/// How parts of files are fetched and decoded.
public struct RangeReadOptions: Hashable, Sendable {
    /// Ranges that lie at most this far apart are fetched as one: a request costs more than some bytes.
    public var gapBytesMax: Int64 = 128 << 10
    /// What the columns of a row group may take in memory together, once they are decoded.
    public var decodedBytesMax = ParquetLimits.chunkDecodedBytesMax
    /// Read page indexes, to leave out pages.
    public var usesPageIndex = true
    /// Read bloom filters of columns that are compared for equality.
    public var usesBloomFilters = true

    public init() {}
}

/// Rows that were read from a row group.
public struct SelectedRows: Hashable, Sendable {
    /// Which rows of the row group.
    public let rows: RowRanges
    public let rowCount: Int
    /// One per leaf asked for, in that order; all have these rows.
    public let columns: [LeafColumn]
}

/// Reads some leaves of the rows of one row group that fulfil a predicate, from a file that lies anywhere.
///
/// Does no I/O itself: `next` says which bytes of the file it needs, `supply` brings them, until `next` hands out the
/// rows. It asks for page indexes and bloom filters first, then for the pages of the predicate's leaves that may hold
/// rows, and then for those pages of the other leaves that do. Memory: the fetched bytes and the decoded columns.
public struct RowGroupScan: Sendable {
    public enum Step: Hashable, Sendable {
        /// Bytes of the file to `supply` before the next call, each range as a whole.
        case fetch([Range<Int64>])
        case finished(SelectedRows)
    }

    private enum Phase {
        case statistics
        case indexes
        case filter
        case project
    }

    private let metadata: FileMetadata
    private let rowGroup: Int
    private let leaves: [Int]
    private let predicate: CompiledPredicate?
    private let options: RangeReadOptions
    private let rowCount: Int
    private var phase = Phase.statistics
    private var fetched = FileRanges()
    private var indexes = RowGroupIndexes()
    /// Rows not yet excluded.
    private var rows: RowRanges
    /// The leaves of the predicate once they are decoded, with the rows that `rows` had then.
    private var filtered: [Int: LeafColumn] = [:]

    /// `rows` limits what is read, for example to leave out deleted rows; nil means all.
    ///
    /// - Throws: `.invalidArgument` when row group, leaves, rows or predicate do not fit the file.
    public init(
        _ metadata: FileMetadata, rowGroup: Int, leaves: [Int], where predicate: ColumnPredicate? = nil,
        rows: RowRanges? = nil, options: RangeReadOptions = RangeReadOptions()
    ) throws(ParquetError) {
        for leaf in leaves { _ = try metadata.columnChunk(rowGroup, leaf) }
        guard metadata.rowGroups.indices.contains(rowGroup),
            let rowCount = Int(exactly: metadata.rowGroups[rowGroup].rowCount),
            rows?.ranges.last.map({ $0.upperBound <= rowCount }) ?? true,
            rows?.ranges.first.map({ $0.lowerBound >= 0 }) ?? true
        else { throw ParquetError(.invalidArgument, at: "row group \(rowGroup)", "it or its rows do not exist") }
        self.metadata = metadata
        self.rowGroup = rowGroup
        self.leaves = leaves
        if let predicate {
            self.predicate = try CompiledPredicate(predicate, metadata.schema)
        } else {
            self.predicate = nil
        }
        self.rows = rows ?? RowRanges(0..<rowCount)
        self.rowCount = rowCount
        self.options = options
    }

    /// Takes bytes of the file from an offset on.
    public mutating func supply(_ bytes: [UInt8], at offset: Int64) { fetched.insert(bytes, at: offset) }

    /// Goes on as far as the bytes there allow.
    ///
    /// - Throws: `.corrupt` and others, with the place in the file.
    public mutating func next() throws(ParquetError) -> Step {
        while true {
            let missing: [Range<Int64>]
            switch phase {
            case .statistics:
                prune(next: .indexes)
                continue
            case .indexes:
                missing = try readIndexes()
                if missing.isEmpty { prune(next: .filter) }
            case .filter: missing = try filter()
            case .project:
                let (needed, columns) = try project()
                if let columns {
                    return .finished(SelectedRows(rows: rows, rowCount: rows.rowCount, columns: columns))
                }
                missing = needed
            }
            if !missing.isEmpty {
                return .fetch(FileRanges.coalesced(missing, gapBytesMax: options.gapBytesMax))
            }
        }
    }

    // MARK: - Phases

    /// Leaves out what is known not to match. When all that remains is known to match, no values are tested.
    private mutating func prune(next: Phase) {
        guard let predicate, !rows.isEmpty else {
            phase = .project
            return
        }
        let pruning = predicate.prune(metadata, rowGroup: rowGroup, indexes)
        rows = rows.intersection(pruning.possible)
        phase = rows.subtracting(pruning.certain).isEmpty ? .project : next
    }

    private mutating func readIndexes() throws(ParquetError) -> [Range<Int64>] {
        guard let predicate else { return [] }
        var missing: [Range<Int64>] = []
        for leaf in predicate.leaves {
            missing += try readOffsetIndex(leaf)
            missing += try readColumnIndex(leaf)
        }
        if options.usesBloomFilters {
            for test in predicate.tests where test.hashes != nil { missing += try readBloomFilter(test.leaf.index) }
        }
        // They lie beside the others, and most scans need them in the end.
        for leaf in leaves { missing += try readOffsetIndex(leaf) }
        return missing
    }

    /// Decodes the predicate's leaves where rows may match, and keeps the rows that do.
    private mutating func filter() throws(ParquetError) -> [Range<Int64>] {
        guard let predicate else { return [] }
        var missing: [Range<Int64>] = []
        for leaf in predicate.leaves { missing += try pageRanges(leaf).filter { !fetched.contains($0) } }
        guard missing.isEmpty else { return missing }
        for leaf in predicate.leaves { filtered[leaf] = try decode(leaf, beside: filtered.values.map(\.byteCount)) }
        let mask = predicate.mask(filtered, rowCount: rows.rowCount)
        let positions = RowRanges(mask: mask)
        for leaf in predicate.leaves {
            // Only those that are asked for are needed again.
            filtered[leaf] = leaves.contains(leaf) ? filtered[leaf]?.select(positions) : nil
        }
        rows = rows.rows(at: positions)
        phase = .project
        return []
    }

    private mutating func project() throws(ParquetError) -> (missing: [Range<Int64>], columns: [LeafColumn]?) {
        guard !rows.isEmpty else { return ([], leaves.map { LeafColumn(metadata.schema.leaves[$0]) }) }
        var missing: [Range<Int64>] = []
        let rest = leaves.filter { filtered[$0] == nil }
        if rows.rowCount < rowCount {
            for leaf in rest { missing += try readOffsetIndex(leaf) }
            guard missing.isEmpty else { return (missing, nil) }
        }
        for leaf in rest { missing += try pageRanges(leaf).filter { !fetched.contains($0) } }
        guard missing.isEmpty else { return (missing, nil) }
        var columns: [LeafColumn] = []
        var sizes = filtered.values.map(\.byteCount)
        for leaf in leaves {
            if let column = filtered[leaf] {
                columns.append(column)
            } else {
                columns.append(try decode(leaf, beside: sizes))
                sizes.append(columns[columns.count - 1].byteCount)
            }
        }
        return ([], columns)
    }

    // MARK: - Indexes

    private mutating func readOffsetIndex(_ leaf: Int) throws(ParquetError) -> [Range<Int64>] {
        let stated = metadata.rowGroups[rowGroup].columns[leaf]
        guard options.usesPageIndex, indexes.offsetIndexes[leaf] == nil,
            let range = try range(leaf, stated.offsetIndexOffset, stated.offsetIndexLength, "offset index")
        else { return [] }
        guard fetched.contains(range) else { return [range] }
        let bytes = try fetched.slice(range, place(leaf)).copied
        let index: OffsetIndex
        do { index = try OffsetIndex(bytes, rowCount: Int64(rowCount)) } catch { throw error.within(place(leaf)) }
        let chunk = try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)
        if let first = index.pages.first, let last = index.pages.last {
            guard first.offset >= chunk.lowerBound, Self.range(last).upperBound <= chunk.upperBound else {
                throw ParquetError(.corrupt, at: "\(place(leaf)), offset index", "pages outside of the column chunk")
            }
        }
        indexes.offsetIndexes[leaf] = index
        return []
    }

    private mutating func readColumnIndex(_ leaf: Int) throws(ParquetError) -> [Range<Int64>] {
        let chunk = metadata.rowGroups[rowGroup].columns[leaf]
        guard options.usesPageIndex, chunk.offsetIndexOffset != nil, indexes.columnIndexes[leaf] == nil,
            let range = try range(leaf, chunk.columnIndexOffset, chunk.columnIndexLength, "column index")
        else { return [] }
        guard fetched.contains(range) else { return [range] }
        let bytes = try fetched.slice(range, place(leaf)).copied
        do { indexes.columnIndexes[leaf] = try ColumnIndex(bytes) } catch { throw error.within(place(leaf)) }
        return []
    }

    /// Filters without a stated length say it in their first bytes.
    private mutating func readBloomFilter(_ leaf: Int) throws(ParquetError) -> [Range<Int64>] {
        let chunk = metadata.rowGroups[rowGroup].columns[leaf]
        guard indexes.bloomFilters[leaf] == nil, let offset = chunk.bloomFilterOffset else { return [] }
        var length = chunk.bloomFilterLength ?? Int32(BloomFilter.prefixBytes)
        do {
            if chunk.bloomFilterLength == nil {
                guard let prefix = try range(leaf, offset, length, "bloom filter") else { return [] }
                guard fetched.contains(prefix) else { return [prefix] }
                length = Int32(try BloomFilter.byteCount(prefix: try fetched.slice(prefix, "").copied))
            }
            guard let range = try range(leaf, offset, length, "bloom filter") else { return [] }
            guard fetched.contains(range) else { return [range] }
            indexes.bloomFilters[leaf] = try BloomFilter(try fetched.slice(range, "").copied)
        } catch {
            throw error.within(place(leaf))
        }
        return []
    }

    /// Nil when the file has none.
    private func range(
        _ leaf: Int, _ offset: Int64?, _ length: Int32?, _ what: String
    ) throws(ParquetError) -> Range<Int64>? {
        guard let offset, let length else { return nil }
        guard offset >= 4, length > 0, offset <= Int64.max - Int64(length),
            Int(length)
                <= (what == "bloom filter" ? ParquetLimits.bloomFilterBytesMax + 64 : ParquetLimits.pageIndexBytesMax)
        else { throw ParquetError(.corrupt, at: "\(place(leaf)), \(what)", "\(length) bytes at \(offset)") }
        return offset..<(offset + Int64(length))
    }

    // MARK: - Pages

    /// The pages of a leaf that hold rows still wanted, and the dictionary page; nil when the whole chunk is read.
    private func pages(_ leaf: Int) -> (dictionary: Range<Int64>, pages: [Int], index: OffsetIndex)? {
        guard rows.rowCount < rowCount, let index = indexes.offsetIndexes[leaf], let first = index.pages.first else {
            return nil
        }
        let start = metadata.rowGroups[rowGroup].columns[leaf].startOffset
        let chosen = index.pages.indices.filter { rows.overlaps(index.rows(of: $0, rowCount: rowCount)) }
        return (start..<max(start, first.offset), chosen, index)
    }

    private func pageRanges(_ leaf: Int) throws(ParquetError) -> [Range<Int64>] {
        guard let (dictionary, pages, index) = pages(leaf) else {
            return [try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)]
        }
        let ranges = pages.map { Self.range(index.pages[$0]) }
        return dictionary.isEmpty ? ranges : [dictionary] + ranges
    }

    private static func range(_ page: OffsetIndex.Page) -> Range<Int64> {
        page.offset..<(page.offset + Int64(page.compressedSize))
    }

    /// One leaf of the rows still wanted, where columns of these sizes are held already.
    private func decode(_ leaf: Int, beside sizes: [Int]) throws(ParquetError) -> LeafColumn {
        let bytesLeft = options.decodedBytesMax - sizes.reduce(0, +)
        guard bytesLeft > 0 else {
            throw ParquetError(
                .tooLarge, at: "row group \(rowGroup)", "more than \(options.decodedBytesMax) bytes decoded")
        }
        var runs: [PageRun] = []
        if let (dictionary, pages, index) = pages(leaf) {
            if !dictionary.isEmpty {
                runs.append(PageRun(slice: try fetched.slice(dictionary, place(leaf)), page: 0, rows: 0..<0))
            }
            for page in pages {
                let slice = try fetched.slice(Self.range(index.pages[page]), place(leaf))
                runs.append(PageRun(slice: slice, page: page, rows: index.rows(of: page, rowCount: rowCount)))
            }
        } else {
            let range = try metadata.columnChunkRange(rowGroup: rowGroup, leaf: leaf)
            runs.append(PageRun(slice: try fetched.slice(range, place(leaf)), page: 0, rows: nil))
        }
        let isWhole = rows.rowCount == rowCount
        return try metadata.decode(
            runs, rowGroup, leaf, selection: isWhole ? nil : rows, bytesMax: bytesLeft)
    }

    private func place(_ leaf: Int) -> String { metadata.place(rowGroup, leaf) }
}
