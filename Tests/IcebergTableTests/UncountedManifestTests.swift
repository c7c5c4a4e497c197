import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

/// Manifests of version 1, whose lists need not count anything.
@Suite struct UncountedManifestTests {
    /// A table with two files, and a list that does not say so, as after an upgrade.
    private func upgraded(to version: Int) async throws -> TestTable {
        var table = try TestTable()
        try await table.append(table.file("a", rows: 10))
        try await table.append(table.file("b", rows: 20))
        if version > 2 { try table.change(try TableChange.formatVersion(version, on: table.metadata)) }
        let list = try #require(table.metadata.currentSnapshot?.manifestList)
        let files = try await table.manifests().map { file in
            var file = file
            (file.addedFilesCount, file.existingFilesCount, file.deletedFilesCount) = (nil, nil, nil)
            (file.addedRowsCount, file.existingRowsCount, file.deletedRowsCount) = (nil, nil, nil)
            return file
        }
        table.loader.cache.insert(list: files, path: list)
        return table
    }

    @Test(arguments: [2, 3])
    func `their files stay through the commits that follow`(version: Int) async throws {
        var table = try await upgraded(to: version)
        try await table.append(table.file("c"))
        #expect(try await table.livePaths() == ["a.parquet", "b.parquet", "c.parquet"])
        #expect(try await table.manifests().allSatisfy(\.isCounted))
        try await table.commit(DeleteFiles(paths: [table.file("c").path]))
        #expect(try await table.livePaths() == ["a.parquet", "b.parquet"])
    }

    @Test func `their rows get ids of their own`() async throws {
        var table = try await upgraded(to: 3)
        try await table.append(table.file("c", rows: 5))
        let entries = try await table.liveEntries()
        let ranges = try entries.map { entry in
            let first = try #require(entry.file.firstRowID)
            return first..<(first + entry.file.recordCount)
        }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
        #expect(ranges.reduce(0) { $0 + $1.count } == 35)
        #expect(try #require(table.metadata.nextRowID) >= 35)
    }
}
