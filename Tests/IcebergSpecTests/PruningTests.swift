import Clocks
import IcebergSpec
import Testing

/// Pruning must never lose a row: checked against every row of small random files.
struct PruningPropertyTests {
    private static let comparisons: [Comparison] = [.less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual]
    private static let strings = ["", "a", "ab", "abc", "b", "ba", "é", "z"]

    private static func value(_ type: IcebergType, _ random: inout SeededRandom) -> Datum? {
        if Int.random(in: 0..<6, using: &random) == 0 { return nil }
        let number = Int64.random(in: -3...3, using: &random)
        switch type {
        case .int: return .int(number == 3 ? [.min, .min + 1, .max].randomElement(using: &random) ?? 3 : Int32(number))
        case .string: return .string(strings.randomElement(using: &random) ?? "")
        case .timestamptz: return .timestamptz(number * 1_800_000_000 + Int64.random(in: -1...1, using: &random))
        case .double: return .double([-1, -0.0, 0.0, 1.5, .nan, .infinity].randomElement(using: &random) ?? 0)
        default: return .decimal(unscaled: Int128(number * 60), scale: 2)
        }
    }

    private static let columns: [(String, IcebergType)] = [
        ("i", .int), ("s", .string), ("t", .timestamptz), ("d", .double), ("n", .decimal(precision: 9, scale: 2)),
    ]

    /// Terms that are not columns, with the type of their values.
    private static let transformed: [(Term, IcebergType)] = [
        (Term("i", transform: .bucket(2)), .int), (Term("i", transform: .truncate(2)), .int),
        (Term("s", transform: .truncate(2)), .string), (Term("s", transform: .bucket(3)), .int),
        (Term("t", transform: .hour), .int), (Term("t", transform: .identity), .timestamptz),
    ]

    private static func predicate(depth: Int, _ random: inout SeededRandom) -> Predicate {
        let column = columns.randomElement(using: &random) ?? ("i", .int)
        var (term, type) = (Term(column.0), column.1)
        if Int.random(in: 0..<6, using: &random) == 0, let other = transformed.randomElement(using: &random) {
            (term, type) = other
        }
        let literals = [value(type, &random), value(type, &random)].compactMap { $0 }.filter { !$0.isNaN }
        switch Int.random(in: 0..<(depth < 2 ? 10 : 7), using: &random) {
        case 0: return .isNull(term)
        case 1: return Bool.random(using: &random) ? .isIn(term, literals) : .notIn(term, literals)
        case 2: return .startsWith("s", strings.randomElement(using: &random) ?? "")
        case 3: return .isNaN("d")
        case 4, 5, 6:
            guard let literal = literals.first else { return .notNull(term) }
            return .compare(comparisons.randomElement(using: &random) ?? .less, term, literal)
        case 7: return .not(predicate(depth: depth + 1, &random))
        case 8: return .and([predicate(depth: depth + 1, &random), predicate(depth: depth + 1, &random)])
        default: return .or([predicate(depth: depth + 1, &random), predicate(depth: depth + 1, &random)])
        }
    }

    private static func row(_ random: inout SeededRandom) -> [Int: Datum] {
        var row: [Int: Datum] = [:]
        for (index, column) in columns.enumerated() { row[index + 1] = value(column.1, &random) }
        return row
    }

    private static func file(_ rows: [[Int: Datum]]) -> DataFile {
        var file = DataFile(path: "f", recordCount: Int64(rows.count), fileSizeBytes: 1)
        for id in 1...5 {
            let values = rows.compactMap { $0[id] }
            let numbers = values.filter { !$0.isNaN }.sorted { $0.order(to: $1) == .less }
            file.valueCounts[id] = Int64(rows.count)
            file.nullValueCounts[id] = Int64(rows.count - values.count)
            file.nanValueCounts[id] = Int64(values.count - numbers.count)
            file.lowerBounds[id] = numbers.first?.singleValueBinary
            file.upperBounds[id] = numbers.last?.singleValueBinary
        }
        return file
    }

    /// Some writers leave out some of what manifests can say.
    private static func forgetting(_ file: DataFile, _ random: inout SeededRandom) -> DataFile {
        var file = file
        let id = Int.random(in: 1...5, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: file.lowerBounds[id] = nil
        case 1: file.upperBounds[id] = nil
        case 2: file.nullValueCounts[id] = nil
        case 3: file.valueCounts[id] = nil
        case 4: file.nanValueCounts[id] = nil
        default: break
        }
        return file
    }

    @Test func `a file with a matching row is kept, and one said to match wholly does`() throws {
        var random = SeededRandom(seed: 42)
        var (pruned, whole) = (0, 0)
        for _ in 0..<8000 {
            let rows = (0..<Int.random(in: 1...3, using: &random)).map { _ in Self.row(&random) }
            let predicate = Self.predicate(depth: 0, &random)
            let bound = try predicate.bound(to: PredicateTests.schema())
            let compiled = CompiledPredicate(bound)
            let file = Self.forgetting(Self.file(rows), &random)
            let matching = rows.filter { row in bound.matches { row[$0] } }.count
            #expect(bound.mightMatch { file.range(fieldID: $0, type: $1) } == compiled.mightMatch(file), "\(predicate)")
            if !compiled.mightMatch(file) {
                pruned += 1
                #expect(matching == 0, "\(predicate) lost a row of \(rows)")
            }
            if compiled.mustMatch(file) {
                whole += 1
                #expect(matching == rows.count, "\(predicate) does not match all of \(rows)")
            }
        }
        #expect(pruned > 1000 && whole > 400)
    }

    /// As writers before 2020 did: a time before 1970 was put into the unit after its own.
    private static func oldWriter(_ partition: [Datum?], _ spec: PartitionSpec) -> [Datum?] {
        zip(spec.fields, partition).map { field, value in
            guard [.year, .month, .day, .hour].contains(field.transform) else { return value }
            switch value {
            case .int(let number)? where number < 0: return .int(number + 1)
            case .date(let days)? where days < 0: return .date(days + 1)
            default: return value
            }
        }
    }

    @Test func `a partition with a matching row is kept, and one said to match wholly does`() throws {
        var random = SeededRandom(seed: 43)
        let transforms: [(Int, Transform)] = [
            (1, .identity), (1, .bucket(2)), (1, .truncate(2)), (1, .truncate(7)), (2, .truncate(2)), (2, .identity),
            (2, .bucket(3)), (3, .hour), (3, .day), (3, .month), (3, .year), (3, .identity), (4, .identity),
            (5, .truncate(50)), (5, .void), (2, .unknown("zorder")),
        ]
        var (pruned, whole) = (0, 0)
        for _ in 0..<10_000 {
            let chosen = transforms.shuffled(using: &random).prefix(2)
            let spec = PartitionSpec(
                fields: chosen.enumerated().map {
                    PartitionField(
                        sourceID: $0.element.0, fieldID: 1000 + $0.offset, name: "p\($0.offset)",
                        transform: $0.element.1)
                })
            let row = Self.row(&random)
            var partition = spec.fields.map { $0.transform.apply(row[$0.sourceID]) }
            if Bool.random(using: &random) { partition = Self.oldWriter(partition, spec) }
            let predicate = Self.predicate(depth: 0, &random)
            let bound = try predicate.bound(to: PredicateTests.schema())
            let matches = bound.matches { row[$0] }
            let inclusive = bound.projected(onto: spec)
            let range = { (id: Int, _: IcebergType) in FieldRange(exactly: partition[id - 1000]) }
            let isKept = CompiledPartitionPredicate(bound, spec: spec).mightMatch(partition)
            #expect(inclusive.mightMatch(range) == isKept)
            let place = "\(predicate): \(row) in \(spec.path(of: partition))"
            if !isKept { pruned += 1 }
            #expect(isKept || !matches, "lost: \(place)")
            if bound.strictlyProjected(onto: spec).mustMatch(range) {
                whole += 1
                #expect(matches, "not all: \(place)")
            }
            #expect(bound.residual(partition: partition, spec: spec).matches { row[$0] } == matches, "rest: \(place)")
        }
        #expect(pruned > 1300 && whole > 500, "\(pruned) \(whole)")
    }

    @Test func `an hour partition is found by a range of time`() throws {
        let spec = PartitionSpec(fields: [PartitionField(sourceID: 3, fieldID: 1000, name: "h", transform: .hour)])
        let range = Predicate.and([
            .atLeast("t", .string("2024-01-15T10:00:00Z")), .less("t", .string("2024-01-15T12:00:00Z")),
        ])
        let projected = try range.bound(to: PredicateTests.schema()).projected(onto: spec)
        let ten = Int32(1_705_276_800 / 3600 + 10)
        let kept = (ten - 2...ten + 3).filter { hour in
            projected.mightMatch { _, _ in FieldRange(exactly: .int(hour)) }
        }
        #expect(kept == [ten, ten + 1])
    }

    @Test func `nothing is pruned where nothing is known`() throws {
        let file = DataFile(path: "f", recordCount: 1, fileSizeBytes: 1)
        let spec = PartitionSpec(fields: [PartitionField(sourceID: 1, fieldID: 1000, name: "p", transform: .identity)])
        var random = SeededRandom(seed: 5)
        for _ in 0..<500 {
            let bound = try Self.predicate(depth: 2, &random).bound(to: PredicateTests.schema())
            if bound == .alwaysFalse { continue }
            #expect(CompiledPredicate(bound).mightMatch(file))
            #expect(CompiledPartitionPredicate(bound, spec: spec).mightMatch([ManifestFile.FieldSummary]()))
            #expect(bound == .alwaysTrue || !CompiledPredicate(bound).mustMatch(file))
        }
    }

    @Test func `a bound from before a promotion is understood`() throws {
        let day: Int64 = 86_400_000_000
        for (type, unit) in [(IcebergType.timestamp, day), (.timestampNanos, day * 1000)] {
            let schema = try Schema(fields: [.optional(1, "t", type)])
            var file = DataFile(path: "f", recordCount: 1, fileSizeBytes: 1)
            file.lowerBounds[1] = Datum.date(10).singleValueBinary
            file.upperBounds[1] = Datum.date(12).singleValueBinary
            func isKept(_ predicate: Predicate) throws -> Bool {
                try CompiledPredicate(predicate.bound(to: schema)).mightMatch(file)
            }
            #expect(try isKept(.atLeast("t", .long(12 * unit))))
            #expect(try !isKept(.atLeast("t", .long(12 * unit + 1))))
            #expect(try !isKept(.less("t", .long(10 * unit))))
        }
        let huge = Datum.date(.max).singleValueBinary
        #expect(throws: IcebergError.self) { try Datum(singleValueBinary: huge, type: .timestampNanos) }
    }

    @Test func `what a manifest list says of partitions prunes manifests`() throws {
        let spec = PartitionSpec(fields: [PartitionField(sourceID: 3, fieldID: 1000, name: "d", transform: .day)])
        let bound = try Predicate.equal("t", .string("2024-01-15T10:00:00Z")).bound(to: PredicateTests.schema())
        let compiled = CompiledPartitionPredicate(bound, spec: spec)
        func summary(_ low: Int32, _ high: Int32) -> [ManifestFile.FieldSummary] {
            [
                .init(
                    containsNull: false, lowerBound: Datum.date(low).singleValueBinary,
                    upperBound: Datum.date(high).singleValueBinary)
            ]
        }
        #expect(compiled.mightMatch(summary(19_000, 19_737)))
        #expect(!compiled.mightMatch(summary(19_000, 19_736)))
        #expect(!compiled.mightMatch([.init(containsNull: true)]))
        #expect(compiled.mightMatch(summary(19_737, 19_737)))
    }
}
