import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

/// Numbers that no table has, and that any manifest can state: they must not stop the process.
@Suite struct AbsurdNumberTests {
    private func huge(_ table: TestTable, _ name: String) -> DataFile {
        var file = table.file(name)
        file.recordCount = .max
        file.fileSizeBytes = .max
        return file
    }

    @Test func `files of absurd size are planned, divided and removed`() async throws {
        var table = try TestTable()
        let files = [huge(table, "a"), huge(table, "b"), huge(table, "c")]
        try await table.append(files[0], files[1])
        try await table.append(files[2])
        var delete = table.equalityDeletes("e")
        delete.fileSizeBytes = .max
        delete.recordCount = .max
        try await table.commit(RowDelta(addedDeletes: [delete], checks: .none))
        let plan = try await ScanPlanner(loader: table.loader).plan(table.metadata)
        #expect(plan.counts.records == .max && plan.counts.bytes == .max && plan.exactRowCount == nil)
        #expect(plan.tasks().count == 3)
        #expect(plan.tasks(SplitSettings(targetBytes: .max)).flatMap(\.pieces).count == 3)
        let appends = try await ScanPlanner(loader: table.loader).planAppends(table.metadata, after: nil)
        #expect(appends.counts.records == .max && appends.tasks().map(\.bytes) == [.max, .max, .max])
        try await table.commit(DeleteFiles(files: files))
        #expect(try await table.livePaths() == [])
    }

    @Test func `manifests of absurd length are merged no further`() {
        func manifest(_ length: Int64) -> ManifestFile {
            ManifestFile(
                path: "m\(length)", length: length, partitionSpecID: 0, sequenceNumber: 1, minSequenceNumber: 1,
                addedSnapshotID: 1)
        }
        let merge = ManifestMerge(properties: ["commit.manifest.min-count-to-merge": "2"])
        let files = [manifest(1), manifest(.max), manifest(.max - 1)]
        #expect(merge.groups(files).map(\.count) == [1, 1, 1])
    }

    @Test func `after the last sequence number nothing is committed`() async throws {
        let table = try TestTable()
        let text = try #require(
            String(validating: try TableMetadataFile.encode(table.metadata), as: UTF8.self)
        )
        let number = "\"last-sequence-number\":"
        let start = try #require(text.firstRange(of: number))
        let end = try #require(text[start.upperBound...].firstIndex { $0 == "," || $0 == "\n" || $0 == "}" })
        let changed = text[..<start.upperBound] + String(Int64.max) + text[end...]
        let base = try TableMetadataFile.decode(Array(changed.utf8))
        #expect(base.lastSequenceNumber == .max)
        let error = await #expect(throws: TableError.self) {
            try await Append(files: [table.file("a")]).prepare(
                base: base, loader: table.loader, random: table.random, now: Timestamp(milliseconds: table.tick))
        }
        #expect(error?.code == .malformed)
    }

    @Test(arguments: [Int64.min / 1000, Int64.max / 1000])
    func `references to snapshots of absurd age expire or stay`(time: Int64) async throws {
        var table = try TestTable(properties: ["history.expire.max-ref-age-ms": "1000000000000"])
        try await table.append(table.file("a"))
        try table.change(try TableChange.createTag("t", on: table.metadata))
        let snapshot = try #require(table.metadata.currentSnapshot)
        let text = try #require(String(validating: try TableMetadataFile.encode(table.metadata), as: UTF8.self))
        let key = "\"timestamp-ms\":"
        let start = try #require(text.firstRange(of: key))
        let end = try #require(text[start.upperBound...].firstIndex { $0 == "," || $0 == "\n" || $0 == "}" })
        let changed = text[..<start.upperBound] + String(time) + text[end...]
        let base = try TableMetadataFile.decode(Array(changed.utf8))
        guard base.snapshot(id: snapshot.snapshotID)?.timestampMilliseconds == time else {
            Issue.record("the first time of the file is not the snapshot's")
            return
        }
        let expired = try ExpireSnapshots().prepare(base: base, now: table.now())
        #expect(expired.snapshots.isEmpty, "main points to it")
        #expect(expired.references == (time < 0 ? ["t"] : []))
    }
}
