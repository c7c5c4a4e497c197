import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct PredicateTests {
    static func schema() throws -> Schema {
        try Schema(fields: [
            .optional(1, "i", .int), .optional(2, "s", .string), .optional(3, "t", .timestamptz),
            .optional(4, "d", .double), .optional(5, "n", .decimal(precision: 9, scale: 2)), .required(6, "r", .long),
            .optional(7, "l", .list(elementID: 8, .int)), .optional(9, "f", .float),
        ])
    }

    static func test(_ id: Int, _ type: IcebergType, _ operation: BoundTest.Operation) -> BoundPredicate {
        .test(BoundTest(fieldID: id, type: type, operation: operation))
    }

    @Test(arguments: [
        (Predicate.equal("i", .long(5)), test(1, .int, .compare(.equal, .int(5)))),
        (.equal("i", .long(1 << 40)), .alwaysFalse), (.less("i", .long(1 << 40)), test(1, .int, .notNull)),
        (.less("i", .double(1.5)), test(1, .int, .compare(.lessOrEqual, .int(1)))),
        (.atLeast("i", .double(-1.5)), test(1, .int, .compare(.greaterOrEqual, .int(-1)))),
        (.equal("i", .double(1.5)), .alwaysFalse),
        (
            .equal("t", .string("2024-01-15T00:00:00Z")),
            test(3, .timestamptz, .compare(.equal, .timestamptz(1_705_276_800_000_000)))
        ),
        (
            .less("t", .string("2024-01-15")),
            test(3, .timestamptz, .compare(.less, .timestamptz(1_705_276_800_000_000)))
        ),
        (
            .equal("n", .double(14.2)),
            test(5, .decimal(precision: 9, scale: 2), .compare(.equal, .decimal(unscaled: 1420, scale: 2)))
        ),
        (
            .less("n", .string("-0.005")),
            test(5, .decimal(precision: 9, scale: 2), .compare(.lessOrEqual, .decimal(unscaled: -1, scale: 2)))
        ),
        (.isNull(column: "r"), .alwaysFalse), (.not(.isNull(column: "r")), .alwaysTrue),
        (.not(.less("i", .long(3))), test(1, .int, .compare(.greaterOrEqual, .int(3)))),
        (.not(.and([.alwaysTrue, .equal("i", .long(1))])), test(1, .int, .compare(.notEqual, .int(1)))),
        (.isIn(column: "i", [.long(3), .long(3), .long(1 << 40)]), test(1, .int, .compare(.equal, .int(3)))),
        (.isIn(column: "i", []), .alwaysFalse), (.and([]), .alwaysTrue), (.or([]), .alwaysFalse),
        (.equal("f", .double(0.1)), test(9, .float, .compare(.equal, .double(0.1)))),
    ])
    func `a filter is bound to columns and their types`(_ predicate: Predicate, _ expected: BoundPredicate) throws {
        #expect(try predicate.bound(to: Self.schema()) == expected)
    }

    @Test(arguments: [
        Predicate.equal("nope", .int(1)), .equal("l", .int(1)), .equal("i", .string("x")), .isNaN(column: "i"),
        .startsWith(column: "i", "a"), .equal("t", .string("yesterday")),
    ])
    func `a filter that makes no sense is refused`(_ predicate: Predicate) {
        let error = requireIcebergError { _ = try predicate.bound(to: Self.schema()) }
        #expect(error?.code == .invalid)
    }

    @Test func `a filter may nest as deep as the limit`() throws {
        func nest(_ depth: Int) -> Predicate { (0..<depth).reduce(Predicate.alwaysTrue) { child, _ in .not(child) } }
        _ = try nest(Limits.expressionDepthMax).bound(to: Self.schema())
        #expect(throws: IcebergError.self) { try nest(Limits.expressionDepthMax + 1).bound(to: Self.schema()) }
    }

    static let expressions: [(String, Predicate)] = [
        ("true", .alwaysTrue), (#"{"type":"eq","term":"i","value":1}"#, .equal("i", .long(1))),
        (
            #"{"type":"and","left":{"type":"lt","term":"i","value":2},"right":{"type":"not","child":{"type":"is-null","term":"s"}}}"#,
            .and([.less("i", .long(2)), .not(.isNull(column: "s"))])
        ),
        (#"{"type":"in","term":"s","values":["a","b"]}"#, .isIn(column: "s", [.string("a"), .string("b")])),
        (#"{"type":"starts-with","term":"s","value":"a"}"#, .startsWith(column: "s", "a")),
        (
            #"{"type":"gt-eq","left":{"type":"reference","name":"i"},"right":{"type":"literal","value":3}}"#,
            .atLeast("i", .long(3))
        ),
        (#"{"type":"not-null","child":{"type":"reference","name":"i"}}"#, .notNull(column: "i")),
    ]

    @Test(arguments: expressions)
    func `a filter of the REST protocol is read`(_ text: String, _ predicate: Predicate) throws {
        let json = text == "true" ? JSONValue.bool(true) : try JSONValue.parse(text)
        #expect(try Predicate(json: json) == predicate)
    }

    @Test(arguments: [
        #"{"type":"eq","term":{"type":"transform","transform":"day","term":"t"},"value":1}"#,
        #"{"type":"like","term":"s","value":"a%"}"#, #"{"type":"eq","term":"i"}"#,
        #"{"type":"eq","term":"i","value":[1]}"#,
    ])
    func `a filter that cannot be used is refused`(_ text: String) {
        #expect(throws: IcebergError.self) { try Predicate(json: JSONValue.parse(text)) }
    }
}

/// Pruning must never lose a row: checked against every row of small random files.
struct PruningPropertyTests {
    private static let comparisons: [Comparison] = [.less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual]
    private static let strings = ["", "a", "ab", "abc", "b", "ba", "é", "z"]

    private static func value(_ type: IcebergType, _ random: inout SeededRandom) -> Datum? {
        if Int.random(in: 0..<6, using: &random) == 0 { return nil }
        let number = Int64.random(in: -3...3, using: &random)
        switch type {
        case .int: return .int(Int32(number))
        case .string: return .string(strings.randomElement(using: &random) ?? "")
        case .timestamptz: return .timestamptz(number * 1_800_000_000 + Int64.random(in: -1...1, using: &random))
        case .double: return .double([-1, -0.0, 0.0, 1.5, .nan, .infinity].randomElement(using: &random) ?? 0)
        default: return .decimal(unscaled: Int128(number * 60), scale: 2)
        }
    }

    private static let columns: [(String, IcebergType)] = [
        ("i", .int), ("s", .string), ("t", .timestamptz), ("d", .double), ("n", .decimal(precision: 9, scale: 2)),
    ]

    private static func predicate(depth: Int, _ random: inout SeededRandom) -> Predicate {
        let (name, type) = columns.randomElement(using: &random) ?? ("i", .int)
        let literal = value(type, &random) ?? value(type, &random)
        switch Int.random(in: 0..<(depth < 2 ? 9 : 6), using: &random) {
        case 0: return .isNull(column: name)
        case 1: return .isIn(column: name, [literal, value(type, &random)].compactMap { $0 })
        case 2: return .startsWith(column: "s", strings.randomElement(using: &random) ?? "")
        case 3: return .isNaN(column: "d")
        case 4, 5:
            guard let literal else { return .notNull(column: name) }
            return .compare(comparisons.randomElement(using: &random) ?? .less, column: name, literal)
        case 6: return .not(predicate(depth: depth + 1, &random))
        case 7: return .and([predicate(depth: depth + 1, &random), predicate(depth: depth + 1, &random)])
        default: return .or([predicate(depth: depth + 1, &random), predicate(depth: depth + 1, &random)])
        }
    }

    private static func metrics(_ rows: [[Int: Datum]]) -> FileMetrics {
        var metrics = FileMetrics(recordCount: Int64(rows.count))
        for id in 1...5 {
            let values = rows.compactMap { $0[id] }
            let numbers = values.filter { !$0.isNaN }.sorted { $0.order(to: $1) == .less }
            metrics.valueCounts[id] = Int64(rows.count)
            metrics.nullValueCounts[id] = Int64(rows.count - values.count)
            metrics.nanValueCounts[id] = Int64(values.count - numbers.count)
            metrics.lowerBounds[id] = numbers.first?.singleValueBinary
            metrics.upperBounds[id] = numbers.last?.singleValueBinary
        }
        return metrics
    }

    @Test func `a file with a matching row is kept, and one said to match wholly does`() throws {
        var random = SeededRandom(seed: 42)
        var (pruned, whole) = (0, 0)
        for _ in 0..<20_000 {
            let rows = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                Dictionary(
                    uniqueKeysWithValues: Self.columns.enumerated().compactMap { column in
                        Self.value(column.element.1, &random).map { (column.offset + 1, $0) }
                    })
            }
            let predicate = Self.predicate(depth: 0, &random)
            let bound = try predicate.bound(to: PredicateTests.schema())
            let metrics = Self.metrics(rows)
            let matching = rows.filter { row in bound.matches { row[$0] } }.count
            if !bound.mightMatch(metrics) {
                pruned += 1
                #expect(matching == 0, "\(predicate) lost a row of \(rows)")
            }
            if bound.mustMatch(metrics) {
                whole += 1
                #expect(matching == rows.count, "\(predicate) does not match all of \(rows)")
            }
        }
        #expect(pruned > 2000 && whole > 1000)
    }

    @Test func `a partition with a matching row is kept`() throws {
        var random = SeededRandom(seed: 43)
        let transforms: [(Int, Transform)] = [
            (1, .identity), (1, .bucket(2)), (1, .truncate(2)), (2, .truncate(2)), (2, .identity), (2, .bucket(3)),
            (3, .hour), (3, .day), (3, .month), (3, .year), (3, .identity), (4, .identity), (5, .truncate(50)),
            (5, .void),
        ]
        var pruned = 0
        for _ in 0..<20_000 {
            let chosen = transforms.shuffled(using: &random).prefix(2)
            let spec = PartitionSpec(
                fields: chosen.enumerated().map {
                    PartitionField(
                        sourceID: $0.element.0, fieldID: 1000 + $0.offset, name: "p\($0.offset)",
                        transform: $0.element.1)
                })
            let row = Dictionary(
                uniqueKeysWithValues: Self.columns.enumerated().compactMap { column in
                    Self.value(column.element.1, &random).map { (column.offset + 1, $0) }
                })
            let partition = spec.fields.map { $0.transform.apply(row[$0.sourceID]) }
            let predicate = Self.predicate(depth: 0, &random)
            let bound = try predicate.bound(to: PredicateTests.schema())
            let isKept = bound.projected(onto: spec).mightMatch { id, _ in FieldRange(exactly: partition[id - 1000]) }
            if !isKept {
                pruned += 1
                #expect(!bound.matches { row[$0] }, "\(predicate) lost \(row) in \(spec.path(of: partition))")
            }
        }
        #expect(pruned > 3000)
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
        let metrics = FileMetrics(recordCount: 1)
        var random = SeededRandom(seed: 5)
        for _ in 0..<500 {
            let bound = try Self.predicate(depth: 2, &random).bound(to: PredicateTests.schema())
            if bound == .alwaysFalse { continue }
            #expect(bound.mightMatch(metrics))
            #expect(bound == .alwaysTrue || !bound.mustMatch(metrics))
        }
    }
}
