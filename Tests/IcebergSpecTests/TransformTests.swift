import Clocks
import IcebergSpec
import Testing

struct TransformTests {
    /// Specification, "Appendix B".
    @Test(arguments: [
        (Datum.int(34), Int32(2_017_239_379)), (.long(34), 2_017_239_379),
        (.decimal(unscaled: 1420, scale: 2), -500_754_589), (.date(17_486), -653_330_422),
        (.time(81_068_000_000), -662_762_989), (.timestamp(1_510_871_468_000_000), -2_047_944_441),
        (.timestamp(1_510_871_468_000_001), -1_207_196_810), (.timestamptz(1_510_871_468_000_000), -2_047_944_441),
        (.timestampNanos(1_510_871_468_000_000_001), -2_047_944_441),
        (.timestamptzNanos(1_510_871_468_000_001_000), -1_207_196_810), (.string("iceberg"), 1_210_000_089),
        (.uuid(DatumTests.uuid), 1_488_055_340), (.fixed([0, 1, 2, 3]), -188_683_207),
        (.binary([0, 1, 2, 3]), -188_683_207),
    ])
    func `the hash is that of the specification`(_ value: Datum, _ hash: Int32) {
        #expect(value.bucketHash == hash)
        #expect(Transform.bucket(16).apply(value) == .int((hash & .max) % 16))
    }

    @Test(arguments: [
        (Transform.truncate(10), Datum.int(1), Datum.int(0)), (.truncate(10), .int(-1), .int(-10)),
        (.truncate(10), .long(99), .long(90)), (.truncate(10), .long(.min + 8), .long(.min + 8)),
        (.truncate(50), .decimal(unscaled: 1065, scale: 2), .decimal(unscaled: 1050, scale: 2)),
        (.truncate(3), .string("iceberg"), .string("ice")), (.truncate(2), .string("e\u{301}x"), .string("e\u{301}")),
        (.truncate(2), .binary([1, 2, 3]), .binary([1, 2])), (.year, .date(-1), .int(-1)), (.year, .date(0), .int(0)),
        (.month, .date(-1), .int(-1)), (.month, .date(17_486), .int(574)), (.day, .timestamp(-1), .date(-1)),
        (.day, .timestamptz(86_400_000_000), .date(1)), (.hour, .timestamptz(-1), .int(-1)),
        (.hour, .timestamptz(1_510_871_468_000_000), .int(419_686)),
        (.hour, .timestamptzNanos(1_510_871_468_000_000_000), .int(419_686)), (.identity, .string("x"), .string("x")),
        (.hour, .timestampNanos(-1), .int(-1)), (.day, .timestamptzNanos(-1), .date(-1)),
        (.month, .timestampNanos(-1), .int(-1)), (.year, .timestamptzNanos(-1), .int(-1)),
        (.hour, .timestamp(-3_600_000_000), .int(-1)), (.hour, .timestamp(-3_600_000_001), .int(-2)),
        (.year, .date(-365), .int(-1)), (.year, .date(-366), .int(-2)), (.month, .date(-31), .int(-1)),
        (.month, .date(-32), .int(-2)), (.day, .date(-5), .date(-5)),
        (.day, .timestampNanos(.min), .date(-106_752)), (.year, .timestamp(.max), .int(292_277)),
        (.truncate(10), .int(-10), .int(-10)), (.truncate(10), .int(-11), .int(-20)),
        (.truncate(10), .decimal(unscaled: -5, scale: 2), .decimal(unscaled: -10, scale: 2)),
        (.truncate(50), .decimal(unscaled: -1065, scale: 2), .decimal(unscaled: -1100, scale: 2)),
        (.truncate(3), .string("イロハニ"), .string("イロハ")), (.truncate(2), .string("😀😁😂"), .string("😀😁")),
        (.truncate(9), .string("ab"), .string("ab")), (.truncate(1), .string(""), .string("")),
        (.truncate(5), .binary([1]), .binary([1])), (.truncate(1), .int(.min), .int(.min)),
    ])
    func `a transform gives the value of the specification`(_ transform: Transform, _ value: Datum, _ result: Datum) {
        #expect(transform.apply(value) == result)
        #expect(transform.apply(nil) == nil)
    }

    @Test func `void and transforms of a type they do not take give null`() {
        #expect(Transform.void.apply(.int(1)) == nil)
        #expect(Transform.hour.apply(.date(1)) == nil)
        #expect(Transform.bucket(4).apply(.double(1)) == nil)
    }

    @Test(arguments: [
        "identity", "void", "year", "month", "day", "hour", "bucket[16]", "truncate[3]", "zorder[2]", "bucket",
    ])
    func `a transform keeps its name`(_ text: String) throws {
        #expect(try Transform(text).description == text)
    }

    @Test(arguments: ["bucket[0]", "bucket[-1]", "bucket[]", "truncate[x]", "truncate[99999999999]"])
    func `a count that is no positive number is refused`(_ text: String) {
        #expect(throws: IcebergError.self) { try Transform(text) }
    }

    @Test(arguments: [
        (Transform.year, Datum?.some(.int(47)), "2017"), (.month, .int(574), "2017-11"), (.month, .int(-1), "1969-12"),
        (.day, .date(17_486), "2017-11-16"), (.hour, .int(419_686), "2017-11-16-22"),
        (.hour, .int(-1), "1969-12-31-23"),
        (.identity, nil, "null"), (.identity, .timestamptz(1_510_871_468_500_000), "2017-11-16T22:31:08.5+00:00"),
        (.identity, .timestamp(1_510_871_468_000_000), "2017-11-16T22:31:08"),
        (.identity, .binary([1, 2, 3]), "AQID"), (.bucket(4), .int(3), "3"),
        (.identity, .decimal(unscaled: -5, scale: 2), "-0.05"),
    ])
    func `people can read partition values`(_ transform: Transform, _ value: Datum?, _ text: String) {
        #expect(transform.humanString(value) == text)
    }

    @Test func `partition paths are encoded as by the Java implementation`() {
        let spec = PartitionSpec(
            id: 0,
            fields: [
                PartitionField(sourceID: 1, fieldID: 1000, name: "type", transform: .identity),
                PartitionField(sourceID: 2, fieldID: 1001, name: "a b", transform: .hour),
            ])
        #expect(spec.path(of: [.string("a/b c=~é*%"), nil]) == "type=a%2Fb+c%3D%7E%C3%A9*%25/a+b=null")
    }

    /// Transform, column type, result type; nil where the specification allows none.
    @Test(arguments: [
        (Transform.identity, IcebergType.variant, IcebergType?.none), (.identity, .geometry(crs: nil), nil),
        (.identity, .boolean, .boolean), (.identity, .timestamptzNanos, .timestamptzNanos), (.bucket(4), .double, nil),
        (.bucket(4), .boolean, nil), (.bucket(4), .fixed(3), .int), (.bucket(4), .time, .int),
        (.truncate(4), .string, .string), (.truncate(4), .fixed(3), nil), (.truncate(4), .date, nil),
        (.truncate(4), .decimal(precision: 5, scale: 1), .decimal(precision: 5, scale: 1)), (.year, .date, .int),
        (.month, .timestampNanos, .int), (.day, .timestamp, .date), (.day, .time, nil), (.hour, .date, nil),
        (.hour, .timestamptzNanos, .int), (.void, .variant, .variant),
    ])
    func `a transform takes the types of the specification`(
        _ transform: Transform, _ type: IcebergType, _ result: IcebergType?
    ) {
        #expect(transform.canTransform(type) == (result != nil))
        if let result { #expect(transform.resultType(of: type) == result) }
    }

    @Test func `transforms that keep the order keep it`() {
        var random = SeededRandom(seed: 11)
        let day: Int64 = 86_400_000_000
        let samples: [(Transform, (inout SeededRandom) -> Datum)] =
            [Transform.year, .month, .day, .hour].flatMap { transform in
                [
                    (transform, { .timestamptz(Int64.random(in: -900 * day...900 * day, using: &$0)) }),
                    (transform, { .timestampNanos(Int64.random(in: .min ... .max, using: &$0)) }),
                ]
            } + [
                (.truncate(7), { .int(Int32.random(in: -50...50, using: &$0)) }),
                (.truncate(100), { .decimal(unscaled: Int128(Int64.random(in: -999...999, using: &$0)), scale: 1) }),
                (
                    .truncate(2),
                    { random in
                        .string(String((0..<3).map { _ in "aé😀z".randomElement(using: &random) ?? "a" }))
                    }
                ),
            ]
        for (transform, sample) in samples {
            #expect(transform.preservesOrder)
            for _ in 0..<200 {
                let (left, right) = (sample(&random), sample(&random))
                guard left.order(to: right) == .less, let low = transform.apply(left), let high = transform.apply(right)
                else { continue }
                #expect(low.order(to: high) != .greater, "\(transform) of \(left), \(right)")
            }
        }
        #expect(!Transform.bucket(4).preservesOrder && !Transform.void.preservesOrder)
    }

    /// A finer order, a coarser one, of a column; and whether the first is also the second.
    @Test(arguments: [
        (Transform.identity, Transform.hour, IcebergType.timestamptz, true), (.hour, .day, .timestamptz, true),
        (.day, .hour, .timestamptz, false), (.month, .year, .date, true), (.hour, .hour, .timestamp, true),
        (.truncate(10), .truncate(5), .string, true), (.truncate(5), .truncate(10), .string, false),
        (.truncate(5), .truncate(10), .int, true), (.truncate(10), .truncate(5), .int, false),
        (.truncate(4), .truncate(10), .int, false), (.identity, .bucket(4), .int, false),
        (.bucket(4), .bucket(4), .int, true), (.hour, .identity, .timestamptz, false),
    ])
    func `an order may be that of another transform, too`(
        _ fine: Transform, _ coarse: Transform, _ type: IcebergType, _ holds: Bool
    ) throws {
        #expect(fine.satisfiesOrder(of: coarse, on: type) == holds)
        let schema = try Schema(fields: [.optional(1, "c", type), .optional(2, "d", .int)])
        let order = SortOrder(
            id: 1, fields: [SortField(sourceID: 1, transform: fine), SortField(sourceID: 2, direction: .descending)])
        let wanted = SortOrder(id: 2, fields: [SortField(sourceID: 1, transform: coarse)])
        #expect(order.satisfies(wanted, in: schema) == holds)
        #expect(order.satisfies(.unsorted, in: schema))
        #expect(!SortOrder.unsorted.satisfies(wanted, in: schema))
    }
}
