import Clocks
import IcebergSpec
import IcebergTable
import ParquetFormat
import Testing

@testable import IcebergData

/// Values at the ends of their types, in tables partitioned by anything: what planning and files leave out must not be
/// missed, and what is known from metadata alone must be so.
@Suite struct `Pruning at the ends of types` {
    private typealias Row = [Datum?]

    private struct Column {
        let name: String
        var type: IcebergType
        var values: [Datum]
        var transforms: [Transform]
    }

    private static func columns(_ version: Int) -> [Column] {
        let long = String(repeating: "a", count: 20)
        let last = String(repeating: "\u{10FFFF}", count: 18)
        let times: [Int64] = [.min, -86_400_000_001, -3_600_000_000, -1, 0, 1, 1_700_000_000_123_456, .max]
        return [
            Column(
                name: "i", type: .int, values: [.min, -3, -1, 0, 1, 7, .max].map { .int($0) },
                transforms: [.bucket(3), .truncate(10), .truncate(7)]),
            Column(
                name: "l", type: .long, values: [.min, -3, 0, 1, 7, .max - 1, .max].map { .long($0) },
                transforms: [.bucket(3), .truncate(10), .truncate(.init(Int32.max))]),
            Column(
                name: "f", type: .float,
                values: [0, -0.0, .nan, -.infinity, .infinity, 1.5, -1.5, .leastNonzeroMagnitude].map { .float($0) },
                transforms: []),
            Column(
                name: "g", type: .double,
                values: [0, -0.0, .nan, -.infinity, .infinity, 1.5, -1.5].map { .double($0) },
                transforms: []),
            Column(
                name: "d", type: .decimal(precision: 9, scale: 2),
                values: [-999_999_990, -1, 0, 1, 999_999_999].map { .decimal(unscaled: $0, scale: 2) },
                transforms: [.bucket(3), .truncate(10)]),
            Column(
                name: "s", type: .string,
                values: ["", "a", "ab", long, long + "b", last, "é", "e\u{301}", "日本語", "\u{FFFF}", "\u{D7FF}"].map {
                    .string($0)
                }, transforms: [.bucket(3), .truncate(1), .truncate(2), .truncate(20)]),
            Column(
                name: "b", type: .binary,
                values: [[], [0], [0xFF], [UInt8](repeating: 0xFF, count: 20), [UInt8](repeating: 7, count: 20), [7]]
                    .map {
                        .binary($0)
                    }, transforms: [.bucket(3), .truncate(1)]),
            Column(
                name: "day", type: .date, values: [.min, -719_529, -1, 0, 1, 19_000, .max].map { .date($0) },
                transforms: [.bucket(3), .year, .month, .day]),
            Column(
                name: "time", type: version >= 3 ? .timestampNanos : .timestamp,
                values: times.map { version >= 3 ? .timestampNanos($0) : .timestamp($0) },
                transforms: [.bucket(3), .year, .month, .day, .hour]),
            Column(
                name: "u", type: .uuid,
                values: [(0, 0), (1, 0), (1 << 63, 0), (.max, .max)].map { .uuid(UUID(high: $0.0, low: $0.1)) },
                transforms: [.bucket(3)]),
            Column(name: "is", type: .boolean, values: [.boolean(true), .boolean(false)], transforms: []),
            Column(
                name: "x", type: .fixed(2),
                values: [[0, 0], [0x7F, 0xFF], [0x80, 0], [0xFF, 0xFF]].map { .fixed($0) },
                transforms: [.bucket(3)]),
            Column(
                name: "clock", type: .time, values: [0, 1, 43_200_000_000, 86_399_999_999].map { .time($0) },
                transforms: [.bucket(3)]),
        ]
    }

    private struct Model {
        var source: RandomRows
        var columns: [Column]
        var rows: [Row] = []
        var nextID: Int64 = 0

        mutating func pick(_ column: Column) -> Datum { column.values[source.below(column.values.count)] }

        /// Rows that have few different values in each column, as files of sorted tables do.
        mutating func newRows(_ count: Int) -> [Row] {
            let pools = columns.map { column -> [Datum?] in
                (0..<(1 + source.below(3))).map { _ in source.chance(20) ? nil : pick(column) }
            }
            return (0..<count).map { _ in
                nextID += 1
                return [.long(nextID)] + pools.map { $0[source.below($0.count)] }
            }
        }

        mutating func predicate(depth: Int = 0) -> Predicate {
            if depth < 2, source.chance(40) {
                let children = (0..<(1 + source.below(3))).map { _ in predicate(depth: depth + 1) }
                return [.and(children), .or(children), .not(children[0])][source.below(3)]
            }
            let column = columns[source.below(columns.count)]
            let literals = column.values.filter { !$0.isNaN }
            func literal() -> Datum { literals[source.below(literals.count)] }
            let comparison: Comparison = [.less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual][
                source.below(6)]
            let term = Term(column.name)
            switch source.below(10) {
            case 0: return source.chance(50) ? .isNull(term) : .notNull(term)
            case 1: return .isIn(term, (0..<3).map { _ in literal() })
            case 2: return .notIn(term, (0..<2).map { _ in literal() })
            case 3 where column.type == .float || column.type == .double:
                return source.chance(50) ? .isNaN(term) : .notNaN(term)
            case 3 where column.type == .string:
                guard case .string(let text) = literal() else { return .alwaysTrue }
                let prefix = String(text.prefix(1 + source.below(20)))
                return source.chance(50) ? .startsWith(term, prefix) : .notStartsWith(term, prefix)
            case 4...5 where !column.transforms.isEmpty:
                let transform = column.transforms[source.below(column.transforms.count)]
                guard let value = transform.apply(literal()) else { return .alwaysTrue }
                return .compare(comparison, Term(column.name, transform: transform), value)
            default: return .compare(comparison, term, literal())
            }
        }

        mutating func spec() -> [UnboundPartitionSpec.Field] {
            var fields: [UnboundPartitionSpec.Field] = []
            for index in 0..<source.below(3) {
                let place = source.below(columns.count)
                let transforms = columns[place].transforms + [.identity]
                fields.append(
                    .init(
                        sourceID: place + 2, name: "p\(nextID)_\(index)",
                        transform: transforms[source.below(transforms.count)]))
            }
            return fields
        }
    }

    private static func values(_ row: Row) -> [RowValue] { row.map { $0.map { .primitive($0) } ?? .null } }

    private static func id(_ row: [RowValue]) -> Int64 {
        if case .primitive(.long(let id)) = row[0] { id } else { -1 }
    }

    private static func fields(_ columns: [Column]) -> [NestedField] {
        [.required(1, "id", .long)]
            + columns.enumerated().map { .optional($0.offset + 2, $0.element.name, $0.element.type) }
    }

    @Test(arguments: 1...60) func `filters find every row`(seed: UInt64) async throws {
        let version = seed % 2 == 0 ? 3 : 2
        var model = Model(source: RandomRows(seed: seed), columns: Self.columns(version))
        let table = try LiveTable(
            try Schema(fields: Self.fields(model.columns)), spec: model.spec(), formatVersion: version, seed: seed)
        for step in 0..<5 {
            table.layout = Self.layout(&model)
            switch model.source.below(6) {
            case 0: try Self.changeSpec(table, &model)
            case 1 where step > 1: try Self.promote(table, &model)
            case 2 where !model.rows.isEmpty: try await Self.delete(table, &model)
            default:
                let rows = model.newRows(1 + model.source.below(40))
                try await table.insert(rows.map(Self.values))
                model.rows += rows
            }
        }
        let found = try await table.rows(of: table.scan())
        #expect(found.sorted { Self.id($0) < Self.id($1) } == model.rows.map(Self.values))
        for _ in 0..<40 { try await Self.compare(table, model.predicate(), model) }
    }

    /// Every kind of file that is written, with bloom filters in any column.
    private static func layout(_ model: inout Model) -> ParquetWriterOptions {
        var layout = ParquetWriterOptions(codec: model.source.chance(50) ? .uncompressed : .snappy)
        layout.profile = model.source.chance(50) ? .compact : .compatible
        layout.dataPageVersion = model.source.chance(50) ? .v2 : .v1
        layout.dictionary = model.source.chance(70)
        layout.dictionaryBytesMax = 1 << model.source.below(8)
        layout.pageIndex = model.source.chance(70)
        for column in model.columns where model.source.chance(60) {
            layout.columns[column.name] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions())
        }
        return layout
    }

    private static func changeSpec(_ table: LiveTable, _ model: inout Model) throws {
        model.nextID += 1
        try table.apply([
            .addPartitionSpec(UnboundPartitionSpec(fields: model.spec())), .setDefaultSpec(id: -1),
        ])
    }

    /// To the wider type of each column that has one. Times of partition specs follow their column.
    private static func promote(_ table: LiveTable, _ model: inout Model) throws {
        func wide(_ value: Datum) -> Datum {
            switch value {
            case .int(let number): .long(Int64(number))
            case .float(let number): .double(Double(number))
            default: value
            }
        }
        for index in model.columns.indices {
            switch model.columns[index].type {
            case .int: model.columns[index].type = .long
            case .float: model.columns[index].type = .double
            case .decimal: model.columns[index].type = .decimal(precision: 20, scale: 2)
            default: continue
            }
            model.columns[index].values = model.columns[index].values.map(wide)
            for row in model.rows.indices { model.rows[row][index + 1] = model.rows[row][index + 1].map(wide) }
        }
        try table.apply([
            .addSchema(try Schema(id: 9, fields: fields(model.columns))), .setCurrentSchema(id: -1),
        ])
    }

    private static func delete(_ table: LiveTable, _ model: inout Model) async throws {
        let places = try await table.rows(of: table.scan(columns: ["id", "_file", "_pos"]))
        let doomed = places.filter { _ in model.source.chance(20) }
        guard !doomed.isEmpty else { return }
        try await table.delete(
            doomed.map { row in
                guard case .primitive(.string(let file)) = row[1], case .primitive(.long(let position)) = row[2] else {
                    return ("", -1)
                }
                return (file, position)
            })
        let ids = Set(doomed.map(Self.id))
        model.rows.removeAll { ids.contains(id(values($0))) }
    }

    private static func compare(_ table: LiveTable, _ predicate: Predicate, _ model: Model) async throws {
        let bound = try predicate.bound(to: table.metadata.currentSchema)
        let wanted = model.rows.filter { row in bound.matches { row[$0 - 1] } }
        let scan = table.scan(columns: ["id"], predicate: predicate)
        let found = try await table.rows(of: scan)
        #expect(found.map(id).sorted() == wanted.map { id(values($0)) }, "\(predicate)")
        let plan = try await scan.plan()
        if let count = plan.exactRowCount { #expect(count == wanted.count, "\(predicate)") }
        for (index, column) in model.columns.enumerated() {
            let present = wanted.compactMap { $0[index + 1] }
            if let count = plan.exactValueCount(ofColumn: index + 2) { #expect(count == present.count) }
            let least = present.min { $0.order(to: $1) == .less }
            let greatest = present.max { $0.order(to: $1) == .less }
            for (known, right) in [
                (plan.exactMinimum(ofColumn: index + 2), least), (plan.exactMaximum(ofColumn: index + 2), greatest),
            ] {
                guard let known else { continue }
                #expect(known == right.map { .value(unsigned($0)) } ?? .noValue, "\(column.name) where \(predicate)")
            }
        }
    }

    /// Zeros are given without their sign.
    private static func unsigned(_ value: Datum) -> Datum {
        switch value {
        case .float(0): .float(0)
        case .double(0): .double(0)
        default: value
        }
    }
}
