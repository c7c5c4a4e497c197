import IcebergSpec
import IcebergTable
import ParquetFormat
import Testing

@testable import Committing

/// SplitMix64.
private struct Dice {
    var state: UInt64
    mutating func roll(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ value >> 31) % UInt64(max(1, bound)))
    }
}

struct DataFieldTests {
    private let schema: Schema
    private let fields: [DataField]

    init() throws {
        let types: [IcebergType] = [
            .boolean, .int, .long, .float, .double, .string, .timestamptz, .date, .uuid,
            .decimal(precision: 9, scale: 2), .decimal(precision: 18, scale: 0),
        ]
        var made = types.enumerated().map { NestedField.optional($0 + 1, "f\($0)", $1) }
        made.append(.optional(50, "list", .list(elementID: 51, .string)))
        made.append(.optional(52, "strict", .list(elementID: 53, .string, elementRequired: true)))
        schema = try Schema(fields: made)
        fields = made.compactMap { DataField($0.name, $0, nil) }
    }

    private static let seeds = [
        #"{"f0":true,"f1":12,"f2":-9223372036854775808,"f3":1.5e3,"f4":1e-400,"f5":"t\u00e9\ud83d\ude00","f6":"2024-02-29T23:59:60.123+14:00"}"#,
        #"{"f7":"2024-02-29","f8":"0190a8e5-7c00-7000-8000-000000000001","f9":"-12.50","f10":1e2,"list":["a",null,1,{"b":[]}],"strict":["x"]}"#,
        #"{"list":[],"list":["q",["r"]],"strict":[null],"f5":{"k":[[[]]]},"f5":"\ud800"}"#, "[]", "null", "{", "",
    ]

    @Test func `whatever is done to a text, every column has every row`() throws {
        let leaves = try ParquetSchema.make(for: schema).leaves
        var dice = Dice(state: 42)
        for round in 0..<400 {
            var shredder = try FieldShredder(fields)
            let rows = 1 + dice.roll(20)
            for _ in 0..<rows {
                var text = Array(Self.seeds[dice.roll(Self.seeds.count)].utf8)
                for _ in 0..<dice.roll(5) where !text.isEmpty {
                    let at = dice.roll(text.count)
                    switch dice.roll(4) {
                    case 0: text[at] = UInt8(dice.roll(256))
                    case 1: text.remove(at: at)
                    case 2: text.insert(contentsOf: text[dice.roll(at + 1)..<at], at: dice.roll(at + 1))
                    default: text.removeSubrange(at...)
                    }
                }
                let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
                defer { raw.deallocate() }
                raw.copyBytes(from: text)
                try shredder.append(UnsafeRawBufferPointer(raw))
            }
            var writer = try ParquetWriter(schema: ParquetSchema.make(for: schema), options: ParquetWriterOptions())
            var columns: [LeafColumn] = []
            for (index, leaf) in leaves.enumerated() {
                let column = try shredder.column(index, leaf).values
                #expect(column.rowCount == rows, "round \(round), column \(fields[index].column)")
                columns.append(column)
            }
            // The writer checks that levels and values agree.
            try writer.append(RowGroup(columns: columns, rowCount: rows))
        }
    }
}
