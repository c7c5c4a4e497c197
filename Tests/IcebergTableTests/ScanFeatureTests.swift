import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

@Suite struct ResidualTests {
    private func residual(_ predicate: Predicate, hour: Int32 = 5) async throws -> BoundPredicate? {
        var table = try TestTable()
        var file = table.file("a", hour: hour)
        file.lowerBounds = [:]
        file.upperBounds = [:]
        try await table.append(file)
        return try await ScanPlanner(loader: table.loader).plan(table.metadata, predicate: predicate).files.first?
            .residual
    }

    @Test func `what the partition decides is not tested again`() async throws {
        let hour = { (value: Int64) in Datum.timestamptz(value * TestTable.hour) }
        #expect(
            try await residual(.and([.equal("type", .string("page.view")), .atLeast("time", hour(5))])) == .alwaysTrue)
        #expect(try await residual(.less("time", hour(6))) == .alwaysTrue)
        #expect(try await residual(.equal("type", .string("other"))) == nil)
        let cut = try await residual(.atLeast("time", .timestamptz(5 * TestTable.hour + 1)))
        #expect(cut?.fieldIDs == [3])
        let mixed = try await residual(.and([.equal("id", .string("x")), .equal("type", .string("page.view"))]))
        #expect(mixed?.fieldIDs == [1])
    }
}

@Suite struct DeleteMatchingTests {
    @Test func `deletes are matched by partition, age, path and bounds`() async throws {
        var table = try TestTable()
        let (a, b, c) = (table.file("a"), table.file("b"), table.file("c", hour: 1))
        try await table.append(a, b, c)
        var byBounds = table.positionDeletes(of: a, "bounds")
        byBounds.referencedDataFile = nil
        byBounds.lowerBounds = [2_147_483_546: Array(a.path.utf8)]
        byBounds.upperBounds = byBounds.lowerBounds
        var wide = table.positionDeletes(of: a, "wide")
        wide.referencedDataFile = nil
        var values = table.equalityDeletes("values")
        values.lowerBounds = [1: Array("b".utf8)]
        values.upperBounds = [1: Array("b-5".utf8)]
        values.nullValueCounts = [1: 0]
        values.valueCounts = [1: 2]
        try await table.commit(
            RowDelta(
                addedData: [table.file("d")], addedDeletes: [byBounds, wide, values, table.equalityDeletes("all")],
                checks: .none))
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        var found: [String: [String]] = [:]
        func name(_ file: DataFile) -> String {
            String(file.path.split(separator: "/").last?.split(separator: ".").first ?? "")
        }
        for file in plan.files { found[name(file.file)] = file.deletes.map(name).sorted() }
        #expect(found == ["a": ["all", "bounds", "wide"], "b": ["all", "values", "wide"], "c": [], "d": ["wide"]])
    }

    @Test func `equality deletes of an unpartitioned spec apply in every partition`() async throws {
        var table = try TestTable(partitioned: false)
        var deletes = table.equalityDeletes("e")
        deletes.partition = []
        try await table.append(table.file("a"))
        try await table.commit(RowDelta(addedDeletes: [deletes], checks: .none))
        try table.change(
            try TableChange.partitionSpec(
                UnboundPartitionSpec(fields: [.init(sourceID: 2, name: "type", transform: .identity)]),
                on: table.metadata))
        var late = deletes
        late.path += ".2"
        try await table.commit(RowDelta(addedDeletes: [late], checks: .none))
        var new = table.file("n")
        new.partition = [.string("page.view")]
        try await table.append(new)
        let plan = try await ScanPlanner(loader: table.loader).plan(
            table.metadata, predicate: .equal("type", .string("page.view")))
        #expect(plan.files.map(\.deletes.count).sorted() == [0, 2])
    }
}

@Suite struct IncrementalScanTests {
    @Test func `appends between two snapshots`() async throws {
        var table = try TestTable()
        let first = try await table.append(table.file("a")).snapshotID
        let second = try await table.append(table.file("b", hour: 1), table.file("c", hour: 2)).snapshotID
        try await table.commit(
            Replace(removed: [table.file("a")], added: [table.file("a2")], dataSequenceNumber: 1))
        try await table.append(table.file("d", hour: 3))
        let planner = ScanPlanner(loader: table.loader)
        func names(after start: Int64?, through end: Int64? = nil, _ predicate: Predicate? = nil) async throws
            -> [String]
        {
            try await planner.planAppends(table.metadata, after: start, through: end, predicate: predicate)
                .files.map { String($0.file.path.split(separator: "/").last?.first ?? "?") }
        }
        #expect(try await names(after: nil) == ["a", "b", "c", "d"])
        #expect(try await names(after: first) == ["b", "c", "d"])
        #expect(try await names(after: first, through: second) == ["b", "c"])
        #expect(try await names(after: second, through: second) == [])
        #expect(try await names(after: first, .atLeast("time", .timestamptz(2 * TestTable.hour))) == ["c", "d"])
        await #expect(throws: TableError.self) { try await names(after: second, through: first) }
        try table.change(
            try ExpireSnapshots(snapshotIDs: [first]).prepare(base: table.metadata, now: table.now()).change)
        #expect(try await names(after: first) == ["b", "c", "d"], "what follows on it has not expired")
    }

    @Test func `files that came and went, commit by commit`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a"), table.file("b"))
        let first = try await table.append(a, b).snapshotID
        try await table.commit(Replace(removed: [a], added: [table.file("a2")], dataSequenceNumber: 1))
        try await table.commit(Overwrite(added: [table.file("c")], removed: [b]))
        try await table.commit(DeleteFiles(paths: [table.file("c").path]))
        let planner = ScanPlanner(loader: table.loader)
        let changes = try await planner.planChanges(table.metadata, after: first)
        let told = changes.map {
            "\($0.ordinal)\($0.kind == .inserted ? "+" : "-")\($0.file.file.path.suffix(9).first ?? "?")"
        }
        #expect(Set(told) == ["0+c", "0-b", "1-c"] && told.count == 3)
        #expect(changes.map(\.ordinal) == changes.map(\.ordinal).sorted())
        try await table.commit(
            RowDelta(addedDeletes: [table.positionDeletes(of: table.file("a2"), "p")], checks: .none))
        await #expect(throws: TableError.self) { try await planner.planChanges(table.metadata, after: first) }
    }
}

@Suite struct ScanTaskTests {
    private func plan(_ sizes: [(Int64, [Int64])]) throws -> ScanPlan {
        let files = sizes.enumerated().map { index, size in
            var file = DataFile(path: "f\(index)", recordCount: 1, fileSizeBytes: size.0)
            file.splitOffsets = size.1
            return ScanPlan.File(file: file, dataSequenceNumber: 1, snapshotID: 1, deletes: [])
        }
        return ScanPlan(snapshot: nil, schema: try Schema(fields: []), files: files, counts: .init())
    }

    private func tasks(_ sizes: [(Int64, [Int64])], target: Int64 = 100, open: Int64 = 10) throws -> [[String]] {
        try plan(sizes).tasks(SplitSettings(targetBytes: target, openCostBytes: open)).map { task in
            task.pieces.map { "\($0.file.file.path):\($0.start)+\($0.length)" }
        }
    }

    @Test func `small files go together, large ones are split at row groups`() throws {
        #expect(try tasks([(30, []), (30, []), (50, [])]) == [["f0:0+30", "f1:0+30"], ["f2:0+50"]])
        #expect(try tasks([(250, [4, 90, 160])]) == [["f0:0+90"], ["f0:90+70"], ["f0:160+90"]])
        #expect(try tasks([(300, [])]) == [["f0:0+300"]], "it has no offsets to split at")
        #expect(try tasks([(1, []), (1, [])], target: 15) == [["f0:0+1"], ["f1:0+1"]], "opening costs")
    }

    @Test(
        arguments: [
            (300, [4, 100, 200]), (300, [4, 50, 100, 150, 200, 250]), (300, [4, 299]), (300, [4, 400]),
            (300, [200, 100]),
            (300, [-4, 100]), (0, []),
        ] as [(Int64, [Int64])])
    func `every byte is in one piece`(size: Int64, offsets: [Int64]) throws {
        let pieces = try plan([(size, offsets)]).tasks(SplitSettings(targetBytes: 100, openCostBytes: 1))
            .flatMap(\.pieces).sorted { $0.start < $1.start }
        var end: Int64 = 0
        for piece in pieces {
            #expect(piece.start == end)
            end += piece.length
        }
        #expect(end == size)
    }
}

@Suite struct MetadataAggregatesTests {
    private func plan(_ predicate: Predicate? = nil, _ change: (inout DataFile) -> Void = { _ in }) async throws
        -> ScanPlan
    {
        var table = try TestTable()
        var files = [table.file("a", hour: 1), table.file("b", hour: 2)]
        for index in files.indices {
            files[index].nullValueCounts[4] = 4
            files[index].nanValueCounts[4] = 0
            files[index].lowerBounds[4] = Datum.double(Double(index)).singleValueBinary
            files[index].upperBounds[4] = Datum.double(Double(index) + 0.5).singleValueBinary
        }
        change(&files[1])
        try await table.append(files[0], files[1])
        return try await ScanPlanner(loader: table.loader).plan(table.metadata, predicate: predicate)
    }

    @Test func `counts and extremes come from metadata where they are exact`() async throws {
        let plan = try await plan()
        #expect(plan.exactRowCount == 20)
        #expect(plan.exactValueCount(ofColumn: 4) == 12)
        #expect(plan.exactMinimum(ofColumn: 4) == .value(.double(0)))
        #expect(plan.exactMaximum(ofColumn: 4) == .value(.double(1.5)))
        #expect(plan.exactMaximum(ofColumn: 3) == .value(.timestamptz(2 * TestTable.hour + TestTable.hour / 2)))
        #expect(plan.exactMinimum(ofColumn: 1) == nil, "strings may have been cut")
        #expect(plan.exactValueCount(ofColumn: 6) == nil, "it lies in a list")
    }

    @Test func `what is not known for certain is not answered`() async throws {
        #expect(try await plan(nil) { $0.nanValueCounts = [:] }.exactMaximum(ofColumn: 4) == nil)
        #expect(try await plan(nil) { $0.nanValueCounts[4] = 1 }.exactMaximum(ofColumn: 4) == nil)
        #expect(try await plan(nil) { $0.upperBounds[4] = nil }.exactMaximum(ofColumn: 4) == nil)
        #expect(try await plan(nil) { $0.nullValueCounts[4] = nil }.exactValueCount(ofColumn: 4) == nil)
        #expect(try await plan(nil) { $0.nullValueCounts[4] = 10 }.exactMaximum(ofColumn: 4) == .value(.double(0.5)))
        let hour = try await plan(.atLeast("time", .timestamptz(2 * TestTable.hour)))
        #expect(hour.exactRowCount == 10, "the partition decides the filter")
        #expect(try await plan(.atLeast("time", .timestamptz(TestTable.hour + 1))).exactRowCount == nil)
    }

    @Test func `deletes make counts unknown`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        try await table.commit(RowDelta(addedDeletes: [table.positionDeletes(of: a, "p")], checks: .none))
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        #expect(plan.exactRowCount == nil && plan.exactMaximum(ofColumn: 3) == nil)
    }
}

@Suite struct RewriteManifestsTests {
    @Test(arguments: [2, 3])
    func `files are put in the order of their partitions`(version: Int) async throws {
        var table = try TestTable(formatVersion: version)
        for index in 0..<12 {
            try await table.append(table.file("f\(index)", type: index % 2 == 0 ? "x" : "y", hour: Int32(index / 2)))
        }
        let before = try await table.liveEntries()
        let single = try #require(try await table.manifests().first).length
        let summary = try await table.commit(RewriteManifests(targetBytes: single + 600)).snapshot.summary
        #expect(summary["operation"] == "replace" && summary["entries-processed"] == "12")
        #expect(summary["manifests-replaced"] == "12" && summary["manifests-kept"] == "0")
        #expect(summary["total-data-files"] == "12" && summary["changed-partition-count"] == "0")
        let manifests = try await table.manifests()
        #expect(summary["manifests-created"] == String(manifests.count) && (2...8).contains(manifests.count))
        let after = try await table.liveEntries()
        #expect(Set(after.map(\.file)) == Set(before.map(\.file)), "row ids included")
        #expect(Set(after.map(\.dataSequenceNumber)) == Set(before.map(\.dataSequenceNumber)))
        let plan = try await ScanPlanner(loader: table.loader).plan(
            table.metadata, predicate: .equal("type", .string("x")))
        #expect(plan.files.count == 6 && plan.counts.manifestsRead < manifests.count)
    }
}

@Suite struct MetricsConfigurationTests {
    private func schema(_ count: Int) throws -> Schema {
        try Schema(
            fields: [.optional(1, "s", .structure([.optional(2, "inner", .string)]))]
                + (3..<(3 + count)).map { .optional($0, "c\($0)", .string) })
    }

    @Test func `properties set the mode of columns`() throws {
        let schema = try schema(2)
        func mode(_ properties: [String: String], _ id: Int, sort: SortOrder = .unsorted) -> MetricsMode {
            MetricsConfiguration(properties: properties, schema: schema, sortOrder: sort).mode(ofColumn: id)
        }
        #expect(mode([:], 3) == .truncate(16))
        #expect(mode(["write.metadata.metrics.default": "counts"], 3) == .counts)
        #expect(mode(["write.metadata.metrics.default": "nonsense"], 3) == .truncate(16))
        let column = ["write.metadata.metrics.default": "none", "write.metadata.metrics.column.s.inner": "Truncate(8)"]
        #expect(mode(column, 2) == .truncate(8) && mode(column, 3) == .none)
        let sort = SortOrder(id: 1, fields: [SortField(sourceID: 3)])
        #expect(mode(["write.metadata.metrics.default": "counts"], 3, sort: sort) == .truncate(16))
        #expect(mode(["write.metadata.metrics.default": "full"], 3, sort: sort) == .full)
        #expect(mode(["write.metadata.metrics.column.c3": "none"], 3, sort: sort) == .none)
    }

    @Test func `beyond the inferred columns there are no metrics, the least nested come first`() throws {
        let limit = ["write.metadata.metrics.max-inferred-column-defaults": "2"]
        let wide = MetricsConfiguration(properties: limit, schema: try schema(2))
        #expect(wide.mode(ofColumn: 3) == .truncate(16) && wide.mode(ofColumn: 4) == .truncate(16))
        #expect(wide.mode(ofColumn: 2) == .none)
        let narrow = MetricsConfiguration(properties: limit, schema: try schema(1))
        #expect(narrow.mode(ofColumn: 2) == .truncate(16))
    }

    @Test(arguments: ["none", "counts", "truncate(3)", "FULL"])
    func `modes are read`(text: String) { #expect(MetricsMode(text) != nil) }

    @Test(arguments: ["", "truncate", "truncate()", "truncate(0)", "truncate(-1)", "truncate(99999999999)", "all"])
    func `what is no mode is none`(text: String) { #expect(MetricsMode(text) == nil) }
}
