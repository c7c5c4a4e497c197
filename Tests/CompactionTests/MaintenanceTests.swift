import CatalogAccess
import Clocks
import Configuration
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Telemetry
import Testing

@testable import Compaction

private typealias Row = TestWarehouse.Row

@Suite struct SnapshotExpiryTests {
    @Test func `old snapshots go with the files that only they need`() async throws {
        let warehouse = try await TestWarehouse()
        let expected = try await warehouse.appendSmallFiles(4)
        #expect(try await warehouse.run(.compact(force: false)).state == .succeeded)
        let before = try await warehouse.metadata()
        warehouse.clock.advance(milliseconds: 8 * 86_400_000)

        let dry = try await warehouse.run(.expire(retentionDays: 7), dryRun: true)
        #expect(dry.result["data_files_deleted"] == 4, "\(dry.error ?? "")")
        #expect(try await warehouse.metadata().snapshots.count == before.snapshots.count)

        let job = try await warehouse.run(.expire(retentionDays: 7))
        #expect(job.state == .succeeded, "\(job.error ?? "")")
        #expect(job.result["snapshots_removed"] == 4 && job.result["data_files_deleted"] == 4)
        let after = try await warehouse.metadata()
        #expect(after.snapshots.map(\.snapshotID) == [before.currentSnapshotID])
        let keys = try await warehouse.objectKeys()
        #expect(keys.filter { $0.hasSuffix(".parquet") }.count == 1)
        #expect(keys.filter { $0.contains("/snap-") }.count == 1)
        #expect(try await warehouse.rows().sorted { $0.id < $1.id } == expected.sorted { $0.id < $1.id })
    }

    @Test func `a tagged snapshot keeps its files`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        let tagged = try #require(try await warehouse.metadata().snapshots.first)
        let reference = SnapshotReference(snapshotID: tagged.snapshotID, kind: .tag)
        guard
            case .committed = await warehouse.catalog.commit(
                warehouse.table, requirements: [], updates: [.setSnapshotReference(name: "audit", reference)])
        else { Issue.record("not tagged"); return }
        #expect(try await warehouse.run(.compact(force: false)).state == .succeeded)
        warehouse.clock.advance(milliseconds: 8 * 86_400_000)
        let job = try await warehouse.run(.expire(retentionDays: 7))
        #expect(job.result["snapshots_removed"] == 2 && job.result["data_files_deleted"] == 2, "\(job.error ?? "")")
        let plan = try await ScanPlanner(loader: ManifestLoader(store: warehouse.store)).plan(
            try await warehouse.metadata(), target: .reference("audit"))
        for file in plan.files { #expect(try await !warehouse.read(file.file).isEmpty) }
        #expect(plan.files.count == 1)
    }

    @Test func `young snapshots and the least number to keep stay`() async throws {
        let warehouse = try await TestWarehouse(properties: ["history.expire.min-snapshots-to-keep": "2"])
        try await warehouse.appendSmallFiles(4)
        #expect(try await warehouse.run(.expire(retentionDays: 7)).result["snapshots_removed"] == 0)
        warehouse.clock.advance(milliseconds: 8 * 86_400_000)
        #expect(try await warehouse.run(.expire(retentionDays: 7)).result["snapshots_removed"] == 2)
        #expect(try await warehouse.liveFiles().count == 4)
        #expect(try await warehouse.rows().count == 20)
    }

    @Test func `a table that forbids it is left alone`() async throws {
        let warehouse = try await TestWarehouse(properties: ["gc.enabled": "false"])
        try await warehouse.appendSmallFiles(2)
        warehouse.clock.advance(milliseconds: 8 * 86_400_000)
        let job = try await warehouse.run(.expire(retentionDays: 7))
        #expect(job.state == .failed && warehouse.service.jobs.failure(of: job.id)?.code == .refused)
    }
}

@Suite struct OrphanFilesTests {
    @Test func `only old files that nothing refers to are found, and deleted when asked`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(2)
        let orphan = try await warehouse.write([Row(id: "lost", time: 0)])
        let location = try warehouse.store.location(of: orphan.path)
        func run(_ dryRun: Bool) async throws -> MaintenanceJob {
            try await warehouse.run(.orphans(ageHoursMin: 72), dryRun: dryRun)
        }
        // The store's own clock gives the objects their times: they are young until the service's clock has passed them.
        let young = try await run(true)
        #expect(young.result["orphans"] == 0, "\(young.error ?? "")")
        warehouse.clock.advance(milliseconds: 4000 * 86_400_000)
        #expect(try await run(true).result["orphans"] == 1)
        #expect(try await warehouse.store.head(location) != nil)
        #expect(try await run(false).result["orphans"] == 1)
        #expect(try await warehouse.store.head(location) == nil)
        #expect(try await warehouse.rows().count == 10)
        #expect(try await run(false).result["orphans"] == 0)
    }

    @Test func `files outside the table's location stay, whatever its properties say`() async throws {
        let others = "s3://analytics-source/analytics/other"
        let warehouse = try await TestWarehouse(properties: [
            "write.data.path": "\(others)/data", "write.metadata.path": "\(others)/metadata",
        ])
        let victims = try ["data/a.parquet", "metadata/a.avro"].map {
            try warehouse.store.location(of: "\(others)/\($0)")
        }
        for victim in victims { _ = try await warehouse.store.putIfAbsentProved(victim, [1]) }
        warehouse.clock.advance(milliseconds: 4000 * 86_400_000)
        let job = try await warehouse.run(.orphans(ageHoursMin: 72))
        #expect(job.state == .succeeded && job.result["orphans"] == 0, "\(job.error ?? "")")
        for victim in victims { #expect(try await warehouse.store.head(victim) != nil) }
        let owned = OwnedPrefix(try await warehouse.metadata())
        #expect(!owned.contains("\(others)/data/a.parquet") && !owned.contains("\(owned.prefix)"))
        #expect(owned.contains("\(owned.prefix)data/a.parquet"))
    }

    @Test func `when a needed file is missing nothing is deleted`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(2)
        let orphan = try await warehouse.write([Row(id: "lost", time: 0)])
        let needed = try warehouse.store.location(of: try await warehouse.liveFiles()[0].path)
        try await warehouse.store.delete(needed.bucket, [needed.key])
        warehouse.clock.advance(milliseconds: 4000 * 86_400_000)
        let job = try await warehouse.run(.orphans(ageHoursMin: 72))
        #expect(job.state == .failed && warehouse.service.jobs.failure(of: job.id)?.code == .damaged)
        #expect(try await warehouse.store.head(try warehouse.store.location(of: orphan.path)) != nil)
    }
}

@Suite struct JobHistoryTests {
    @Test func `jobs of an earlier process are in the history, unfinished ones as interrupted`() async throws {
        let warehouse = try await TestWarehouse()
        try await warehouse.appendSmallFiles(3)
        let done = try await warehouse.run(.compact(force: false))
        let history = JobHistory(
            store: warehouse.store, bucket: try BucketName("analytics-catalog"), logger: .disabled)
        warehouse.clock.advance(milliseconds: 5)
        let cut = MaintenanceJob(
            id: UUID.timeOrdered(at: warehouse.clock.now()), kind: .expire, table: "a.b", isDryRun: false,
            started: warehouse.clock.now())
        await history.save(cut, now: warehouse.clock.now())

        let registry = JobRegistry()
        registry.restore(await history.load())
        let jobs = registry.recent(limit: 10)
        #expect(jobs.map(\.id) == [cut.id, done.id])
        #expect(jobs.map(\.state) == [.interrupted, .succeeded])
        #expect(jobs[1].json(now: warehouse.clock.now()) == done.json(now: warehouse.clock.now()))
        #expect(registry.recent(limit: 10, table: "a.b").count == 1)
    }
}

@Suite struct CronScheduleTests {
    @Test(arguments: [
        ("0 */6 * * *", "2024-01-15T05:59:59Z", "2024-01-15T06:00:00Z"),
        ("0 */6 * * *", "2024-01-15T06:00:00Z", "2024-01-15T12:00:00Z"),
        ("*/15 9-17 * * mon-fri", "2024-01-12T17:50:00Z", "2024-01-15T09:00:00Z"),
        ("30 3 1 jan *", "2024-01-01T03:30:00Z", "2025-01-01T03:30:00Z"),
        ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 13 * 5", "2024-01-13T00:00:00Z", "2024-01-19T00:00:00Z"),
        ("5,10 1 * * 7", "2024-01-15T00:00:00Z", "2024-01-21T01:05:00Z"),
        ("59 23 31 12 *", "2024-12-31T23:59:00Z", "2025-12-31T23:59:00Z"),
    ])
    func `the next run is the first minute that fits`(schedule: String, after: String, next: String) throws {
        let cron = try #require(CronSchedule(schedule))
        let time = try #require(Timestamp(rfc3339: after))
        #expect(cron.next(after: time)?.description == next)
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *",
        "1-0 * * * *", "*/0 * * * *", "1,,2 * * * *", "0 0 30 2 *", "1-2-3 * * * *", "+1 * * * *",
    ])
    func `what is no schedule, or never comes, is refused`(text: String) {
        #expect(CronSchedule(text) == nil)
    }
}

@Suite struct CompactionConfigurationTests {
    @Test func `the defaults are those of the contract`() throws {
        let configuration = try CompactionConfiguration(environment: Environment([:]))
        #expect(
            configuration.planner
                == CompactionPlanner(smallFileBytes: 100 << 20, targetFileBytes: 128 << 20, threshold: 10))
        #expect(configuration.schedule.description == "0 */6 * * *" && configuration.isScheduled)
        #expect(configuration.retentionDays == 7)
        #expect(configuration.catalog.table == (try TableIdentifier(NamespaceName(["analytics"]), "events")))
    }

    @Test(arguments: [
        ("COMPACTION_SCHEDULE", "often"), ("COMPACTION_THRESHOLD", "1"), ("TARGET_FILE_SIZE_MB", "0"),
        ("SNAPSHOT_RETENTION_DAYS", "-1"), ("ENABLE_COMPACTION", "maybe"),
    ])
    func `a wrong value is refused by name`(name: String, value: String) {
        #expect { try CompactionConfiguration(environment: Environment([name: value])) } throws: { error in
            "\(error)".contains(name)
        }
    }
}
