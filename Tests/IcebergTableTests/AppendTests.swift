import Clocks
import IcebergSpec
import ObjectStore
import Testing

@testable import IcebergTable

@Suite struct AppendTests {
    @Test func `each append adds a manifest and keeps those before`() async throws {
        var table = try TestTable()
        let first = try await table.append(table.file("a"), table.file("b", type: "click", hour: 3))
        #expect(first.objects.count == 2)
        #expect(
            first.requirements == [
                .tableUUID(UUID(high: 1, low: 2)), .referenceSnapshotID(reference: "main", snapshotID: nil),
            ])
        let names = first.objects.map { String($0.location.key.rawValue.split(separator: "/").last ?? "") }
        #expect(names[0].hasPrefix("\(first.snapshotID)-m0-") && names[0].hasSuffix(".avro"))
        #expect(names[1].hasPrefix("snap-\(first.snapshotID)-1-") && names[1].hasSuffix(".avro"))
        #expect(
            first.snapshot.summary == [
                "operation": "append", "added-data-files": "2", "added-records": "20", "added-files-size": "2000",
                "changed-partition-count": "2", "total-data-files": "2", "total-records": "20",
                "total-files-size": "2000", "total-delete-files": "0", "total-position-deletes": "0",
                "total-equality-deletes": "0",
            ])

        let second = try await table.append(table.file("c"))
        #expect(second.snapshot.parentSnapshotID == first.snapshotID)
        #expect(second.snapshot.sequenceNumber == 2)
        #expect(second.snapshot.summary["total-records"] == "30")
        let manifests = try await table.manifests()
        #expect(manifests.map(\.addedSnapshotID) == [second.snapshotID, first.snapshotID])
        let entries = try await table.liveEntries()
        #expect(entries.map(\.dataSequenceNumber) == [2, 1, 1])
        #expect(entries.map(\.snapshotID) == [second.snapshotID, first.snapshotID, first.snapshotID])
    }

    @Test func `the same input gives the same commit`() async throws {
        func prepare() async throws -> PreparedCommit {
            let table = try TestTable()
            return try await Append(files: [table.file("a")]).prepare(
                base: table.metadata, loader: table.loader, random: SeededRandom(1), now: Timestamp(milliseconds: 1))
        }
        let (first, second) = (try await prepare(), try await prepare())
        #expect(first.objects.map(\.bytes) == second.objects.map(\.bytes))
        #expect(first.objects.map(\.location) == second.objects.map(\.location))
        #expect(first.updates == second.updates)
    }

    @Test func `summary entries and properties of the caller are part of the commit`() async throws {
        var table = try TestTable()
        let append = Append(
            files: [table.file("a")], summary: ["log": "7", "operation": "nonsense"], properties: ["watermark": "12"])
        try await table.commit(
            try await append.prepare(base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        )
        #expect(table.metadata.properties["watermark"] == "12")
        #expect(table.metadata.currentSnapshot?.summary["log"] == "7")
        #expect(table.metadata.currentSnapshot?.operation == "append")
    }

    @Test func `a commit on an older base does not fit the newer one`() async throws {
        var table = try TestTable()
        let stale = try await Append(files: [table.file("a")]).prepare(
            base: table.metadata, loader: table.loader, random: table.random, now: table.now())
        try await table.append(table.file("b"))
        await #expect(throws: RequirementFailure.self) { try await table.commit(stale) }
    }

    @Test(arguments: [2, 3])
    func `small manifests are merged once enough have gathered`(version: Int) async throws {
        var table = try TestTable(
            formatVersion: version, properties: ["commit.manifest.min-count-to-merge": "4"])
        var counts: [Int] = []
        var snapshots: [Int64] = []
        for index in 0..<11 {
            snapshots.append(try await table.append(table.file("f\(index)", hour: Int32(index))).snapshotID)
            counts.append(try await table.manifests().count)
        }
        #expect(counts == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2])
        let entries = try await table.liveEntries().sorted { $0.dataSequenceNumber ?? 0 < $1.dataSequenceNumber ?? 0 }
        #expect(entries.map(\.dataSequenceNumber) == (1...11).map { $0 })
        #expect(entries.map(\.fileSequenceNumber) == (1...11).map { $0 })
        #expect(entries.map(\.snapshotID) == snapshots)
        let statuses = entries.map(\.status)
        #expect(statuses.prefix(9).allSatisfy { $0 == .existing } && statuses[9] == .added)
        if version == 3 {
            let rowIDs = entries.compactMap(\.file.firstRowID)
            #expect(Set(rowIDs).count == 11)
            #expect(table.metadata.nextRowID ?? 0 >= 110)
        }
    }

    @Test func `merging can be switched off`() async throws {
        var table = try TestTable(properties: [
            "commit.manifest.min-count-to-merge": "2", "commit.manifest-merge.enabled": "false",
        ])
        for index in 0..<4 { try await table.append(table.file("f\(index)")) }
        #expect(try await table.manifests().count == 4)
    }

    @Test func `what does not fit the table is refused`() async throws {
        let table = try TestTable()
        func refusal(_ files: [DataFile], _ base: TableMetadata) async -> TableError.Code? {
            do throws(TableError) {
                _ = try await Append(files: files).prepare(base: base, loader: table.loader, random: table.random)
            } catch { return error.code }
            return nil
        }
        var deletes = table.file("a")
        deletes.content = .positionDeletes
        var foreign = table.file("a")
        foreign.specID = 9
        #expect(await refusal([table.file("a"), table.file("a")], table.metadata) == .invalid)
        #expect(await refusal([deletes], table.metadata) == .invalid)
        #expect(await refusal([foreign], table.metadata) == .invalid)
        let escaping = try TestTable(properties: ["write.metadata.path": "s3://events/a/../../other"]).metadata
        #expect(await refusal([table.file("a")], escaping) == .invalid)
        let old = try TestTable(partitioned: false, formatVersion: 1).metadata
        #expect(await refusal([table.file("a")], old) == .unsupported)
    }
}

@Suite struct ManifestMergeTests {
    private func manifest(_ length: Int64) -> ManifestFile {
        ManifestFile(
            path: "m", length: length, partitionSpecID: 0, sequenceNumber: 1, minSequenceNumber: 1, addedSnapshotID: 1)
    }

    @Test(
        arguments: [
            // The newest first: full groups at the old end stay, the newest waits for its count.
            ([1, 1, 1], [1, 1, 1]), ([1, 1, 1, 1], [4]), ([1, 9, 9], [1, 9, 9]), ([1, 1, 4, 4, 9], [1, 9, 9]),
            ([1, 1, 1, 1, 9, 5, 4], [4, 9, 9]), ([20, 1], [20, 1]),
        ] as [([Int64], [Int64])])
    func `groups fill from the oldest on`(lengths: [Int64], expected: [Int64]) {
        let merge = ManifestMerge(properties: [
            "commit.manifest.min-count-to-merge": "4", "commit.manifest.target-size-bytes": "9",
        ])
        let groups = merge.groups(lengths.map(manifest))
        #expect(groups.map { $0.reduce(0) { $0 + $1.length } } == expected)
    }
}
