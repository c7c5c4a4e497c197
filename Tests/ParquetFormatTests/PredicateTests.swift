import ParquetFormat
import Testing

/// Rows chosen by predicates, in every way the reader can leave pages out, against a plain walk over all rows.
@Suite struct PredicateTests {
    /// Sorted, clustered and random columns of every kind a predicate can test, and nested ones to project.
    static func schema() throws -> ParquetSchema {
        try ParquetSchema(fields: [
            .primitive("sorted", .int64, .required),
            .primitive("clustered", .int32, .optional),
            .primitive("unsigned", .int32, .optional, logical: .integer(bitWidth: 32, isSigned: false)),
            .primitive("ratio", .double, .optional),
            .string("text", .optional),
            .primitive("price", .fixedLengthByteArray(width: 3), .required, logical: .decimal(precision: 5, scale: 2)),
            .primitive("flag", .boolean, .optional),
            .group("place", .optional, fields: [.primitive("height", .float, .optional)]),
            .list("list", .optional, element: .string("element")),
        ])
    }

    static func rows(_ schema: ParquetSchema, seed: UInt64, count: Int) throws -> RowGroup {
        var random = RandomRows(generator: SeededGenerator(seed: seed), variety: 30)
        var rows = random.rows(schema, count: count)
        var generator = SeededGenerator(seed: seed &+ 1)
        rows.columns[0].values = .int64((0..<count).map { Int64($0 * 3 - 500) })
        func present(_ column: Int) -> Int { rows.columns[column].values.count }
        rows.columns[1].values = .int32((0..<present(1)).map { Int32($0 / 37) * ($0 % 2 == 0 ? 1 : -1) })
        rows.columns[2].values = .int32(
            (0..<present(2)).map { Int32(bitPattern: UInt32($0 / 50) &* 0x1000_0001 &+ 0x7FFF_FFF0) })
        let special: [Double] = [.nan, -.nan, 0, -0.0, .infinity, -.infinity, 1.5]
        rows.columns[3].values = .double(
            (0..<present(3)).map { index in
                index % 40 < 20 ? Double(index / 40) : special[Int.random(in: 0..<special.count, using: &generator)]
            })
        var text = ByteArrayColumn()
        for index in 0..<present(4) { text.append(utf8: "k\(index / 60)é\(index % 3)") }
        rows.columns[4].values = .byteArray(text)
        var price = FixedLengthByteArrayColumn(width: 3)
        for index in 0..<count {
            let cents = Int32(index * 5 - 900)
            withUnsafeBytes(of: cents.bigEndian) { price.append(UnsafeRawBufferPointer(rebasing: $0[1...])) }
        }
        rows.columns[5].values = .fixedLengthByteArray(price)
        rows.columns[7].values = .float((0..<present(7)).map { Float($0 / 25) - 4 })
        return rows
    }

    static func file(
        seed: UInt64, count: Int = 600, pageIndex: Bool, profile: ParquetProfile = .compatible
    ) throws -> (bytes: [UInt8], rows: RowGroup) {
        let schema = try schema()
        let rows = try rows(schema, seed: seed, count: count)
        var options = ParquetWriterOptions()
        options.pageRows = 64
        options.pageIndex = pageIndex
        options.profile = profile
        if profile == .compact { options.dataPageVersion = .v2 }
        for name in ["clustered", "text", "price", "ratio", "place.height"] {
            options.columns[name] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
        }
        return (try write([rows], schema, options).bytes, rows)
    }

    // MARK: - Reference

    /// Whether a row fulfils a test, said in the plainest way.
    static func fulfils(_ predicate: ColumnPredicate, _ rows: RowGroup, _ row: Int) -> Bool {
        switch predicate {
        case .and(let parts): return parts.allSatisfy { fulfils($0, rows, row) }
        case .or(let parts): return parts.contains { fulfils($0, rows, row) }
        case .test(let leaf, let test):
            let column = rows.columns[leaf].slice(rows: row..<(row + 1))
            guard column.values.count == 1 else { return test == .isNull }
            return fulfils(test, column.values, leaf)
        }
    }

    private static func fulfils(_ test: ColumnTest, _ value: ColumnValues, _ leaf: Int) -> Bool {
        func order(_ literal: ColumnLiteral) -> Int {
            switch (value, literal) {
            case (.boolean(let values), .boolean(let other)): (values[0] ? 1 : 0) - (other ? 1 : 0)
            case (.int32(let values), .integer(let other)):
                compare(leaf == 2 ? Int64(UInt32(bitPattern: values[0])) : Int64(values[0]), other)
            case (.int64(let values), .integer(let other)): compare(values[0], other)
            case (.float(let values), .floating(let other)): numbers(Double(values[0]), other)
            case (.double(let values), .floating(let other)): numbers(values[0], other)
            case (.byteArray(let column), .bytes(let other)):
                column[0].elementsEqual(other) ? 0 : (column[0].lexicographicallyPrecedes(other) ? -1 : 1)
            case (.fixedLengthByteArray(let column), .bytes(let other)):
                compare(decimal(Array(column[0])), decimal(other))
            default: preconditionFailure("\(literal)")
            }
        }
        func startsWith(_ prefix: [UInt8]) -> Bool { value.byteArrays.map { $0[0].starts(with: prefix) } ?? false }
        func isNaN() -> Bool { value.doubles?[0].isNaN ?? value.floats?[0].isNaN ?? false }
        switch test {
        case .isNull: return false
        case .isNotNull: return true
        case .isNaN: return isNaN()
        case .isNotNaN: return !isNaN()
        case .less(let literal): return order(literal) < 0
        case .lessOrEqual(let literal): return order(literal) <= 0
        case .greater(let literal): return order(literal) > 0
        case .greaterOrEqual(let literal): return order(literal) >= 0
        case .equal(let literal): return order(literal) == 0
        case .notEqual(let literal): return order(literal) != 0
        case .isIn(let literals): return literals.contains { order($0) == 0 }
        case .isNotIn(let literals): return !literals.contains { order($0) == 0 }
        case .startsWith(let prefix): return startsWith(prefix)
        case .doesNotStartWith(let prefix): return !startsWith(prefix)
        }
    }

    private static func compare<T: Comparable>(_ left: T, _ right: T) -> Int {
        left < right ? -1 : (left > right ? 1 : 0)
    }

    private static func numbers(_ left: Double, _ right: Double) -> Int {
        if left.isNaN || right.isNaN { return compare(left.isNaN ? 1 : 0, right.isNaN ? 1 : 0) }
        return compare(left, right)
    }

    private static func decimal(_ bytes: [UInt8]) -> Int64 {
        bytes.reduce(bytes.first.map { $0 & 0x80 != 0 } ?? false ? -1 : 0) { $0 << 8 | Int64($1) }
    }

    /// Text, because NaN is not equal to itself, with all levels stored.
    private static func text(_ column: LeafColumn) -> String {
        let levels = [UInt8](repeating: column.maxDefinitionLevel, count: column.values.count)
        return "\(column.values) \(column.definitionLevels.isEmpty ? levels : column.definitionLevels) "
            + "\(column.repetitionLevels)"
    }

    // MARK: - Random predicates

    static func test(_ generator: inout SeededGenerator) -> ColumnPredicate {
        let leaf = Int.random(in: 0..<8, using: &generator)
        func literal() -> ColumnLiteral {
            switch leaf {
            case 0: return .integer(Int64.random(in: -600...1400, using: &generator))
            case 1: return .integer(Int64.random(in: -20...20, using: &generator))
            case 2:
                return .integer([Int64(0x7FFF_FFF0), 0x8FFF_FFF1, -1, 1 << 40].randomElement(using: &generator) ?? 0)
            case 3: return .floating([0, -0.0, .nan, .infinity, 3, 7.5, -1].randomElement(using: &generator) ?? 0)
            case 4: return .bytes(Array("k\(Int.random(in: 0...9, using: &generator))é1".utf8))
            case 5:
                let cents = Int32.random(in: -1000...2200, using: &generator)
                return .bytes(withUnsafeBytes(of: cents.bigEndian) { Array($0[1...]) })
            case 6: return .boolean(Bool.random(using: &generator))
            default: return .floating(Double(Int.random(in: -6...20, using: &generator)))
            }
        }
        func several() -> [ColumnLiteral] { (0..<Int.random(in: 0...3, using: &generator)).map { _ in literal() } }
        let test: ColumnTest
        switch Int.random(in: 0..<13, using: &generator) {
        case 0: test = .isNull
        case 1: test = .isNotNull
        case 2: test = .less(literal())
        case 3: test = .lessOrEqual(literal())
        case 4: test = .greater(literal())
        case 5: test = .greaterOrEqual(literal())
        case 6: test = .equal(literal())
        case 7: test = .notEqual(literal())
        case 8: test = .isIn(several())
        case 9: test = .isNotIn(several())
        case 10: test = leaf == 4 ? .startsWith(Array("k3".utf8)) : .isNotNull
        case 11: test = leaf == 4 ? .doesNotStartWith(Array("k3".utf8)) : .isNull
        default: test = leaf == 3 || leaf == 7 ? (Bool.random(using: &generator) ? .isNaN : .isNotNaN) : .isNotNull
        }
        return .test(leaf: leaf, test)
    }

    static func predicate(_ generator: inout SeededGenerator, depth: Int = 0) -> ColumnPredicate {
        switch Int.random(in: 0..<(depth > 2 ? 1 : 4), using: &generator) {
        case 0, 1: return test(&generator)
        case 2: return .and((0..<2).map { _ in predicate(&generator, depth: depth + 1) })
        default: return .or((0..<2).map { _ in predicate(&generator, depth: depth + 1) })
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>, [true, false])
    func `reading by a predicate gives exactly the rows that fulfil it`(seed: UInt64, pageIndex: Bool) throws {
        let profile = seed.isMultiple(of: 2) ? ParquetProfile.compact : .compatible
        let (bytes, rows) = try Self.file(seed: seed, pageIndex: pageIndex, profile: profile)
        let reader = try ParquetReader(bytes)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let predicate = Self.predicate(&generator)
            let expected = (0..<rows.rowCount).filter { Self.fulfils(predicate, rows, $0) }
            let leaves = (0..<9).shuffled(using: &generator).prefix(4)
            let selected = try reader.read(rowGroup: 0, leaves: Array(leaves), where: predicate)
            #expect(Array(selected.rows.ranges.joined()) == expected, "\(predicate)")
            for (leaf, column) in zip(leaves, selected.columns) {
                #expect(Self.text(column) == Self.text(rows.columns[leaf].gather(rows: expected.map(UInt32.init))))
            }
            let groups = try reader.metadata.rowGroups(where: predicate)
            #expect(expected.isEmpty || groups == [0], "\(predicate)")
        }
    }

    @Test(arguments: [true, false])
    func `rows asked for by number are read, of nested columns too`(pageIndex: Bool) throws {
        let (bytes, rows) = try Self.file(seed: 9, pageIndex: pageIndex)
        let reader = try ParquetReader(bytes)
        for ranges in [[0..<1], [599..<600], [63..<65, 200..<300], [], [0..<600], [5..<6, 7..<8, 400..<401]] {
            let wanted = RowRanges(ranges)
            let selected = try reader.read(rowGroup: 0, leaves: Array(0..<9), rows: wanted)
            #expect(selected.rows == wanted)
            let numbers = wanted.ranges.joined().map(UInt32.init)
            #expect(selected.columns.map(Self.text) == rows.columns.map { Self.text($0.gather(rows: numbers)) })
        }
    }

    @Test func `only the pages that hold matching rows are fetched`() throws {
        let (bytes, rows) = try Self.file(seed: 3, count: 6000, pageIndex: true)
        let metadata = try ParquetReader(bytes).metadata
        let predicate = ColumnPredicate.and([
            .test(leaf: 0, .greaterOrEqual(.integer(1000))), .test(leaf: 0, .less(.integer(1300))),
        ])
        var options = RangeReadOptions()
        options.gapBytesMax = 0
        var scan = try RowGroupScan(metadata, rowGroup: 0, leaves: [4, 8], where: predicate, options: options)
        var fetched = 0
        var steps = 0
        while case .fetch(let ranges) = try scan.next() {
            steps += 1
            for range in ranges {
                fetched += range.count
                scan.supply(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]), at: range.lowerBound)
            }
        }
        guard case .finished(let selected) = try scan.next() else { return }
        #expect(selected.rows == RowRanges(500..<600))
        #expect(selected.columns == [4, 8].map { rows.columns[$0].slice(rows: 500..<600) })
        #expect(steps == 3, "indexes, the predicate's pages, the others")
        let whole = try [0, 4, 8].reduce(0) { try $0 + metadata.columnChunkRange(rowGroup: 0, leaf: $1).count }
        #expect(fetched * 4 < whole, "\(fetched) of \(whole) bytes")
    }

    @Test func `a maximum rules out greater numbers only where no NaN was counted`() throws {
        let metadata = try ParquetReader(try Self.file(seed: 3, pageIndex: true).bytes).metadata
        let above = ColumnTest.greater(.floating(1e9))
        #expect(try metadata.rowGroups(where: .test(leaf: 7, above)) == [])
        #expect(try metadata.rowGroups(where: .test(leaf: 3, above)) == [0], "NaN is above every number")
        #expect(try metadata.rowGroups(where: .test(leaf: 3, .less(.floating(-.infinity)))) == [])
    }

    @Test func `a scan whose statistics exclude every row fetches nothing`() throws {
        let (bytes, _) = try Self.file(seed: 3, pageIndex: true)
        let metadata = try ParquetReader(bytes).metadata
        let predicate = ColumnPredicate.test(leaf: 0, .less(.integer(-500)))
        var scan = try RowGroupScan(metadata, rowGroup: 0, leaves: [1], where: predicate)
        guard case .finished(let selected) = try scan.next() else {
            Issue.record("it asked for bytes")
            return
        }
        #expect(selected.rowCount == 0)
        #expect(selected.columns[0].rowCount == 0)
        #expect(try metadata.rowGroups(where: predicate) == [])
    }

    @Test(
        arguments: [
            .test(leaf: 8, .isNull), .test(leaf: 40, .isNull), .test(leaf: -1, .isNull), .test(leaf: 0, .isNaN),
            .test(leaf: 0, .equal(.bytes([1]))), .test(leaf: 4, .less(.integer(1))), .test(leaf: 5, .startsWith([1])),
            .or([.test(leaf: 3, .equal(.integer(1)))]),
        ] as [ColumnPredicate])
    func `a predicate that does not fit the schema is refused`(predicate: ColumnPredicate) throws {
        let (bytes, _) = try Self.file(seed: 3, pageIndex: true)
        let error = #expect(throws: ParquetError.self) {
            try ParquetReader(bytes).read(rowGroup: 0, leaves: [0], where: predicate)
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func `ranges are joined over gaps up to the limit`() {
        let ranges: [Range<Int64>] = [100..<110, 0..<10, 20..<30, 25..<28, 41..<50]
        #expect(FileRanges.coalesced(ranges, gapBytesMax: 10) == [0..<30, 41..<50, 100..<110])
        #expect(FileRanges.coalesced(ranges, gapBytesMax: 11) == [0..<50, 100..<110])
    }

    @Test func `a footer longer than the tail is asked for`() throws {
        let (bytes, _) = try Self.file(seed: 3, pageIndex: true)
        let size = Int64(bytes.count)
        guard case .needs(let range) = try FileMetadata.read(tail: bytes.suffix(8), fileSize: size) else {
            Issue.record("8 bytes cannot hold a footer")
            return
        }
        let tail = Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
        #expect(try FileMetadata.read(tail: tail, fileSize: size) == .metadata(try ParquetReader(bytes).metadata))
    }
}
