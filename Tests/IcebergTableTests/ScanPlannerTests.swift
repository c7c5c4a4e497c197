import Clocks
import IcebergSpec
import ObjectStore
import Testing

@testable import IcebergTable

@Suite struct ScanPlannerTests {
    /// Ten hours of two types, one commit an hour; then the planner with a cold cache.
    private func table(merge: Bool = false) async throws -> (TestTable, ScanPlanner) {
        var table = try TestTable(properties: merge ? ["commit.manifest.min-count-to-merge": "4"] : [:])
        for hour in 0..<10 as Range<Int32> {
            try await table.append(
                table.file("v\(hour)", hour: hour), table.file("c\(hour)", type: "click", hour: hour))
        }
        return (table, ScanPlanner(loader: ManifestLoader(store: table.store)))
    }

    private func time(_ hour: Double) -> Datum { .timestamptz(Int64(hour * Double(TestTable.hour))) }

    @Test func `without a predicate every file is planned`() async throws {
        let (table, planner) = try await table()
        let plan = try await planner.plan(table.metadata)
        #expect(plan.files.count == 20)
        #expect(plan.snapshot == table.metadata.currentSnapshot)
        #expect(plan.counts.manifestsTotal == 10 && plan.counts.manifestsRead == 10)
        #expect(plan.counts.filesTotal == 20 && plan.counts.records == 200 && plan.counts.bytes == 20_000)
    }

    @Test func `manifests and files outside the partition are not read`() async throws {
        let (table, planner) = try await table()
        let predicate = Predicate.and([
            .equal("type", .string("click")), .atLeast("time", time(3)), .less("time", time(5)),
        ])
        let plan = try await planner.plan(table.metadata, predicate: predicate)
        #expect(plan.files.map(\.file.path).sorted().map { $0.suffix(10) } == ["c3.parquet", "c4.parquet"])
        #expect(plan.counts.manifestsRead == 2)
        #expect(plan.counts.filesTotal == 20)
        #expect(plan.counts.filesPrunedByPartition == 18)
    }

    @Test func `files of the partition are left out by their bounds`() async throws {
        let (table, planner) = try await table()
        // Rows lie in the first half of each hour.
        let late = try await planner.plan(
            table.metadata, predicate: .and([.atLeast("time", time(3.6)), .less("time", time(3.9))]))
        #expect(late.files.isEmpty)
        #expect(late.counts.filesPrunedByBounds == 2)
        let noAmounts = try await planner.plan(table.metadata, predicate: .notNull(column: "amount"))
        #expect(noAmounts.files.isEmpty && noAmounts.counts.filesPrunedByBounds == 20)
        let named = try await planner.plan(table.metadata, predicate: .equal("id", .string("v7-5")))
        #expect(named.files.map { $0.file.path.suffix(10) } == ["v7.parquet"])
    }

    @Test func `a plan from the cache is the same`() async throws {
        let (table, planner) = try await table(merge: true)
        let cold = try await planner.plan(table.metadata)
        let misses = planner.loader.cache.statistics.misses
        let warm = try await planner.plan(table.metadata)
        #expect(cold.files == warm.files)
        #expect(planner.loader.cache.statistics.misses == misses)
        planner.loader.cache.removeAll()
        #expect(planner.loader.cache.statistics.estimatedBytes == 0)
        #expect(try await planner.plan(table.metadata).files == cold.files)
    }

    @Test func `a state of the past is planned by id, by time and by reference`() async throws {
        let (table, planner) = try await table()
        let third = table.metadata.snapshots[2]
        #expect(try await planner.plan(table.metadata, target: .snapshot(third.snapshotID)).files.count == 6)
        let entry = table.metadata.snapshotLog[2]
        #expect(entry.snapshotID == third.snapshotID)
        for (shift, files) in [(0, 6), (-1, 4), (500, 6)] as [(Int64, Int)] {
            let plan = try await planner.plan(
                table.metadata, target: .asOf(milliseconds: entry.timestampMilliseconds + shift))
            #expect(plan.files.count == files)
        }
        #expect(try await planner.plan(table.metadata, target: .reference("main")).files.count == 20)
        for target in [ScanTarget.snapshot(1), .asOf(milliseconds: 5), .reference("none")] {
            await #expect { try await planner.plan(table.metadata, target: target) } throws: { error in
                (error as? TableError)?.code == .invalid
            }
        }
    }

    @Test func `a table without snapshots has no files`() async throws {
        let table = try TestTable()
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        #expect(plan.files.isEmpty && plan.snapshot == nil)
    }

    @Test func `a predicate on an unknown column is refused`() async throws {
        let (table, planner) = try await table()
        await #expect { try await planner.plan(table.metadata, predicate: .isNull(column: "nothing")) } throws: {
            error in
            (error as? TableError)?.code == .invalid
        }
    }

    @Test func `a missing manifest is an error that names it`() async throws {
        let (table, planner) = try await table()
        let manifest = try await table.manifests()[4]
        let location = try table.store.location(of: manifest.path)
        try await table.store.delete(location.bucket, [location.key])
        await #expect { try await planner.plan(table.metadata) } throws: { error in
            (error as? TableError)?.code == .missing && "\(error)".contains(manifest.path)
        }
    }
}

@Suite struct ManifestCacheTests {
    private func manifest(_ path: String) -> ManifestFile {
        ManifestFile(
            path: path, length: 1, partitionSpecID: 0, sequenceNumber: 1, minSequenceNumber: 1, addedSnapshotID: 1)
    }

    @Test func `the least recently used go first, and the limit holds`() {
        let entry = ManifestEntry(
            status: .added, snapshotID: 1, file: DataFile(path: "p", recordCount: 1, fileSizeBytes: 1))
        let cache = ManifestCache(bytesMax: 10_000)
        for index in 0..<100 {
            cache.insert([entry], of: manifest("\(index)"), types: [])
            #expect(cache.statistics.estimatedBytes <= 10_000)
            #expect(cache.entries(of: manifest("0"), types: []) != nil, "in use all the time")
        }
        #expect(cache.entries(of: manifest("50"), types: []) == nil)
        #expect(cache.entries(of: manifest("99"), types: []) != nil)
    }

    @Test func `entries are kept for the numbers they inherit`() {
        let cache = ManifestCache()
        cache.insert([], of: manifest("a"), types: [])
        #expect(cache.entries(of: manifest("a").rebased(to: 2), types: []) == nil)
        #expect(cache.entries(of: manifest("a"), types: [.long]) == nil, "partition values of another type")
    }

    @Test func `what is larger than the cache is not kept`() {
        let cache = ManifestCache(bytesMax: 100)
        cache.insert([], of: manifest("a"), types: [])
        #expect(cache.statistics.count == 0)
    }
}
