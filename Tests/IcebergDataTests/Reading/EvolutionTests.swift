import IcebergSpec
import JSONFormat
import Testing

@testable import IcebergData

/// Files are read as the schema is now, whatever it was when they were written.
@Suite struct `Schema evolution in reading` {
    @Test(arguments: 1...80) func `random changes give what a row by row model gives`(seed: UInt64) async throws {
        var source = RandomRows(seed: seed)
        let old = source.fields(2 + source.below(4))
        let rows = (0..<50).map { _ in source.row(old) }
        let table = StoredTable()
        let file = try await table.write("a.parquet", old, rows)
        let new = Self.evolve(old, &source)
        let found = try await table.read(file, as: new)
        #expect(found == rows.map { Self.project($0, old, new) })
    }

    /// Renames, reorders, drops, adds with and without default, widens, at any depth.
    static func evolve(_ fields: [NestedField], _ source: inout RandomRows) -> [NestedField] {
        var result: [NestedField] = []
        for field in fields {
            if source.chance(15) { continue }
            var field = field
            if source.chance(25) { field.name += "_renamed" }
            if source.chance(25) { field.required = false }
            field.type = evolve(field.type, &source)
            result.insert(field, at: source.chance(25) ? 0 : result.count)
        }
        for _ in 0..<source.below(3) {
            let id = source.takeID()
            let hasDefault = source.chance(50)
            var field = NestedField(id: id, name: "new\(id)", required: hasDefault, type: source.primitive())
            if hasDefault { field.initialDefault = source.datum(field.type).finite.json }
            // The name of a dropped field, which is not that field.
            if source.chance(30), let dropped = fields.first(where: { one in !result.contains { $0.name == one.name } })
            {
                field.name = dropped.name
            }
            result.append(field)
        }
        return result
    }

    private static func evolve(_ type: IcebergType, _ source: inout RandomRows) -> IcebergType {
        switch type {
        case .structure(let fields):
            let evolved = evolve(fields, &source)
            return .structure(evolved.isEmpty ? fields : evolved)
        case .list(let list):
            return .list(elementID: list.elementID, evolve(list.element, &source))
        case .map(let map):
            // Keys keep their fields; nothing may be added to them.
            return .map(keyID: map.keyID, map.key, valueID: map.valueID, evolve(map.value, &source))
        default: return source.chance(50) ? widened(type) : type
        }
    }

    private static func widened(_ type: IcebergType) -> IcebergType {
        switch type {
        case .int: .long
        case .float: .double
        case .decimal(let precision, let scale): .decimal(precision: min(38, precision + 5), scale: scale)
        default: type
        }
    }

    private static func project(_ row: [RowValue], _ old: [NestedField], _ new: [NestedField]) -> [RowValue] {
        new.map { field in
            guard let index = old.firstIndex(where: { $0.id == field.id }) else {
                guard let json = field.initialDefault else { return .null }
                let datum = try? Datum(json: json, type: field.type)
                return datum.map { .primitive($0) } ?? .null
            }
            return project(row[index], old[index].type, field.type)
        }
    }

    private static func project(_ value: RowValue, _ old: IcebergType, _ new: IcebergType) -> RowValue {
        switch (value, old, new) {
        case (.structure(let row), .structure(let old), .structure(let new)): .structure(project(row, old, new))
        case (.list(let values), .list(let old), .list(let new)):
            .list(values.map { project($0, old.element, new.element) })
        case (.map(let entries), .map(let old), .map(let new)):
            .map(entries.map { .init(key: $0.key, value: project($0.value, old.value, new.value)) })
        case (.primitive(.int(let number)), _, .long): .primitive(.long(Int64(number)))
        case (.primitive(.float(let number)), _, .double): .primitive(.double(Double(number)))
        default: value
        }
    }

    @Test func `a date becomes a timestamp, in either unit`() async throws {
        let table = StoredTable()
        let file = try await table.write(
            "a.parquet", [.optional(1, "d", .date)], [[.primitive(.date(-1))], [.null], [.primitive(.date(19_000))]])
        let micros = try await table.read(file, as: [.optional(1, "d", .timestamp)])
        #expect(
            micros == [
                [.primitive(.timestamp(-86_400_000_000))], [.null], [.primitive(.timestamp(1_641_600_000_000_000))],
            ])
        let nanos = try await table.read(file, as: [.optional(1, "d", .timestampNanos)])
        #expect(nanos[0] == [.primitive(.timestampNanos(-86_400_000_000_000))])
        await #expect(throws: DataError.self) { try await table.read(file, as: [.optional(1, "d", .timestamptz)]) }
    }

    @Test func `a date too far for nanoseconds is an error with its place`() async throws {
        let table = StoredTable()
        let file = try await table.write(
            "a.parquet", [.optional(1, "d", .date)], [[.primitive(.date(2_000_000))]])
        let error = await #expect(throws: DataError.self) {
            try await table.read(file, as: [.optional(1, "d", .timestampNanos)])
        }
        #expect(error?.code == .malformed)
        #expect(error?.place == "s3://lake/a.parquet, row group 0, column d")
    }

    @Test(arguments: [
        (IcebergType.long, IcebergType.int), (.double, .float), (.string, .long), (.long, .date),
        (.decimal(precision: 9, scale: 2), .decimal(precision: 9, scale: 3)), (.timestamp, .date),
        (.fixed(3), .fixed(4)),
        (.boolean, .int),
    ])
    func `a type that cannot become another is refused before anything is read`(
        old: IcebergType, new: IcebergType
    ) async throws {
        let source = RandomRows(seed: 5)
        let table = StoredTable()
        let file = try await table.write("a.parquet", [.optional(1, "x", old)], [[.primitive(source.datum(old))]])
        let error = await #expect(throws: DataError.self) {
            try await table.read(file, as: [.optional(1, "x", new)])
        }
        #expect(error?.code == .malformed)
        #expect(error?.place == "s3://lake/a.parquet, column x")
    }

    @Test func `a required field without default is missed`() async throws {
        let table = StoredTable()
        let file = try await table.write("a.parquet", [.optional(1, "x", .int)], [[.primitive(.int(1))]])
        let error = await #expect(throws: DataError.self) {
            try await table.read(file, as: [.required(2, "y", .int)])
        }
        #expect(error?.message == "the field 2 is required and has no default, but the file does not have it")
    }

    @Test func `a struct of which the file has no field is still null where it was`() async throws {
        let old = [NestedField.optional(1, "s", .structure([.optional(2, "a", .int)]))]
        let table = StoredTable()
        let file = try await table.write(
            "a.parquet", old, [[.structure([.primitive(.int(1))])], [.null], [.structure([.null])]])
        var added = NestedField.required(3, "b", .string)
        added.initialDefault = "x"
        let found = try await table.read(file, as: [.optional(1, "s", .structure([added]))])
        #expect(found == [[.structure([.primitive(.string("x"))])], [.null], [.structure([.primitive(.string("x"))])]])
    }
}

extension Datum {
    /// Zero for what JSON cannot say, and for negative zero, which JSON readers take for zero.
    fileprivate var finite: Datum {
        switch self {
        case .float(let value): .float(value.isFinite && value != 0 ? value : 0)
        case .double(let value): .double(value.isFinite && value != 0 ? value : 0)
        default: self
        }
    }
}
