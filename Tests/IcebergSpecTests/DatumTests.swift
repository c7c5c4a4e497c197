import Bytes
import Clocks
import IcebergSpec
import JSONFormat
import Testing

struct DatumTests {
    static let uuid = UUID(high: 0xf79c_3e09_677c_4bbd, low: 0xa479_3f34_9cb7_85e7)
    static let fixed16 = IcebergType.fixed(4)
    static let price = IcebergType.decimal(precision: 9, scale: 2)

    /// Value, type, bytes in hexadecimal, JSON.
    static let forms: [(Datum, IcebergType, String, String)] = [
        (.boolean(true), .boolean, "01", "true"),
        (.int(34), .int, "22000000", "34"),
        (.int(-1), .int, "ffffffff", "-1"),
        (.long(.min), .long, "0000000000000080", "-9223372036854775808"),
        (.float(1), .float, "0000803f", "1.0"),
        (.double(-4.5), .double, "00000000000012c0", "-4.5"),
        (.date(17_486), .date, "4e440000", #""2017-11-16""#),
        (.date(-1), .date, "ffffffff", #""1969-12-31""#),
        (.time(81_068_123_456), .time, "406509e012000000", #""22:31:08.123456""#),
        (.timestamp(1_510_871_468_123_456), .timestamp, "40a5282d215e0500", #""2017-11-16T22:31:08.123456""#),
        (.timestamptz(-1), .timestamptz, "ffffffffffffffff", #""1969-12-31T23:59:59.999999+00:00""#),
        (
            .timestampNanos(1_510_871_468_123_456_789), .timestampNanos, "1585c56698b1f714",
            #""2017-11-16T22:31:08.123456789""#
        ),
        (.string("é"), .string, "c3a9", #""é""#),
        (.uuid(uuid), .uuid, "f79c3e09677c4bbda4793f349cb785e7", #""f79c3e09-677c-4bbd-a479-3f349cb785e7""#),
        (.fixed([0, 1, 2, 255]), fixed16, "000102ff", #""000102ff""#),
        (.binary([]), .binary, "", #""""#),
        (.decimal(unscaled: 1420, scale: 2), price, "058c", #""14.20""#),
        (.decimal(unscaled: -128, scale: 2), price, "80", #""-1.28""#),
        (.decimal(unscaled: 128, scale: 2), price, "0080", #""1.28""#),
        (.decimal(unscaled: 0, scale: 2), price, "00", #""0.00""#),
        (.decimal(unscaled: -5, scale: 2), price, "fb", #""-0.05""#),
    ]

    @Test(arguments: forms)
    func `a value has the bytes and the JSON of the specification`(
        _ value: Datum, _ type: IcebergType, _ hexadecimal: String, _ json: String
    ) throws {
        let bytes = try #require(Hexadecimal.decode(hexadecimal))
        #expect(value.isValue(of: type))
        #expect(Hexadecimal.encode(value.singleValueBinary) == hexadecimal)
        #expect(try Datum(singleValueBinary: bytes, type: type) == value)
        #expect(value.json.serializedString() == json)
        #expect(try Datum(json: JSONValue.parse("[\(json)]").array?[0] ?? .null, type: type) == value)
    }

    @Test func `bounds from before a promotion are read`() throws {
        #expect(try Datum(singleValueBinary: [0xFE, 0xFF, 0xFF, 0xFF], type: .long) == .long(-2))
        #expect(try Datum(singleValueBinary: Datum.float(1.5).singleValueBinary, type: .double) == .double(1.5))
    }

    @Test(arguments: [
        ([UInt8](), IcebergType.int), ([1, 2, 3], .int), ([1, 2], .boolean), ([0xFF], .string), ([1], .uuid),
        ([], price),
        ([UInt8](repeating: 1, count: 17), price), ([1], .fixed(2)), ([1], .structure([])),
    ])
    func `bytes that are no value are refused`(_ bytes: [UInt8], _ type: IcebergType) {
        #expect(throws: IcebergError.self) { try Datum(singleValueBinary: bytes, type: type) }
    }

    @Test(arguments: [
        (JSONValue.string("2024-02-30"), IcebergType.date), (.string("12"), .int), (.integer(1 << 31), .int),
        (.string("1.234"), price), (.string("99999999.00"), price), (.string("0g"), .binary), (.null, .string),
        (.string("2024-01-01T00:00:00"), .timestamptz),
    ])
    func `JSON that is no value is refused`(_ json: JSONValue, _ type: IcebergType) {
        #expect(throws: IcebergError.self) { try Datum(json: json, type: type) }
    }

    @Test(arguments: ["1e-9223372036854775808", "1e9223372036854775807", "1e-401", "1e", "e5", "--1", "1e5e5"])
    func `decimals of absurd exponents are none`(text: String) {
        #expect(throws: IcebergError.self) { try Datum(json: .string(text), type: Self.price) }
        #expect(throws: IcebergError.self) {
            try Predicate.equal("p", .string(text)).bound(
                to: try Schema(fields: [.optional(1, "p", Self.price)]))
        }
    }

    @Test func `decimals keep their value through every width`() throws {
        var random = SeededRandom(seed: 1)
        for width in 1...16 {
            for _ in 0..<200 {
                let bytes = (0..<width).map { _ in UInt8.random(in: 0...255, using: &random) }
                let value = try #require(Datum.bigEndian(bytes))
                #expect(Datum.bigEndian(value, count: width) == bytes)
                let minimal = Datum.minimalBigEndian(value)
                #expect(minimal.count <= width && Datum.bigEndian(minimal) == value)
                let type = IcebergType.decimal(precision: 38, scale: 3)
                #expect(
                    try Datum(parquetValue: bytes.reversed(), type: type, decimalIsInteger: true)
                        == .decimal(unscaled: value, scale: 3))
            }
        }
    }

    @Test func `floating-point order has -0 below +0 and NaN on top`() {
        let sorted: [Double] = [-.infinity, -1, -0.0, 0.0, 1, .infinity, .nan]
        for (left, first) in sorted.enumerated() {
            for (right, second) in sorted.enumerated() {
                let expected: Datum.Order = left < right ? .less : left == right ? .equal : .greater
                #expect(Datum.double(first).order(to: .double(second)) == expected)
                #expect(Datum.float(Float(first)).order(to: .float(Float(second))) == expected)
            }
        }
        #expect(Datum.double(-.nan) == .double(.nan))
        #expect(Datum.float(1.5).hashValue == Datum.double(1.5).hashValue)
    }

    @Test func `values of different types do not compare`() {
        #expect(Datum.int(1).order(to: .long(1)) == nil)
        #expect(Datum.string("a") != .binary([0x61]))
        #expect(Datum.decimal(unscaled: 10, scale: 1) != .decimal(unscaled: 10, scale: 2))
    }

    @Test(arguments: [(1, 1), (2, 1), (3, 2), (9, 4), (10, 5), (18, 8), (19, 9), (38, 16)])
    func `a decimal is stored in as few bytes as its precision allows`(_ precision: Int, _ bytes: Int) {
        #expect(IcebergType.decimalRequiredBytes(precision: precision) == bytes)
    }
}
