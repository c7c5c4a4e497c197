import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct PredicateTests {
    static func schema() throws -> Schema {
        try Schema(fields: [
            .optional(1, "i", .int), .optional(2, "s", .string), .optional(3, "t", .timestamptz),
            .optional(4, "d", .double), .optional(5, "n", .decimal(precision: 9, scale: 2)), .required(6, "r", .long),
            .optional(7, "l", .list(elementID: 8, .int)), .optional(9, "f", .float), .optional(10, "day", .date),
            .optional(11, "place", .geometry(crs: nil)),
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
        (.notEqual("i", .long(5)), test(1, .int, .compare(.notEqual, .int(5)))),
        (.greater("i", .long(5)), test(1, .int, .compare(.greater, .int(5)))),
        (.atMost("i", .long(5)), test(1, .int, .compare(.lessOrEqual, .int(5)))),
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
        (.equal("d", .double(-0.0)), test(4, .double, .compare(.equal, .double(0)))),
        (.equal("d", .double(.nan)), test(4, .double, .isNaN)),
        (.less("day", .timestamp(86_400_000_001)), test(10, .date, .compare(.lessOrEqual, .date(1)))),
        (.atLeast("day", .timestamp(86_400_000_000)), test(10, .date, .compare(.greaterOrEqual, .date(1)))),
        (.isNull("place"), test(11, .geometry(crs: nil), .isNull)),
        (.isIn("i", [.long(9), .long(-2), .long(3)]), test(1, .int, .isIn([.int(-2), .int(3), .int(9)]))),
        (.equal(Term(.id(1)), .long(5)), test(1, .int, .compare(.equal, .int(5)))),
        (
            .equal(Term("t", transform: .day), .string("2024-01-15")),
            .test(
                BoundTest(
                    fieldID: 3, sourceType: .timestamptz, transform: .day, operation: .compare(.equal, .date(19737))))
        ),
        (
            .isIn(Term("s", transform: .bucket(16)), [.long(3), .long(7), .long(1 << 40)]),
            .test(
                BoundTest(
                    fieldID: 2, sourceType: .string, transform: .bucket(16), operation: .isIn([.int(3), .int(7)])))
        ),
        (
            .and([.and([.less("i", .long(3)), .alwaysTrue]), .or([.less("i", .long(3)), .alwaysFalse])]),
            test(1, .int, .compare(.less, .int(3)))
        ),
    ])
    func `a filter is bound to columns and their types`(_ predicate: Predicate, _ expected: BoundPredicate) throws {
        #expect(try predicate.bound(to: Self.schema()) == expected)
    }

    @Test(arguments: [
        Predicate.equal("nope", .int(1)), .equal("l", .int(1)), .equal("i", .string("x")), .isNaN(column: "i"),
        .startsWith(column: "i", "a"), .equal("t", .string("yesterday")), .less("d", .double(.nan)),
        .isIn("d", [.double(.nan)]), .equal("place", .binary([1])), .equal("l.element", .int(1)),
        .equal(Term(.id(99)), .int(1)),
        .equal(Term("i", transform: .hour), .int(1)), .equal(Term("i", transform: .void), .int(1)),
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

    @Test func `a column is found ignoring case only on request`() throws {
        let predicate = Predicate.equal("R", .long(1))
        #expect(throws: IcebergError.self) { try predicate.bound(to: Self.schema()) }
        let bound = try predicate.bound(to: Self.schema(), ignoringCase: true)
        #expect(bound == Self.test(6, .long, .compare(.equal, .long(1))))
        #expect(try bound.unbound(in: Self.schema()) == .equal("r", .long(1)))
        #expect(throws: IcebergError.self) { try bound.unbound(in: Schema(fields: [])) }
    }

    @Test(arguments: [
        (
            Predicate.and([.equal("type", .string("view")), .or([.atLeast("n", .long(5)), .isNull("n")])]),
            #"type = "view" and (n >= 5 or n is null)"#
        ),
        (
            .not(.and([.notNaN("d"), .notIn("s", [.string("a"), .string("b")])])),
            #"not (d is not NaN and s not in ("a", "b"))"#
        ),
        (.or([.alwaysTrue, .or([.alwaysFalse, .and([])])]), "true or false or true"),
        (.startsWith(Term("s", transform: .truncate(4)), "a b"), #"truncate[4](s) starts with "a b""#),
    ])
    func `a filter reads like SQL`(_ predicate: Predicate, _ text: String) {
        #expect(predicate.description == text)
    }
}
