import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Testing

@testable import IcebergData

/// Scans of tables that were changed at random give what a list of rows gives.
@Suite struct `Scanning tables` {
    static let fields: [NestedField] = [
        .required(1, "id", .long), .required(2, "kind", .string), .optional(3, "n", .int),
        .optional(4, "ratio", .double), .optional(5, "price", .decimal(precision: 20, scale: 2)),
        .optional(6, "place", .structure([.optional(8, "city", .string), .optional(9, "zip", .int)])),
        .optional(7, "tags", .list(elementID: 10, .string)),
    ]

    private struct Model {
        var source: RandomRows
        var rows: [[RowValue]] = []
        var nextID: Int64 = 0

        init(seed: UInt64) { source = RandomRows(seed: seed) }

        mutating func newRows(_ count: Int) -> [[RowValue]] {
            (0..<count).map { _ in
                nextID += 1
                let row: [RowValue] = [
                    .primitive(.long(nextID)), .primitive(.string(["click", "view", "sale"][source.below(3)])),
                    source.chance(20) ? .null : .primitive(.int(Int32(source.below(6)))),
                ]
                return row + source.row(Array(Scanning.fields.dropFirst(3)))
            }
        }
    }

    private typealias Scanning = `Scanning tables`

    @Test(arguments: 1...24) func `inserts and deletes of every kind leave the rows of a model`(seed: UInt64)
        async throws
    {
        var model = Model(seed: seed)
        let partitioned = seed % 2 == 0
        let table = try LiveTable(
            try Schema(fields: Self.fields),
            spec: partitioned ? [.init(sourceID: 2, name: "kind", transform: .identity)] : [],
            formatVersion: seed % 3 == 0 ? 3 : 2, seed: seed)
        for _ in 0..<6 {
            switch model.source.below(4) {
            case 0, 1:
                let rows = model.newRows(1 + model.source.below(60))
                try await table.insert(rows)
                model.rows += rows
            case 2 where !model.rows.isEmpty:
                try await Self.deletePositions(table, &model)
            case 3 where !partitioned && !model.rows.isEmpty:
                try await Self.deleteEqual(table, &model)
            default: continue
            }
            let found = try await table.rows(of: table.scan())
            #expect(Self.sorted(found) == Self.sorted(model.rows))
        }
        try await Self.compareFilters(table, &model)
    }

    private static func deletePositions(_ table: LiveTable, _ model: inout Model) async throws {
        let places = try await table.rows(of: table.scan(columns: ["id", "_file", "_pos"]))
        let doomed = places.filter { _ in model.source.chance(30) }
        guard !doomed.isEmpty else { return }
        try await table.delete(
            doomed.map { row in
                guard case .primitive(.string(let file)) = row[1], case .primitive(.long(let position)) = row[2] else {
                    return ("", -1)
                }
                return (file, position)
            })
        let ids = Set(doomed.map { $0[0] })
        model.rows.removeAll { ids.contains($0[0]) }
    }

    private static func deleteEqual(_ table: LiveTable, _ model: inout Model) async throws {
        let ids = [[1], [3], [2, 3]][model.source.below(3)]
        let values = (0..<3).map { _ in ids.map { model.rows[model.source.below(model.rows.count)][$0 - 1] } }
        model.rows.removeAll { row in values.contains(ids.map { row[$0 - 1] }) }
        let inserted = model.source.chance(50) ? model.newRows(5) : []
        try await table.delete(equal: ids, values, inserting: inserted)
        model.rows += inserted
    }

    private static func compareFilters(_ table: LiveTable, _ model: inout Model) async throws {
        let schema = table.metadata.currentSchema
        for _ in 0..<12 {
            let predicate = predicate(&model.source, depth: 0)
            let bound = try predicate.bound(to: schema)
            let wanted = model.rows.filter { row in bound.matches { datum($0, row) } }
            let found = try await table.rows(of: table.scan(predicate: predicate))
            #expect(sorted(found) == sorted(wanted), "\(predicate)")
            // Columns that are tested need not be read.
            let some = try await table.rows(of: table.scan(columns: ["tags", "id"], predicate: predicate, limit: 5))
            #expect(some.count == min(5, wanted.count))
            #expect(some.allSatisfy { one in wanted.contains { $0[0] == one[1] && $0[6] == one[0] } })
        }
    }

    private static func predicate(_ source: inout RandomRows, depth: Int) -> Predicate {
        if depth < 2, source.chance(50) {
            let children = (0..<(1 + source.below(3))).map { _ in predicate(&source, depth: depth + 1) }
            return [.and(children), .or(children), .not(children[0])][source.below(3)]
        }
        let comparison: Comparison = [.less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .notEqual][
            source.below(6)]
        switch source.below(9) {
        case 0: return .compare(comparison, column: "id", .long(Int64(source.below(120))))
        case 1: return .compare(comparison, column: "kind", .string(["click", "sale", "s"][source.below(3)]))
        case 2: return .compare(comparison, column: "n", .int(Int32(source.below(6))))
        case 3: return .compare(comparison, column: "ratio", .double([0, -0.0, 1.5, -2.25][source.below(4)]))
        case 4: return .compare(comparison, column: "place.city", .string(["a", "view", ""][source.below(3)]))
        case 5: return source.chance(50) ? .isNull(column: "n") : .notNull(column: "place")
        case 6: return .isIn(column: "n", (0..<3).map { _ in .int(Int32(source.below(6))) })
        case 7: return source.chance(50) ? .startsWith(column: "kind", "s") : .notStartsWith(column: "place.city", "v")
        default: return .compare(comparison, column: "price", .decimal(unscaled: 0, scale: 2))
        }
    }

    private static func datum(_ id: Int, _ row: [RowValue]) -> Datum? {
        switch id {
        case 8, 9:
            guard case .structure(let fields) = row[5], case .primitive(let datum) = fields[id - 8] else { return nil }
            return datum
        case 6:
            // Any value at all: it is asked only whether there is one.
            return row[5].isNull ? nil : .boolean(true)
        default:
            guard case .primitive(let datum) = row[id - 1] else { return nil }
            return datum
        }
    }

    private static func integer(_ value: RowValue) -> Int64? {
        guard case .primitive(let datum) = value else { return nil }
        return datum.integer
    }

    private static func sorted(_ rows: [[RowValue]]) -> [[RowValue]] {
        func id(_ row: [RowValue]) -> Int64 {
            guard case .primitive(.long(let id)) = row[0] else { return -1 }
            return id
        }
        return rows.sorted { id($0) < id($1) }
    }

    @Test func `rows are identified through their lineage`() async throws {
        let table = try LiveTable(
            try Schema(fields: [.required(1, "id", .long)]), formatVersion: 3)
        try await table.insert((1...3).map { [.primitive(.long($0))] })
        try await table.insert((4...5).map { [.primitive(.long($0))] })
        let rows = try await table.rows(
            of: table.scan(columns: ["id", "_row_id", "_last_updated_sequence_number", "_spec_id", "_pos"]))
        let numbers = rows.map { row in row.map { Self.integer($0) } }
        #expect(
            Set(numbers) == [
                [1, 0, 1, 0, 0], [2, 1, 1, 0, 1], [3, 2, 1, 0, 2], [4, 3, 2, 0, 0], [5, 4, 2, 0, 1],
            ])
    }

    @Test func `stored row ids are kept, and null ones are derived`() async throws {
        let table = StoredTable()
        let id = MetadataColumn.rowID.rawValue
        let file = try await table.write(
            "a.parquet", [.required(1, "id", .long), .optional(id, "_row_id", .long)],
            [
                [.primitive(.long(1)), .primitive(.long(77))], [.primitive(.long(2)), .null],
                [.primitive(.long(3)), .null],
            ])
        var entry = file
        entry.firstRowID = 1000
        let metadata = try writingTable(try Schema(fields: [.required(1, "id", .long)]), formatVersion: 3)
        let scan = TableScan(
            metadata, loader: ManifestLoader(store: table.store),
            columns: ["_row_id", "_last_updated_sequence_number"], predicate: nil)
        let task = ScanPlan.File(file: entry, dataSequenceNumber: 9, snapshotID: 1, deletes: [])
        let context = try ScanContext(scan, try await scan.plan())
        let batch = try #require(try await DataFileScan(task, context).batch(rowGroup: 0))
        #expect((0..<3).map { batch.row($0)[0] } == [77, 1001, 1002].map { .primitive(.long($0)) })
        #expect((0..<3).map { batch.row($0)[1] } == [9, 9, 9].map { .primitive(.long($0)) })
    }

    @Test func `a table without lineage has null row ids`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long)]))
        try await table.insert([[.primitive(.long(1))]])
        let rows = try await table.rows(of: table.scan(columns: ["_row_id", "_last_updated_sequence_number"]))
        #expect(rows == [[.null, .null]])
    }

    @Test func `partitions are told, of all specs`() async throws {
        let table = try LiveTable(
            try Schema(fields: [.required(1, "id", .long), .required(2, "kind", .string)]),
            spec: [.init(sourceID: 2, name: "kind", transform: .identity)])
        try await table.insert([[.primitive(.long(1)), .primitive(.string("a"))]])
        try table.apply([
            .addPartitionSpec(UnboundPartitionSpec(fields: [.init(sourceID: 1, name: "b", transform: .truncate(10))])),
            .setDefaultSpec(id: -1),
        ])
        try await table.insert([[.primitive(.long(25)), .primitive(.string("c"))]])
        let rows = try await table.rows(of: table.scan(columns: ["id", "_partition"]))
        #expect(
            Set(rows) == [
                [.primitive(.long(1)), .structure([.primitive(.string("a")), .null])],
                [.primitive(.long(25)), .structure([.null, .primitive(.long(20))])],
            ])
    }

    @Test func `fields of a struct can be read alone`() async throws {
        var model = Model(seed: 3)
        let table = try LiveTable(try Schema(fields: Self.fields))
        let rows = model.newRows(40)
        try await table.insert(rows)
        let found = try await table.rows(of: table.scan(columns: ["place.zip", "id"]))
        let wanted = rows.map { row -> [RowValue] in
            guard case .structure(let place) = row[5] else { return [.null, row[0]] }
            return [.structure([place[1]]), row[0]]
        }
        #expect(Set(found) == Set(wanted))
    }

    @Test func `tasks divide the rows of a plan`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long)]))
        try await table.insert((0..<100).map { [.primitive(.long($0))] })
        try await table.insert((100..<130).map { [.primitive(.long($0))] })
        let scan = table.scan()
        let plan = try await scan.plan()
        let tasks = plan.tasks(SplitSettings(targetBytes: 300, openCostBytes: 1))
        #expect(tasks.count > 3)
        var ids: [Int64?] = []
        for task in tasks {
            for try await batch in scan.batches(of: task, in: plan) {
                ids += (0..<batch.rowCount).map { Self.integer(batch.row($0)[0]) }
            }
        }
        #expect(ids.compactMap(\.self).sorted() == Array(0..<130))
    }

    @Test func `older states are read with their schema`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long), .optional(2, "old", .int)]))
        try await table.insert([[.primitive(.long(1)), .primitive(.int(5))]])
        let first = try #require(table.metadata.currentSnapshotID)
        try table.apply([
            .addSchema(try Schema(id: 1, fields: [.required(1, "id", .long), .optional(3, "new", .int)])),
            .setCurrentSchema(id: -1),
        ])
        try await table.insert([[.primitive(.long(2)), .primitive(.int(6))]])
        let now = try await table.rows(of: table.scan())
        #expect(Set(now) == [[.primitive(.long(1)), .null], [.primitive(.long(2)), .primitive(.int(6))]])
        let then = try await table.rows(of: table.scan(target: .snapshot(first)))
        #expect(then == [[.primitive(.long(1)), .primitive(.int(5))]])
    }

    @Test func `filters on columns whose type has changed find rows of before, now and then`() async throws {
        let table = try LiveTable(
            try Schema(fields: [.required(1, "id", .long), .optional(2, "n", .int)]),
            spec: [.init(sourceID: 2, name: "n", transform: .identity)])
        try await table.insert((1...4).map { [.primitive(.long($0)), .primitive(.int(Int32($0)))] })
        let first = try #require(table.metadata.currentSnapshotID)
        try table.apply([
            .addSchema(try Schema(id: 1, fields: [.required(1, "id", .long), .optional(2, "n", .long)])),
            .setCurrentSchema(id: -1),
        ])
        let later = Predicate.isIn(column: "n", [.long(3), .long(4)])
        func ids(_ target: ScanTarget) async throws -> [Int64] {
            try await table.rows(of: table.scan(predicate: later, target: target)).compactMap { Self.integer($0[0]) }
                .sorted()
        }
        #expect(try await ids(.current) == [3, 4])
        #expect(try await ids(.snapshot(first)) == [3, 4])
        let places = try await table.rows(of: table.scan(columns: ["_file", "_pos"], predicate: later))
        guard case .primitive(.string(let file)) = places[0][0] else { return }
        try await table.delete([(file, 0)])
        #expect(try await ids(.current).count == 1)
        #expect(try await ids(.snapshot(first)) == [3, 4])
    }

    @Test func `a few bytes that decode to many are refused`() async throws {
        let fields = (1...8).map { NestedField.required($0, "s\($0)", .string) }
        let table = try LiveTable(try Schema(fields: fields))
        let text = RowValue.primitive(.string(String(repeating: "x", count: 10_000)))
        try await table.insert((0..<17).map { _ in fields.map { _ in text } })
        var scan = table.scan()
        scan.decodedBytesMax = 500_000
        let error = await #expect(throws: DataError.self) { try await table.rows(of: scan) }
        #expect(error?.code == .tooLarge, "no column is too large, all together are")
        scan.columns = ["s3", "s4"]
        #expect(try await table.rows(of: scan).count == 17)
    }

    @Test func `integers whose truncation wrapped around are found after their promotion`() async throws {
        let table = try LiveTable(
            try Schema(fields: [.required(1, "id", .long), .optional(2, "n", .int)]),
            spec: [.init(sourceID: 2, name: "tens", transform: .truncate(10))])
        let numbers: [Int32] = [.min, .min + 1, -11, 0, 2_147_483_646, .max]
        try await table.insert(
            numbers.enumerated().map { [.primitive(.long(Int64($0.offset))), .primitive(.int($0.element))] })
        try table.apply([
            .addSchema(try Schema(id: 1, fields: [.required(1, "id", .long), .optional(2, "n", .long)])),
            .setCurrentSchema(id: -1),
        ])
        let smallest = Int64(Int32.min)
        for (predicate, count) in [
            (Predicate.compare(.lessOrEqual, column: "n", .long(0)), 4),
            (.compare(.greater, column: "n", .long(0)), 2),
            (.compare(.equal, column: "n", .long(smallest)), 1),
            (.isIn(column: "n", [.long(smallest + 1), .long(0)]), 2),
            (.compare(.notEqual, column: "n", .long(smallest)), 5),
            (.compare(.less, Term("n", transform: .truncate(10)), .long(smallest)), 2),
            (.compare(.greater, column: "n", .long(2_147_483_640)), 2),
        ] {
            #expect(try await table.rows(of: table.scan(predicate: predicate)).count == count, "\(predicate)")
        }
    }

    @Test func `rows are deleted by a column that the table no longer has`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long), .optional(2, "gone", .int)]))
        try await table.insert(
            (1...6).map { [.primitive(.long($0)), $0 == 4 ? .null : .primitive(.int(Int32($0 % 2)))] })
        try await table.delete(equal: [2], [[.primitive(.int(0))], [.null]])
        try table.apply([
            .addSchema(try Schema(id: 1, fields: [.required(1, "id", .long)])), .setCurrentSchema(id: -1),
        ])
        let rows = try await table.rows(of: table.scan())
        #expect(Set(rows) == Set([1, 3, 5].map { [.primitive(.long($0))] }))
    }

    @Test func `an empty table has no rows, an unknown column is refused`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long)]))
        #expect(try await table.rows(of: table.scan()).isEmpty)
        let error = await #expect(throws: DataError.self) { try await table.rows(of: table.scan(columns: ["nope"])) }
        #expect(error?.code == .invalid)
        await #expect(throws: DataError.self) {
            try await table.rows(of: table.scan(predicate: .isNull(column: "nope")))
        }
    }

    @Test(arguments: [DataFile.Format.orc, .avro]) func `other formats are named`(format: DataFile.Format) async throws
    {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long)]))
        var file = try await table.write([[.primitive(.long(1))]])[0]
        file.format = format
        try await table.commit(Append(files: [file]))
        let error = await #expect(throws: DataError.self) { try await table.rows(of: table.scan()) }
        #expect(error?.code == .unsupported)
        #expect(error?.place == file.path)
        #expect(error?.message == "\(format.rawValue) data files are not read: only Parquet is")
    }

    @Test func `a file that is gone is missing`() async throws {
        let table = try LiveTable(try Schema(fields: [.required(1, "id", .long)]))
        try await table.insert([[.primitive(.long(1))]])
        let path = try await table.scan().plan().files[0].file.path
        let location = try table.store.location(of: path)
        try await table.store.delete(location.bucket, [location.key])
        let error = await #expect(throws: DataError.self) { try await table.rows(of: table.scan()) }
        #expect(error?.code == .missing)
        #expect(error?.place == path)
    }
}
