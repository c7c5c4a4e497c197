import Clocks
import IcebergSpec
import ObjectStore
import Testing

@testable import IcebergTable

@Suite struct ReplaceTests {
    private func replace(
        _ table: TestTable, _ removed: [DataFile], by added: [DataFile], operation: SnapshotOperation = .replace
    ) -> Replace {
        Replace(
            removed: removed, added: added, operation: operation,
            dataSequenceNumber: table.metadata.currentSnapshot?.sequenceNumber)
    }

    @Test func `only manifests that hold a removed file are written anew`() async throws {
        var table = try TestTable()
        let (a, b, c) = (table.file("a"), table.file("b"), table.file("c", hour: 5))
        try await table.append(a, table.file("other"))
        try await table.append(b)
        let untouched = try await table.append(c).objects[0].location
        let big = table.file("big", rows: 20)
        let prepared = try await replace(table, [a, b], by: [big]).prepare(
            base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        try await table.commit(prepared)

        #expect(try await table.livePaths() == ["big.parquet", "c.parquet", "other.parquet"])
        let manifests = try await table.manifests()
        #expect(manifests.contains { $0.path == table.store.uri(of: untouched) })
        #expect(manifests.count == 4)
        let deleted = manifests.reduce(0) { $0 + ($1.deletedFilesCount ?? 0) }
        #expect(deleted == 2)
        let summary = prepared.snapshot.summary
        #expect(summary["operation"] == "replace")
        #expect((summary["added-data-files"], summary["deleted-data-files"]) == ("1", "2"))
        #expect((summary["added-records"], summary["deleted-records"]) == ("20", "20"))
        #expect((summary["total-data-files"], summary["total-records"]) == ("3", "40"))
        #expect(summary["total-files-size"] == "4000")

        let entries = Dictionary(
            uniqueKeysWithValues: try await table.liveEntries().map { ($0.file.path.suffix(9), $0) })
        #expect(entries["g.parquet"]?.dataSequenceNumber == 3, "as old as what it was read from")
        #expect(entries["g.parquet"]?.fileSequenceNumber == 4)
        #expect(entries["r.parquet"]?.status == .existing && entries["r.parquet"]?.dataSequenceNumber == 1)

        // The manifest whose files are all gone drops out with the next commit.
        try await table.append(table.file("d"))
        #expect(try await table.manifests().count == 4)
    }

    @Test func `a commit in between is kept`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let change = replace(table, [a], by: [table.file("a2")])
        try await table.append(table.file("b"))
        try await table.commit(
            try await change.prepare(base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        )
        #expect(try await table.livePaths() == ["a2.parquet", "b.parquet"])
    }

    @Test func `a file that is no longer live makes the replacement stale`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let first = replace(table, [a], by: [table.file("a2")])
        let second = replace(table, [a], by: [table.file("a3")])
        try await table.commit(
            try await first.prepare(base: table.metadata, loader: table.loader, random: table.random, now: table.now()))
        let base = table.metadata
        let loader = table.loader
        await #expect { try await second.prepare(base: base, loader: loader) } throws: { error in
            (error as? TableError)?.code == .stale
        }
        #expect(try await table.livePaths() == ["a2.parquet"])
    }

    @Test func `a replacement that would change the rows is refused`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let base = table.metadata
        let loader = table.loader
        for change in [
            replace(table, [a], by: [table.file("b", rows: 9)]), replace(table, [], by: [a]),
            replace(table, [a], by: [a]),
        ] {
            await #expect { try await change.prepare(base: base, loader: loader) } throws: { error in
                (error as? TableError)?.code == .invalid
            }
        }
        let overwrite = replace(table, [a], by: [table.file("b", rows: 9)], operation: .overwrite)
        try await table.commit(
            try await overwrite.prepare(base: base, loader: loader, random: table.random, now: table.now()))
        #expect(table.metadata.currentSnapshot?.summary["total-records"] == "9")
    }

    @Test func `the last file can be deleted`() async throws {
        var table = try TestTable(partitioned: false)
        let a = table.file("a")
        try await table.append(a)
        let change = replace(table, [a], by: [], operation: .delete)
        try await table.commit(
            try await change.prepare(base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        )
        #expect(try await table.livePaths() == [])
        #expect(table.metadata.currentSnapshot?.summary["total-records"] == "0")
    }

    /// Adds a delete file to the table the way another engine would.
    private func addDeletes(
        _ table: inout TestTable, _ content: DataFile.Content, hour: Int32 = 0, referencing path: String? = nil
    ) async throws {
        var file = table.file("deletes-\(table.tick)", hour: hour)
        (file.content, file.lowerBounds, file.upperBounds) = (content, [:], [:])
        file.referencedDataFile = path
        if content == .equalityDeletes { file.equalityIDs = [1] }
        var builder = try CommitBuilder(
            base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        let kept = try await builder.liveManifests()
        let manifest = try builder.writeManifest(
            [ManifestEntry(status: .added, snapshotID: builder.snapshotID, file: file)], specID: file.specID,
            content: .deletes)
        try await table.commit(
            try builder.finish(
                .overwrite, manifests: kept + [manifest], changes: SnapshotChanges(), summary: [:], properties: [:]))
    }

    @Test(
        arguments: [
            (DataFile.Content.positionDeletes, 0, false), (.positionDeletes, 7, true), (.equalityDeletes, 0, false),
        ] as [(DataFile.Content, Int32, Bool)])
    func `deleted rows are never brought back`(content: DataFile.Content, hour: Int32, isAllowed: Bool) async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        try await addDeletes(&table, content, hour: hour)
        let change = replace(table, [a], by: [table.file("a2")])
        do throws(TableError) {
            _ = try await change.prepare(base: table.metadata, loader: table.loader)
            #expect(isAllowed)
        } catch {
            #expect(!isAllowed && error.code == .stale)
        }
    }

    @Test func `deletes by value that come after the files were read apply to the new file too`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let change = replace(table, [a], by: [table.file("a2")])
        try await addDeletes(&table, .equalityDeletes)
        try await table.commit(
            try await change.prepare(base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        )
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        #expect(plan.files.count == 1)
        #expect(plan.files[0].deletes.map(\.content) == [.equalityDeletes])
    }

    @Test func `deletes by position that come after the files were read make the replacement stale`() async throws {
        var table = try TestTable()
        let a = table.file("a")
        try await table.append(a)
        let change = replace(table, [a], by: [table.file("a2")])
        try await addDeletes(&table, .positionDeletes, referencing: a.path)
        let base = table.metadata
        let loader = table.loader
        await #expect { try await change.prepare(base: base, loader: loader) } throws: { error in
            (error as? TableError)?.code == .stale
        }
    }
}
