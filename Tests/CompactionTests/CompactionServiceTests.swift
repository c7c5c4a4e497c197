import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import ParquetFormat
import Testing

@testable import Compaction

private typealias Row = TestWarehouse.Row

extension [TestWarehouse.Row] {
    fileprivate var byID: [TestWarehouse.Row] { sorted { $0.id < $1.id } }
}

@Suite struct CompactionServiceTests {
    @Test func `small files become one file with the same rows, sorted by time`() async throws {
        let warehouse = try await TestWarehouse()
        let expected = try await warehouse.appendSmallFiles(6)
        let other = try await warehouse.write([Row(id: "x", time: 0)], type: "view")
        try await warehouse.append(other)
        let before = try await warehouse.metadata()

        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .succeeded, "\(job.error ?? "")")
        #expect(job.result["files_rewritten"] == 6 && job.result["files_created"] == 1)
        let files = try await warehouse.liveFiles()
        #expect(files.count == 2)
        let compacted = try #require(files.first { $0.recordCount == 30 })
        let rows = try await warehouse.read(compacted)
        #expect(rows.byID == expected.byID)
        #expect(rows.map(\.time) == rows.map(\.time).sorted())
        #expect(compacted.path.hasPrefix("\(before.location)/data/type=click/time_hour=1970-01-01-00/"))

        let after = try await warehouse.metadata()
        #expect(after.currentSnapshot?.operation == "replace")
        #expect(after.properties["watermark"] == "5", "what the collector keeps in the table is not touched")
        #expect(after.currentSnapshot?.summary["total-records"] == "31")
        #expect(after.snapshots.count == before.snapshots.count + 1)
        let again = try await warehouse.run(.compact(force: true))
        #expect(again.result["files_rewritten"] == 0)
        #expect(try await warehouse.metadata().snapshots.count == after.snapshots.count)
    }

    @Test func `what is not asked for stays: the threshold, force, and a dry run`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(2)
        #expect(try await warehouse.run(.compact(force: false)).result["files_rewritten"] == 0)
        let dry = try await warehouse.run(.compact(force: true), dryRun: true)
        #expect(dry.result["files_to_rewrite"] == 2)
        #expect(try await warehouse.liveFiles().count == 2)
        #expect(try await warehouse.run(.compact(force: true)).result["files_rewritten"] == 2)
        #expect(try await warehouse.liveFiles().count == 1)
    }

    @Test func `many partitions are one commit`() async throws {
        let warehouse = try await TestWarehouse()
        for hour in 0..<4 as Range<Int32> { try await warehouse.appendSmallFiles(3, hour: hour) }
        let before = try await warehouse.rows()
        let snapshots = try await warehouse.metadata().snapshots.count
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.result["partitions"] == 4)
        #expect(try await warehouse.metadata().snapshots.count == snapshots + 1)
        #expect(try await warehouse.liveFiles().count == 4)
        #expect(try await warehouse.rows().byID == before.byID)
    }

    @Test func `a month's files are merged within their spec, beside each other`() async throws {
        let warehouse = try await TestWarehouse()
        let hour = try await warehouse.write([Row(id: "h", time: 0)])
        let spec = UnboundPartitionSpec(fields: [
            .init(sourceID: 2, name: "type", transform: .identity),
            .init(sourceID: 4, name: "time_month", transform: .month),
        ])
        let outcome = await warehouse.catalog.commit(
            warehouse.table, requirements: [], updates: [.addPartitionSpec(spec)])
        guard case .committed = outcome else {
            Issue.record("\(outcome)")
            return
        }
        try await warehouse.append(hour)
        var expected = [Row(id: "h", time: 0)]
        for number in 0..<3 {
            let row = Row(id: "m\(number)", time: Int64(number) * 24 * TestWarehouse.hour)
            var file = try await warehouse.write([row])
            file.specID = 1
            file.partition = [.string("click"), .int(0)]
            try await warehouse.append(file)
            expected.append(row)
        }
        let job = try await warehouse.run(.compact(force: true))
        #expect(job.result["files_rewritten"] == 3 && job.result["files_created"] == 1)
        let files = try await warehouse.liveFiles()
        #expect(files.count == 2)
        let month = try #require(files.first { $0.recordCount == 3 })
        #expect(month.specID == 1 && month.partition == [.string("click"), .int(0)])
        #expect(try await warehouse.rows().byID == expected.byID)
    }

    @Test func `columns that an older file lacks become null`() async throws {
        let warehouse = try await TestWarehouse()
        for columns in [4, 5, 6] {
            let row = Row(id: "c\(columns)", time: 5, amount: 1.5, tags: ["a", "b"])
            try await warehouse.append(try await warehouse.write([row], columns: columns))
        }
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.result["files_created"] == 1, "\(job.error ?? "")")
        #expect(
            try await warehouse.rows().byID == [
                Row(id: "c4", time: 5), Row(id: "c5", time: 5, amount: 1.5),
                Row(id: "c6", time: 5, amount: 1.5, tags: ["a", "b"]),
            ])
    }

    @Test func `later duplicates of the same source and id are removed`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.append(
            try await warehouse.write([Row(id: "a", time: 9, amount: 1), Row(id: "b", time: 8)]))
        try await warehouse.append(
            try await warehouse.write([Row(id: "a", time: 3, amount: 2), Row(id: "a", source: "app", time: 7)]))
        try await warehouse.append(try await warehouse.write([Row(id: "b", time: 1), Row(id: "c", time: 2)]))
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.result["duplicates_removed"] == 2, "\(job.error ?? "")")
        #expect(
            try await warehouse.rows() == [
                Row(id: "c", time: 2), Row(id: "a", source: "app", time: 7), Row(id: "b", time: 8),
                Row(id: "a", time: 9, amount: 1),
            ])
        let snapshot = try await warehouse.metadata().currentSnapshot
        #expect(snapshot?.operation == "overwrite" && snapshot?.summary["total-records"] == "4")
    }

    @Test func `with little memory rows pass through unsorted and complete`() async throws {
        let warehouse = try await TestWarehouse()
        let expected = try await warehouse.appendSmallFiles(4)
        let metadata = try await warehouse.metadata()
        let files = try await ScanPlanner(loader: warehouse.service.loader).plan(metadata).files
        let group = CompactionGroup(specID: 0, partition: files[0].file.partition, files: files)
        let rewriter = GroupRewriter(
            store: warehouse.store, metadata: metadata,
            settings: try RewriteSettings(metadata, memoryBytes: 16 << 10, targetFileBytes: 1 << 20),
            removesDuplicates: true, random: SystemRandom(), clock: warehouse.clock)
        let rewritten = try await rewriter.rewrite(group) { _ in }
        #expect(!rewritten.isSorted && rewritten.outputs.count == 1)
        #expect(try await warehouse.read(rewritten.outputs[0]).byID == expected.byID)
    }

    @Test func `a file that cannot be carried over keeps only its own partition from being compacted`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        try await warehouse.appendSmallFiles(3, hour: 1)
        let victim = try #require(try await warehouse.liveFiles().first { $0.partition[1] == .int(1) })
        let location = try warehouse.store.location(of: victim.path)
        var bytes = try await warehouse.store.get(location, range: nil).bytes
        for index in 4..<40 { bytes[index] ^= 0xFF }
        _ = try await warehouse.store.put(location, bytes, condition: .always, contentType: nil)
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .succeeded)
        #expect(job.result["groups_abandoned"] == 1 && job.result["files_rewritten"] == 3)
        #expect(job.result["skipped"]?.array?.count == 1)
        #expect(job.result["skipped_other_format"] == 0)
        #expect(try await warehouse.liveFiles().count == 4)
    }
}

@Suite struct CompactionCommitTests {
    @Test func `a commit that comes first is kept`() async throws {
        let warehouse = try await TestWarehouse()
        let expected = try await warehouse.appendSmallFiles(3)
        warehouse.catalog.expect(
            .before { try await warehouse.append(try await warehouse.write([Row(id: "late", time: 1)])) })
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .succeeded, "\(job.error ?? "")")
        #expect(warehouse.catalog.commits == 2)
        #expect(try await warehouse.rows().byID == (expected + [Row(id: "late", time: 1)]).byID)
        #expect(try await warehouse.liveFiles().count == 2)
    }

    @Test(arguments: [true, false])
    func `an unknown outcome is looked up, never assumed`(hasHappened: Bool) async throws {
        let warehouse = try await TestWarehouse()
        let expected = try await warehouse.appendSmallFiles(3)
        warehouse.catalog.expect(hasHappened ? .loseReply : .loseRequest)
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .succeeded, "\(job.error ?? "")")
        #expect(warehouse.catalog.commits == (hasHappened ? 1 : 2))
        #expect(try await warehouse.rows().byID == expected.byID)
        #expect(try await warehouse.liveFiles().count == 1)
    }

    @Test func `when files are gone meanwhile only their group is given up, and its output removed`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        try await warehouse.appendSmallFiles(3, hour: 1)
        let victim = try #require(try await warehouse.liveFiles().first { $0.partition[1] == .int(1) })
        warehouse.catalog.expect(
            .before {
                let delete = Replace(removed: [victim], added: [], operation: .delete, dataSequenceNumber: nil)
                try await warehouse.commit(
                    try await delete.prepare(
                        base: try await warehouse.metadata(), loader: ManifestLoader(store: warehouse.store)))
            })
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .succeeded, "\(job.error ?? "")")
        #expect(job.result["groups_abandoned"] == 1 && job.result["files_rewritten"] == 3)
        let live = try await warehouse.liveFiles()
        #expect(live.count == 3)
        // Six inputs and one output: the output of the group that was given up is gone.
        #expect(try await warehouse.objectKeys().filter { $0.hasSuffix(".parquet") }.count == 7)
    }

    @Test func `what the catalog refuses for good is reported, and its files removed`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        let manifests = try await warehouse.objectKeys().filter { $0.hasSuffix(".avro") }
        warehouse.catalog.expect(.reject(.forbidden))
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .failed)
        #expect(try await warehouse.objectKeys().filter { $0.hasSuffix(".avro") } == manifests)
        #expect(try await warehouse.liveFiles().count == 3)
    }

    @Test func `when others always win nothing is changed`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        for _ in 0..<CompactionLimits.commitAttemptsMax { warehouse.catalog.expect(.reject(.commitFailed)) }
        let job = try await warehouse.run(.compact(force: false))
        #expect(job.state == .failed && warehouse.service.jobs.failure(of: job.id)?.code == .conflict)
        #expect(try await warehouse.liveFiles().count == 3)
    }

    @Test func `a second job of the same table has to wait`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        let gate = AsyncStream.makeStream(of: Void.self)
        warehouse.catalog.expect(
            .before { for await _ in gate.stream { break } })
        let (job, task) = try await warehouse.service.start(
            .compact(force: false), table: warehouse.table, dryRun: false)
        await #expect { try await warehouse.run(.compact(force: false)) } throws: { error in
            (error as? CompactionError)?.code == .conflict
        }
        #expect(warehouse.service.jobs.running(table: warehouse.table.description)?.id == job.id)
        gate.continuation.finish()
        await task.value
        #expect(warehouse.service.jobs.job(job.id)?.state == .succeeded)
    }
}
