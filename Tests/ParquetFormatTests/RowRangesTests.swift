import ParquetFormat
import Testing

@Suite struct RowRangesTests {
    private static func rows(_ ranges: RowRanges) -> Set<Int> { Set(ranges.ranges.joined()) }

    private static func random(_ generator: inout SeededGenerator) -> RowRanges {
        RowRanges(
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                let start = Int.random(in: 0..<50, using: &generator)
                return start..<(start + Int.random(in: 0...12, using: &generator))
            })
    }

    @Test(arguments: 1...200)
    func `operations are those of sets of rows`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let (left, right) = (Self.random(&generator), Self.random(&generator))
        let (mine, theirs) = (Self.rows(left), Self.rows(right))
        #expect(Self.rows(left.union(right)) == mine.union(theirs))
        #expect(Self.rows(left.intersection(right)) == mine.intersection(theirs))
        #expect(Self.rows(left.subtracting(right)) == mine.subtracting(theirs))
        #expect(Self.rows(left.complement(rowCount: 60)) == Set(0..<60).subtracting(mine).filter { $0 < 60 })
        #expect(left.rowCount == mine.count)
        for row in 0..<64 { #expect(left.contains(row) == mine.contains(row)) }
        for ranges in [left, left.union(right), left.intersection(right)] {
            for (range, next) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
                #expect(range.upperBound < next.lowerBound, "ranges that touch are one")
            }
        }
    }
}
