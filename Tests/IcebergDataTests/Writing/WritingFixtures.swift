import Clocks
import IcebergSpec
import JSONFormat
import ParquetFormat
import Synchronization
import Testing

@testable import IcebergData

/// The same numbers for the same seed.
final class WritingRandom: RandomSource {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64 = 7) { state = Mutex(seed) }

    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }
}

func writingTable(
    _ schema: Schema, spec: [UnboundPartitionSpec.Field] = [], order: SortOrder? = nil, formatVersion: Int = 2,
    properties: [String: String] = [:]
) throws -> TableMetadata {
    try TableMetadata.new(
        location: "s3://lake/db/t", schema: schema, spec: UnboundPartitionSpec(fields: spec),
        sortOrder: order ?? .unsorted,
        properties: properties, formatVersion: formatVersion, uuid: UUID(high: 1, low: 2),
        at: Timestamp(milliseconds: 1_700_000_000_000))
}

/// Rows by name, as people write them.
func writingRows(_ schema: Schema, _ texts: String...) throws -> [[RowValue]] {
    try texts.map { try RowValue.fields(try JSONValue.parse($0), schema.fields, .names, "") }
}

/// The values of a flat column of a file, nil for null.
func writtenIntegers(_ bytes: [UInt8], _ name: String) throws -> [Int64?] {
    let reader = try ParquetReader(bytes)
    let leaf = try #require(reader.schema.leaf(path: [name]))
    var result: [Int64?] = []
    for group in reader.metadata.rowGroups.indices {
        let column = try reader.column(rowGroup: group, leaf: leaf.index)
        let values = column.values.int64s ?? column.values.int32s?.map(Int64.init) ?? []
        var next = 0
        for row in 0..<column.rowCount {
            let isPresent = column.definitionLevels.isEmpty || column.definitionLevels[row] == column.maxDefinitionLevel
            result.append(isPresent ? values[next] : nil)
            next += isPresent ? 1 : 0
        }
    }
    return result
}

extension RowValue {
    /// A value of a field, null where it may be.
    static func random(_ field: NestedField, _ random: WritingRandom) -> RowValue {
        if field.type == .unknown || !field.required && random.next(below: 3) == 0 { return .null }
        let bits = random.next()
        switch field.type {
        case .boolean: return .primitive(.boolean(bits & 1 == 0))
        case .int: return .primitive(.int(Int32(truncatingIfNeeded: bits)))
        case .long: return .primitive(.long(Int64(bitPattern: bits)))
        case .double: return .primitive(.double(Double(Int32(truncatingIfNeeded: bits)) / 8))
        case .date: return .primitive(.date(Int32(bits % 40_000)))
        case .uuid: return .primitive(.uuid(UUID(high: bits, low: random.next())))
        case .decimal(_, let scale):
            return .primitive(.decimal(unscaled: Int128(Int32(truncatingIfNeeded: bits) / 4), scale: scale))
        case .structure(let fields): return .structure(fields.map { .random($0, random) })
        case .list(let list):
            return .list((0..<(bits % 4)).map { _ in .random(list.elementField, random) })
        case .map(let map):
            return .map(
                (0..<(bits % 3)).map { _ in
                    Entry(key: .random(map.keyField, random), value: .random(map.valueField, random))
                })
        default: return .primitive(.string(String(repeating: "x", count: Int(bits % 5))))
        }
    }
}
