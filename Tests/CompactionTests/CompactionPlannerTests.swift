import IcebergSpec
import IcebergTable
import Testing

@testable import Compaction

@Suite struct CompactionPlannerTests {
    private let planner = CompactionPlanner(smallFileBytes: 100, targetFileBytes: 128, threshold: 4)

    private func file(
        _ bytes: Int64, partition: Int32 = 0, spec: Int = 0, sequence: Int64 = 1, deleted: Bool = false,
        format: DataFile.Format = .parquet
    ) -> ScanPlan.File {
        let path = "p\(partition)-\(sequence)-\(bytes)-\(spec)"
        var file = DataFile(
            path: path, specID: spec, partition: [.int(partition)], recordCount: 1, fileSizeBytes: bytes)
        file.format = format
        let deletes = deleted ? [DataFile(content: .positionDeletes, path: "d", recordCount: 1, fileSizeBytes: 1)] : []
        return ScanPlan.File(file: file, dataSequenceNumber: sequence, snapshotID: 1, deletes: deletes)
    }

    @Test(
        arguments: [
            // sizes in the order of their commits → sizes of the groups
            ([10, 10, 10], false, []), ([10, 10, 10, 10], false, [[10, 10, 10, 10]]),
            ([10, 10, 10, 10, 100], false, [[10, 10, 10, 10]]), ([10, 10], true, [[10, 10]]), ([10], true, []),
            ([60, 60, 60, 60], false, [[60, 60], [60, 60]]), ([90, 90, 90, 90], false, []),
            ([99, 99, 20, 20], false, [[99, 20]]),
        ] as [([Int64], Bool, [[Int64]])])
    func `small files of a partition are packed to the target`(sizes: [Int64], force: Bool, groups: [[Int64]]) {
        let files = sizes.enumerated().map { file($0.element, sequence: Int64($0.offset)) }
        let plan = planner.plan(files.shuffled(), force: force)
        #expect(plan.groups.map { $0.files.map(\.file.fileSizeBytes) } == groups)
    }

    @Test func `partitions and specs are never mixed`() {
        let files = (0..<8).map { file(10, partition: Int32($0 % 2), spec: $0 / 4, sequence: Int64($0)) }
        #expect(planner.plan(files).groups.isEmpty)
        let plan = planner.plan(files, force: true)
        #expect(plan.groups.count == 4 && plan.partitionsTotal == 4)
        #expect(plan.groups.allSatisfy { group in group.files.allSatisfy { $0.file.specID == group.specID } })
    }

    @Test func `files with deletes and of other formats are left out and reported`() {
        let files =
            (0..<4).map { file(10, sequence: Int64($0)) } + [file(11, deleted: true), file(12, format: .orc)]
        let plan = planner.plan(files)
        #expect(plan.files == 4 && plan.smallFiles == 6)
        #expect(plan.skippedForDeletes == ["p0-1-11-0"] && plan.skippedForFormat == 1)
    }

    @Test func `commits are bounded in groups`() {
        let group = CompactionGroup(specID: 0, partition: [], files: [file(10), file(20)])
        let batches = CompactionPlanner.batches([CompactionGroup](repeating: group, count: 130))
        #expect(batches.map(\.count) == [64, 64, 2])
        let large = CompactionGroup(
            specID: 0, partition: [], files: [file(CompactionLimits.inputBytesPerCommit / 2 + 1)])
        #expect(CompactionPlanner.batches([large, large]).count == 2)
    }
}
