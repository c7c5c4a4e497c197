import Clocks
import IcebergSpec
import JSONFormat

@testable import IcebergData

/// Schemas and rows of every type, from a seed.
struct RandomRows {
    let random: WritingRandom
    private(set) var nextID = 1

    init(seed: UInt64) { random = WritingRandom(seed) }

    func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func fields(_ count: Int, depth: Int = 0) -> [NestedField] {
        (0..<count).map { index in
            let id = takeID()
            return NestedField(id: id, name: "f\(id)", required: chance(30), type: type(depth: depth))
        }
    }

    mutating func takeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    private mutating func type(depth: Int) -> IcebergType {
        if depth < 3, chance(40) {
            switch below(3) {
            case 0: return .structure(fields(1 + below(3), depth: depth + 1))
            case 1: return .list(elementID: takeID(), type(depth: depth + 1), elementRequired: chance(40))
            default:
                let (key, value) = (takeID(), takeID())
                return .map(
                    keyID: key, primitive(), valueID: value, type(depth: depth + 1), valueRequired: chance(40))
            }
        }
        return primitive()
    }

    func primitive() -> IcebergType {
        let types: [IcebergType] = [
            .boolean, .int, .long, .float, .double, .date, .time, .timestamp, .timestamptz, .timestampNanos,
            .timestamptzNanos, .string, .uuid, .fixed(3), .binary, .decimal(precision: 7, scale: 2),
            .decimal(precision: 15, scale: 0), .decimal(precision: 38, scale: 10),
        ]
        return types[below(types.count)]
    }

    func row(_ fields: [NestedField]) -> [RowValue] { fields.map { value($0) } }

    func value(_ field: NestedField) -> RowValue {
        if !field.required, chance(25) { return .null }
        switch field.type {
        case .structure(let fields): return .structure(row(fields))
        case .list(let list): return .list((0..<below(4)).map { _ in value(list.elementField) })
        case .map(let map):
            return .map(
                (0..<below(4)).map { _ in RowValue.Entry(key: value(map.keyField), value: value(map.valueField)) })
        default: return .primitive(datum(field.type))
        }
    }

    func datum(_ type: IcebergType) -> Datum {
        let bits = Int64(bitPattern: random.next())
        let small = Int64(below(7)) - 3
        switch type {
        case .boolean: return .boolean(chance(50))
        case .int: return .int(chance(50) ? Int32(small) : Int32(truncatingIfNeeded: bits))
        case .long: return .long(chance(50) ? small : bits)
        case .float: return .float([0, -0.0, 1.5, -2.25, .infinity, Float(small)][below(6)])
        case .double: return .double([0, -0.0, 1.5, -2.25, -.infinity, Double(small)][below(6)])
        case .date: return .date(Int32(truncatingIfNeeded: bits) >> 12)
        case .time: return .time(Int64(below(86_400)) * 1_000_000 + 17)
        case .timestamp: return .timestamp(bits >> 12)
        case .timestamptz: return .timestamptz(bits >> 12)
        case .timestampNanos: return .timestampNanos(bits)
        case .timestamptzNanos: return .timestamptzNanos(bits)
        case .uuid: return .uuid(UUID(high: random.next(), low: random.next()))
        case .fixed(let length): return .fixed((0..<length).map { _ in UInt8(below(256)) })
        case .binary: return .binary((0..<below(4)).map { _ in UInt8(below(256)) })
        case .decimal(let precision, let scale):
            let limit = Int128((0..<precision).reduce(Int128(1)) { power, _ in power * 10 })
            return .decimal(unscaled: (Int128(bits) << 60 | Int128(random.next() >> 4)) % limit, scale: scale)
        default: return .string(["", "a", "ä", "zz", "click", "view"][below(6)])
        }
    }
}
