import Bitmaps
import Testing

/// Positions on both sides of every boundary: of a container, of a part, of the whole range.
private let edges: [UInt64] = [
    0, 1, 65_535, 65_536, 1 << 32 - 1, 1 << 32, 1 << 32 + 1, 7 << 32 + 70_000, 1 << 63 - 1, 1 << 63, .max - 1, .max,
]

/// Sets whose containers are arrays, bit sets and runs, in one part and in several.
private let shapes: [(name: String, positions: [UInt64])] = [
    ("empty", []),
    ("one", [41]),
    ("edges", edges),
    ("an array", (0..<4096).map { $0 * 3 }),
    ("a bit set", (0..<20_000).map { $0 * 2 }),
    ("runs", (0..<50_000).filter { $0 % 1000 < 700 }),
    ("a full container", Array(65_536..<131_072)),
    ("several parts", (0..<30).map { $0 << 31 | 5 }),
]

@Suite struct Bitmap64Tests {
    @Test(arguments: shapes.map(\.positions))
    func `positions come back in order`(positions: [UInt64]) {
        let bitmap = Bitmap64(positions.reversed())
        #expect(Array(bitmap) == positions)
        #expect(bitmap.count == positions.count)
        #expect(bitmap.isEmpty == positions.isEmpty)
        #expect(bitmap.first == positions.first)
        #expect(bitmap.last == positions.last)
        #expect(positions.allSatisfy(bitmap.contains))
        let others = Set(positions.flatMap { [$0 &+ 1, $0 &- 1, $0 ^ 1 << 40] }).subtracting(positions)
        #expect(!others.contains(where: bitmap.contains))
    }

    @Test func `insert and remove say whether they changed anything`() {
        var bitmap = Bitmap64()
        for edge in edges {
            let changes = [bitmap.insert(edge), bitmap.insert(edge)]
            #expect(changes == [true, false])
        }
        for edge in edges {
            let changes = [bitmap.remove(edge), bitmap.remove(edge)]
            #expect(changes == [true, false])
            #expect(!bitmap.contains(edge))
        }
        #expect(bitmap.isEmpty && bitmap == Bitmap64())
    }

    @Test(
        arguments: [
            0...0, 5...70_000, 65_535...65_536, (1 << 32 - 2)...(1 << 32 + 2), (.max - 3)...UInt64.max,
            (3 << 32 - 100_000)...(4 << 32 + 7),
        ] as [ClosedRange<UInt64>])
    func `a range is inserted whole`(range: ClosedRange<UInt64>) {
        var bitmap = Bitmap64()
        bitmap.insert(contentsOf: range)
        #expect(bitmap.count == Int(range.upperBound - range.lowerBound) + 1)
        #expect(bitmap.first == range.lowerBound && bitmap.last == range.upperBound)
        #expect(range.lowerBound == 0 || !bitmap.contains(range.lowerBound - 1))
        #expect(range.upperBound == .max || !bitmap.contains(range.upperBound + 1))
    }

    @Test(arguments: [0..<0, 0..<1, 41..<42, 3..<12_000, 65_536..<131_072, (1 << 32)..<(1 << 40), 0..<UInt64.max])
    func `the positions in a range are those a filter finds`(range: Range<UInt64>) {
        for shape in shapes {
            let bitmap = Bitmap64(shape.positions)
            let expected = shape.positions.filter(range.contains)
            #expect(bitmap.positions(in: range) == expected, "\(shape.name)")
            #expect(bitmap.count(in: range) == expected.count, "\(shape.name)")
        }
    }

    @Test func `union and subtraction are those of sets`() {
        for left in shapes {
            for right in shapes {
                let (mine, theirs) = (Bitmap64(left.positions), Bitmap64(right.positions))
                let union = Set(left.positions).union(right.positions)
                #expect(Array(mine.union(theirs)) == union.sorted(), "\(left.name) and \(right.name)")
                let rest = Set(left.positions).subtracting(right.positions)
                #expect(Array(mine.subtracting(theirs)) == rest.sorted(), "\(left.name) without \(right.name)")
                #expect(Array(mine) == left.positions && Array(theirs) == right.positions)
            }
        }
    }

    @Test func `a set without itself is empty`() {
        let bitmap = Bitmap64(edges)
        let copy = bitmap
        #expect(bitmap.subtracting(copy).isEmpty)
        #expect(bitmap.union(copy) == bitmap)
    }

    @Test func `a copy does not follow its original`() {
        var bitmap = Bitmap64([1, 2, 1 << 40])
        let before = bitmap
        let union = Bitmap64().union(bitmap)
        bitmap.insert(3)
        bitmap.remove(1 << 40)
        #expect(Array(before) == [1, 2, 1 << 40] && Array(union) == [1, 2, 1 << 40])
        #expect(Array(bitmap) == [1, 2, 3])
    }
}
