import IcebergSpec
import IcebergTable

/// Files of one partition that are to become one file, or a few.
package struct CompactionGroup: Hashable, Sendable {
    package let specID: Int
    package let partition: [Datum?]
    package let files: [ScanPlan.File]

    package var inputBytes: Int64 { files.reduce(0) { $0 + $1.file.fileSizeBytes } }
    package var records: Int64 { files.reduce(0) { $0 + $1.file.recordCount } }
}

/// Which files of a table are worth rewriting, and why the others are not.
package struct CompactionPlan: Sendable {
    package let groups: [CompactionGroup]
    package let partitionsTotal: Int
    package let filesTotal: Int
    package let smallFiles: Int
    /// Small files with row-level deletes: rewriting them without applying the deletes would bring rows back.
    package let skippedForDeletes: [String]
    /// Small files of a format that is not rewritten.
    package let skippedForFormat: Int

    package var files: Int { groups.reduce(0) { $0 + $1.files.count } }
    package var inputBytes: Int64 { groups.reduce(0) { $0 + $1.inputBytes } }
}

/// Chooses what to compact. Pure: the same files give the same plan.
package struct CompactionPlanner: Hashable, Sendable {
    /// A file below this many bytes is small.
    package var smallFileBytes: Int64
    /// What an output file should come to.
    package var targetFileBytes: Int64
    /// Small files in a partition from which on it is compacted.
    package var threshold: Int

    package init(smallFileBytes: Int64, targetFileBytes: Int64, threshold: Int) {
        self.smallFileBytes = smallFileBytes
        self.targetFileBytes = targetFileBytes
        self.threshold = threshold
    }

    private struct Partition: Hashable {
        let specID: Int
        let values: [Datum?]
    }

    /// - Parameter force: compacts every partition with at least two small files.
    package func plan(_ files: [ScanPlan.File], force: Bool = false) -> CompactionPlan {
        var partitions: [Partition: [ScanPlan.File]] = [:]
        var all: Set<Partition> = []
        var smallFiles = 0
        var withDeletes: [String] = []
        var otherFormat = 0
        for file in files {
            let partition = Partition(specID: file.file.specID, values: file.file.partition)
            all.insert(partition)
            guard file.file.fileSizeBytes < smallFileBytes else { continue }
            smallFiles += 1
            if !file.deletes.isEmpty {
                withDeletes.append(file.file.path)
            } else if file.file.format != .parquet || file.file.keyMetadata != nil {
                otherFormat += 1
            } else {
                partitions[partition, default: []].append(file)
            }
        }
        let needed = force ? 2 : max(2, threshold)
        var groups: [CompactionGroup] = []
        for (partition, files) in partitions where files.count >= needed {
            for bin in pack(files.sorted(by: Self.isOlder)) where bin.count > 1 {
                groups.append(CompactionGroup(specID: partition.specID, partition: partition.values, files: bin))
            }
        }
        // Most files first: that is where a reader gains most, should the run be cut short.
        groups.sort { ($1.files.count, $0.files[0].file.path) < ($0.files.count, $1.files[0].file.path) }
        return CompactionPlan(
            groups: groups, partitionsTotal: all.count, filesTotal: files.count, smallFiles: smallFiles,
            skippedForDeletes: withDeletes.sorted(), skippedForFormat: otherFormat)
    }

    /// In the order of the commits that added them, which for events is nearly that of time.
    private static func isOlder(_ left: ScanPlan.File, _ right: ScanPlan.File) -> Bool {
        (left.dataSequenceNumber, left.file.path) < (right.dataSequenceNumber, right.file.path)
    }

    /// Runs of neighbours that come to the target together.
    private func pack(_ files: [ScanPlan.File]) -> [[ScanPlan.File]] {
        var bins: [[ScanPlan.File]] = []
        var bytes: Int64 = 0
        for file in files {
            if let last = bins.indices.last, bytes + file.file.fileSizeBytes <= targetFileBytes,
                bins[last].count < CompactionLimits.filesPerGroup
            {
                bins[last].append(file)
                bytes += file.file.fileSizeBytes
            } else {
                bins.append([file])
                bytes = file.file.fileSizeBytes
            }
        }
        return bins
    }

    /// The groups in batches, each of which becomes one commit.
    package static func batches(_ groups: [CompactionGroup]) -> [[CompactionGroup]] {
        var batches: [[CompactionGroup]] = []
        var bytes: Int64 = 0
        for group in groups {
            if let last = batches.indices.last, batches[last].count < CompactionLimits.groupsPerCommit,
                bytes + group.inputBytes <= CompactionLimits.inputBytesPerCommit
            {
                batches[last].append(group)
                bytes += group.inputBytes
            } else {
                batches.append([group])
                bytes = group.inputBytes
            }
        }
        return batches
    }
}
