/// Rows of a row group: ranges in rising order, none empty, none touching the next.
public struct RowRanges: Hashable, Sendable {
    public private(set) var ranges: [Range<Int>]

    /// No rows.
    public init() { ranges = [] }

    public init(_ range: Range<Int>) { ranges = range.isEmpty ? [] : [range] }

    /// Ranges in any order, which may overlap.
    public init(_ ranges: some Sequence<Range<Int>>) {
        self.ranges = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) { append(range) }
    }

    /// The rows whose entry is not zero.
    init(mask: [UInt8]) {
        ranges = []
        mask.withUnsafeBufferPointer { mask in
            var row = 0
            while row < mask.count {
                while row < mask.count && mask[row] == 0 { row &+= 1 }
                let first = row
                while row < mask.count && mask[row] != 0 { row &+= 1 }
                if row > first { ranges.append(first..<row) }
            }
        }
    }

    public var isEmpty: Bool { ranges.isEmpty }

    /// How many rows. Cost: one pass over the ranges.
    public var rowCount: Int { ranges.reduce(0) { $0 + $1.count } }

    /// Adds a range that begins where or behind the last one begins.
    mutating func append(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let last = ranges.last, range.lowerBound <= last.upperBound {
            ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
        } else {
            ranges.append(range)
        }
    }

    public func contains(_ row: Int) -> Bool { overlaps(row..<(row + 1)) }

    /// Cost: logarithmic.
    public func overlaps(_ range: Range<Int>) -> Bool {
        let index = firstIndex(endingAfter: range.lowerBound)
        return index < ranges.count && ranges[index].lowerBound < range.upperBound && !range.isEmpty
    }

    public func union(_ other: RowRanges) -> RowRanges { RowRanges(ranges + other.ranges) }

    public func intersection(_ other: RowRanges) -> RowRanges {
        var result = RowRanges()
        var (mine, theirs) = (0, 0)
        while mine < ranges.count && theirs < other.ranges.count {
            result.append(ranges[mine].clamped(to: other.ranges[theirs]))
            if ranges[mine].upperBound < other.ranges[theirs].upperBound { mine += 1 } else { theirs += 1 }
        }
        return result
    }

    public func subtracting(_ other: RowRanges) -> RowRanges {
        guard let last = ranges.last else { return self }
        return intersection(other.complement(rowCount: last.upperBound))
    }

    /// The other rows of a row group.
    public func complement(rowCount: Int) -> RowRanges {
        var result = RowRanges()
        var next = 0
        for range in ranges {
            result.append(next..<min(range.lowerBound, rowCount))
            next = min(range.upperBound, rowCount)
        }
        result.append(next..<max(next, rowCount))
        return result
    }

    /// Where these rows lie when the rows of `container`, which has them all, are numbered from 0.
    func positions(in container: RowRanges) -> RowRanges {
        var result = RowRanges()
        var (outer, before) = (0, 0)
        for range in ranges {
            var rest = range
            while !rest.isEmpty {
                while container.ranges[outer].upperBound <= rest.lowerBound {
                    before += container.ranges[outer].count
                    outer += 1
                }
                let part = rest.clamped(to: container.ranges[outer])
                let start = before + part.lowerBound - container.ranges[outer].lowerBound
                result.append(start..<(start + part.count))
                rest = part.upperBound..<rest.upperBound
            }
        }
        return result
    }

    /// The rows at the given positions when these rows are numbered from 0: the inverse of `positions(in:)`.
    func rows(at positions: RowRanges) -> RowRanges {
        var result = RowRanges()
        var (outer, before) = (0, 0)
        for range in positions.ranges {
            var rest = range
            while !rest.isEmpty, outer < ranges.count {
                let here = before..<(before + ranges[outer].count)
                if rest.lowerBound >= here.upperBound {
                    before = here.upperBound
                    outer += 1
                    continue
                }
                let part = rest.clamped(to: here)
                let start = ranges[outer].lowerBound + part.lowerBound - before
                result.append(start..<(start + part.count))
                rest = part.upperBound..<rest.upperBound
            }
        }
        return result
    }

    /// The first range that ends behind a row.
    private func firstIndex(endingAfter row: Int) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= row { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
