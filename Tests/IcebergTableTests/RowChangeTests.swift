import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

@Suite struct RowDeltaTests {
    @Test func `the summary counts deletes of each kind`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a"), table.file("b", type: "click"))
        try await table.append(a, b)
        let delta = RowDelta(
            addedData: [table.file("c")],
            addedDeletes: [table.positionDeletes(of: a, "p", rows: 3), table.equalityDeletes("e", type: "click")],
            checks: .none)
        let summary = try await table.commit(delta).snapshot.summary
        #expect(summary["operation"] == "overwrite")
        #expect((summary["added-data-files"], summary["added-records"]) == ("1", "10"))
        #expect((summary["added-delete-files"], summary["added-position-delete-files"]) == ("2", "1"))
        #expect((summary["added-equality-delete-files"], summary["added-dvs"]) == ("1", nil))
        #expect((summary["added-position-deletes"], summary["added-equality-deletes"]) == ("3", "2"))
        #expect((summary["total-delete-files"], summary["total-data-files"]) == ("2", "3"))
        #expect((summary["total-position-deletes"], summary["total-equality-deletes"]) == ("3", "2"))
        #expect(summary["added-files-size"] == "1700" && summary["total-files-size"] == "3700")
        #expect(summary["changed-partition-count"] == "2")
    }

    @Test(arguments: [
        (1, 0, "append"), (0, 1, "delete"), (1, 1, "overwrite"),
    ])
    func `the operation says what was done`(data: Int, deletes: Int, operation: String) async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let delta = RowDelta(
            addedData: data == 1 ? [table.file("n")] : [],
            addedDeletes: deletes == 1 ? [table.positionDeletes(of: a, "p")] : [], checks: .none)
        #expect(try await table.commit(delta).snapshot.operation == operation)
    }

    @Test func `a deletion vector takes the place of the one before`() async throws {
        var table = try TestTable(formatVersion: 3)
        let a = table.file("a")
        try await table.append(a)
        let first = table.positionDeletes(of: a, "v1")
        try await table.commit(RowDelta(addedDeletes: [first], checks: .none))
        let second = table.positionDeletes(of: a, "v2", rows: 2)
        #expect(await table.refusal(RowDelta(addedDeletes: [second], checks: .none)) == .stale)
        let summary = try await table.commit(
            RowDelta(
                addedDeletes: [second], removedDeletes: [first],
                checks: ConflictChecks(startingSnapshotID: table.metadata.currentSnapshotID, isolation: .none))
        ).snapshot.summary
        #expect((summary["added-dvs"], summary["removed-dvs"]) == ("1", "1"))
        #expect(summary["total-position-deletes"] == "2")
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        #expect(plan.files[0].deletes.map(\.path) == [second.path])
        #expect(plan.files[0].deletes[0].contentOffset == 4 && plan.files[0].deletes[0].contentSizeBytes == 40)
    }

    @Test func `each format version takes its own kind of deletes`() async throws {
        var (two, three) = (try TestTable(), try TestTable(formatVersion: 3))
        let file = two.file("a")
        try await two.append(file)
        try await three.append(file)
        let (positions, vector) = (two.positionDeletes(of: file, "p"), three.positionDeletes(of: file, "v"))
        #expect(await two.refusal(RowDelta(addedDeletes: [vector], checks: .none)) == .invalid)
        #expect(await three.refusal(RowDelta(addedDeletes: [positions], checks: .none)) == .invalid)
        #expect(await two.refusal(RowDelta(addedDeletes: [positions], checks: .none)) == nil)
        #expect(await three.refusal(RowDelta(addedDeletes: [vector], checks: .none)) == nil)
        var second = vector
        second.contentOffset = 99
        #expect(await three.refusal(RowDelta(addedDeletes: [vector, second], checks: .none)) == .invalid)
        var aimless = vector
        aimless.referencedDataFile = nil
        #expect(await three.refusal(RowDelta(addedDeletes: [aimless], checks: .none)) == .invalid)
        var idless = two.equalityDeletes("e")
        idless.equalityIDs = []
        #expect(await two.refusal(RowDelta(addedDeletes: [idless], checks: .none)) == .invalid)
    }

    @Test func `version 1 tables are only read`() async throws {
        var table = try TestTable(partitioned: false, formatVersion: 1)
        #expect(await table.refusal(Append(files: [])) == .unsupported)
        #expect(await table.refusal(Overwrite(filter: .alwaysTrue)) == .unsupported)
        try table.change(try TableChange.formatVersion(2, on: table.metadata))
        try await table.append(table.file("a"))
        #expect(try await table.livePaths() == ["a.parquet"])
    }

    @Test func `dangling deletes go with their data`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a"), table.file("b"))
        try await table.append(a, b)
        try await table.commit(
            RowDelta(
                addedDeletes: [
                    table.positionDeletes(of: a, "pa"), table.positionDeletes(of: b, "pb"), table.equalityDeletes("e"),
                ], checks: .none))
        try await table.commit(DeleteFiles(paths: [a.path]))
        #expect(try await table.livePaths() == ["b.parquet", "e.parquet", "pb.parquet"])
        let summary = try await table.commit(
            Overwrite(added: [table.file("c")], removed: [b])
        ).snapshot.summary
        #expect(try await table.livePaths() == ["c.parquet"], "no data file is as old as the equality deletes")
        #expect(summary["total-delete-files"] == "0" && summary["total-equality-deletes"] == "0")
        #expect(summary["removed-equality-delete-files"] == "1" && summary["removed-position-delete-files"] == "1")
    }
}

@Suite struct OverwriteTests {
    private func hour(_ value: Int64) -> Datum { .timestamptz(value * TestTable.hour) }

    @Test func `a filter takes files that it accepts whole, by partition or bounds`() async throws {
        var table = try TestTable()
        try await table.append(
            table.file("a", hour: 1), table.file("b", hour: 2), table.file("c", type: "click", hour: 2))
        try await table.commit(
            DeleteFiles(
                filter: .and([.atLeast("time", hour(2)), .less("time", hour(3)), .equal("type", .string("click"))])))
        #expect(try await table.livePaths() == ["a.parquet", "b.parquet"])
        // The file's bounds end in the middle of its hour.
        let early = Predicate.less("time", .timestamptz(TestTable.hour + TestTable.hour / 2 + 1))
        try await table.commit(DeleteFiles(filter: early))
        #expect(try await table.livePaths() == ["b.parquet"])
    }

    @Test func `a filter that accepts a file in part is refused, and says which files`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a", hour: 1), table.file("b", hour: 2))
        try await table.append(a, b)
        let filter = Predicate.less("time", .timestamptz(2 * TestTable.hour + 7))
        #expect(await table.refusal(Overwrite(filter: filter)) == .partial)
        let (whole, inPart) = try await ScanPlanner(loader: table.loader).divide(table.metadata, by: filter)
        #expect(whole.map(\.file.path) == [a.path] && inPart.map(\.file.path) == [b.path])
        let rewritten = table.file("b2", hour: 2, rows: 5)
        let operation = Overwrite(added: [rewritten], removed: whole.map(\.file) + inPart.map(\.file))
        #expect(try await table.commit(operation).snapshot.summary["deleted-records"] == "20")
        #expect(try await table.livePaths() == ["b2.parquet"])
    }

    @Test func `added files can be held to the filter`() async throws {
        var table = try TestTable()
        let filter = Predicate.equal("type", .string("click"))
        func overwrite(_ file: DataFile) -> Overwrite {
            Overwrite(added: [file], filter: filter, checksAddedFiles: true)
        }
        #expect(await table.refusal(overwrite(table.file("a"))) == .invalid)
        #expect(await table.refusal(overwrite(table.file("b", type: "click"))) == nil)
    }

    @Test func `partitions of the added files are replaced`() async throws {
        var table = try TestTable()
        try await table.append(table.file("a", hour: 1), table.file("b", hour: 2), table.file("c", type: "click"))
        try await table.commit(Overwrite(added: [table.file("n", hour: 2)], replacesPartitions: true))
        #expect(try await table.livePaths() == ["a.parquet", "c.parquet", "n.parquet"])
    }

    @Test func `partitions are summed up one by one where the table asks for it`() async throws {
        var table = try TestTable(properties: ["write.summary.partition-limit": "2"])
        let summary = try await table.append(table.file("a", hour: 1), table.file("b", type: "x", hour: 2)).snapshot
            .summary
        #expect(summary["partition-summaries-included"] == "true")
        #expect(
            summary["partitions.type=x/time_hour=1970-01-01-02"]
                == "added-data-files=1,added-records=10,added-files-size=1000")
        let many = try await table.append(table.file("c"), table.file("d", hour: 1), table.file("e", hour: 2))
        #expect(many.snapshot.summary["partition-summaries-included"] == nil)
    }
}

@Suite struct ConflictTests {
    private typealias Change = (TestTable, DataFile) -> any TableOperation

    /// What one operation does when another was committed since it was planned.
    private func outcome(
        _ other: Change, version: Int = 2, _ operation: (TestTable, DataFile, Int64?) -> any TableOperation
    ) async throws -> TableError.Code? {
        var table = try TestTable(formatVersion: version)
        let a = table.file("a")
        try await table.append(a, table.file("b", type: "click"))
        let start = table.metadata.currentSnapshotID
        try await table.commit(other(table, a))
        return await table.refusal(operation(table, a, start))
    }

    private func overwrite(
        _ table: TestTable, _ start: Int64?, _ isolation: ConflictChecks.Isolation, _ type: String = "page.view"
    ) -> Overwrite {
        Overwrite(
            added: [table.file("n", type: type)], filter: .equal("type", .string(type)),
            checks: ConflictChecks(startingSnapshotID: start, isolation: isolation))
    }

    @Test func `new rows conflict with a serializable overwrite of theirs`() async throws {
        let append: Change = { (table: TestTable, _: DataFile) in Append(files: [table.file("x")]) }
        #expect(try await outcome(append) { overwrite($0, $2, .serializable) } == .stale)
        #expect(try await outcome(append) { overwrite($0, $2, .snapshot) } == nil)
        #expect(try await outcome(append) { overwrite($0, $2, .serializable, "click") } == nil)
        #expect(
            try await outcome(append) { table, _, _ in overwrite(table, nil, .serializable, "click") } == .stale,
            "all of history")
    }

    @Test func `new deletes conflict with an overwrite of the rows at either isolation`() async throws {
        let delta: Change = { (table: TestTable, a: DataFile) in
            RowDelta(addedDeletes: [table.positionDeletes(of: a, "p")], checks: .none)
        }
        #expect(try await outcome(delta) { overwrite($0, $2, .serializable) } == .stale)
        #expect(try await outcome(delta) { overwrite($0, $2, .snapshot) } == .stale)
        #expect(try await outcome(delta) { overwrite($0, $2, .snapshot, "click") } == nil)
        #expect(
            try await outcome(delta) { table, a, start in
                Overwrite(
                    removed: [a], checks: ConflictChecks(startingSnapshotID: start, isolation: .snapshot))
            } == .stale)
    }

    @Test func `files that deletes point to must still be there`() async throws {
        func delta(_ table: TestTable, _ a: DataFile, _ start: Int64?, allows: Bool) -> RowDelta {
            RowDelta(
                addedDeletes: [table.positionDeletes(of: a, "p")],
                checks: ConflictChecks(startingSnapshotID: start, isolation: .none), allowsDeletedDataFiles: allows)
        }
        let delete: Change = { (_: TestTable, a: DataFile) in DeleteFiles(files: [a]) }
        let rewrite: Change = { (table: TestTable, a: DataFile) in
            Replace(removed: [a], added: [table.file("a2")], dataSequenceNumber: 1)
        }
        #expect(try await outcome(delete) { delta($0, $1, $2, allows: false) } == .stale)
        #expect(try await outcome(delete) { delta($0, $1, $2, allows: true) } == nil)
        #expect(try await outcome(rewrite) { delta($0, $1, $2, allows: true) } == .stale)
    }

    @Test func `files that deletes of several files may name must still be there`() async throws {
        func delta(_ table: TestTable, _ a: DataFile, _ start: Int64?, last: String = "z") -> RowDelta {
            var delete = table.positionDeletes(of: a, "p")
            delete.referencedDataFile = nil
            delete.lowerBounds[DataFile.filePathID] = Array("\(table.metadata.location)/data/".utf8)
            delete.upperBounds[DataFile.filePathID] = Array("\(table.metadata.location)/data/\(last)".utf8)
            return RowDelta(
                addedDeletes: [delete], checks: ConflictChecks(startingSnapshotID: start, isolation: .none))
        }
        let rewrite: Change = { (table: TestTable, a: DataFile) in
            Replace(removed: [a], added: [table.file("a2")], dataSequenceNumber: 1)
        }
        let nothing: Change = { (table: TestTable, _: DataFile) in Append(files: [table.file("x")]) }
        #expect(try await outcome(rewrite) { delta($0, $1, $2) } == .stale)
        #expect(try await outcome(rewrite) { delta($0, $1, $2, last: "-") } == nil, "it lies beyond them")
        #expect(try await outcome(nothing) { delta($0, $1, $2) } == nil)
    }

    @Test func `a change that was planned on no snapshot needs the whole history`() async throws {
        var table = try TestTable()
        try await table.append(table.file("a"))
        try await table.append(table.file("b"))
        let overwrite = Overwrite(
            added: [table.file("n")], filter: .equal("type", .string("click")),
            checks: ConflictChecks(startingSnapshotID: nil, isolation: .serializable))
        #expect(await table.refusal(overwrite) == nil)
        let expired = try ExpireSnapshots(olderThan: table.now()).prepare(base: table.metadata, now: table.now())
        #expect(expired.snapshots.count == 1)
        try table.change(expired.change)
        #expect(await table.refusal(overwrite) == .stale)
    }

    @Test func `two deletion vectors of one file conflict, even when both replace the same one`() async throws {
        let vector = { (table: TestTable, a: DataFile, name: String) in
            RowDelta(addedDeletes: [table.positionDeletes(of: a, name)], checks: .none)
        }
        #expect(
            try await outcome({ vector($0, $1, "v1") }, version: 3) { table, a, start in
                RowDelta(
                    addedDeletes: [table.positionDeletes(of: a, "v2")],
                    removedDeletes: [table.positionDeletes(of: a, "v1")],
                    checks: ConflictChecks(startingSnapshotID: start, isolation: .none))
            } == .stale)
    }

    @Test func `a rewrite that applied the deletes it knew is refused for later ones only`() async throws {
        func replace(_ table: TestTable, _ a: DataFile, _ start: Int64?) -> Replace {
            Replace(
                removed: [a], added: [table.file("a2", rows: 9)], dataSequenceNumber: 1, startingSnapshotID: start)
        }
        let positions: Change = { (table: TestTable, a: DataFile) in
            RowDelta(addedDeletes: [table.positionDeletes(of: a, "p")], checks: .none)
        }
        let values: Change = { (table: TestTable, _: DataFile) in
            RowDelta(addedDeletes: [table.equalityDeletes("e")], checks: .none)
        }
        #expect(try await outcome(positions) { replace($0, $1, $2) } == .stale)
        #expect(
            try await outcome(positions) { table, a, _ in replace(table, a, table.metadata.currentSnapshotID) } == nil)
        #expect(try await outcome(values) { replace($0, $1, $2) } == nil, "they apply to the new file, too")
    }

    @Test func `a change planned on a snapshot outside the branch's history is refused`() async throws {
        var table = try TestTable()
        try await table.append(table.file("a"))
        #expect(await table.refusal(overwrite(table, 99, .snapshot)) == .stale)
    }

    @Test func `deletes are rewritten at their age`() async throws {
        var table = try TestTable()
        let (a, b) = (table.file("a"), table.file("b"))
        try await table.append(a, b)
        let deletes = [table.positionDeletes(of: a, "p1"), table.positionDeletes(of: a, "p2")]
        for delete in deletes { try await table.commit(RowDelta(addedDeletes: [delete], checks: .none)) }
        let merged = table.positionDeletes(of: a, "p3", rows: 2)
        let prepared = try await table.commit(
            Replace(
                removed: [], added: [], removedDeletes: deletes, addedDeletes: [merged], dataSequenceNumber: nil,
                deleteSequenceNumber: 3, startingSnapshotID: table.metadata.currentSnapshotID))
        #expect(prepared.snapshot.operation == "replace")
        #expect(prepared.snapshot.summary["total-position-deletes"] == "2")
        #expect(try await table.livePaths() == ["a.parquet", "b.parquet", "p3.parquet"])
        let entry = try await table.liveEntries().first { $0.file.path == merged.path }
        #expect(entry?.dataSequenceNumber == 3 && entry?.fileSequenceNumber == 4)
    }
}
