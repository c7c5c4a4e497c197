import IcebergSpec

/// Counts what a commit changes, for the snapshot's summary (specification: "Optional Snapshot Summary Fields").
struct SnapshotChanges {
    /// What was added, or removed, of one kind of file or in one partition.
    private struct Sum {
        var dataFiles: Int64 = 0
        var records: Int64 = 0
        var positionDeleteFiles: Int64 = 0
        var vectors: Int64 = 0
        var equalityDeleteFiles: Int64 = 0
        var positionDeletes: Int64 = 0
        var equalityDeletes: Int64 = 0
        var bytes: Int64 = 0

        var deleteFiles: Int64 { positionDeleteFiles + vectors + equalityDeleteFiles }

        mutating func add(_ file: DataFile) {
            // Many vectors share a file: each counts for its own bytes.
            bytes.addClamped(file.contentSizeBytes ?? file.fileSizeBytes)
            switch file.content {
            case .data:
                dataFiles += 1
                records.addClamped(file.recordCount)
            case .positionDeletes:
                if file.isDeletionVector { vectors += 1 } else { positionDeleteFiles += 1 }
                positionDeletes.addClamped(file.recordCount)
            case .equalityDeletes:
                equalityDeleteFiles += 1
                equalityDeletes.addClamped(file.recordCount)
            }
        }
    }

    private struct Change {
        var added = Sum()
        var removed = Sum()
    }

    private var whole = Change()
    private var partitions: [PartitionKey: Change] = [:]

    mutating func add(_ file: DataFile) {
        whole.added.add(file)
        partitions[PartitionKey(file), default: Change()].added.add(file)
    }

    mutating func remove(_ file: DataFile) {
        whole.removed.add(file)
        partitions[PartitionKey(file), default: Change()].removed.add(file)
    }

    /// The whole summary. What is counted here wins over the same key in `extra`.
    ///
    /// Partitions are listed one by one when they are no more than the property `write.summary.partition-limit`.
    func summary(
        _ operation: SnapshotOperation, after parent: Snapshot?, base: TableMetadata, extra: [String: String]
    ) -> [String: String] {
        var summary = extra
        summary["operation"] = operation.rawValue
        summary["changed-partition-count"] = String(partitions.count)
        for (key, value) in Self.counts(whole) { summary[key] = String(value) }
        let limit = base.properties["write.summary.partition-limit"].flatMap { Int($0) } ?? 0
        if !partitions.isEmpty, partitions.count <= limit {
            summary["partition-summaries-included"] = "true"
            for (key, change) in partitions {
                guard let spec = base.partitionSpec(id: key.specID) else { continue }
                let text = Self.counts(change).map { "\($0)=\($1)" }.joined(separator: ",")
                summary["partitions.\(spec.path(of: key.values))"] = text
            }
        }
        for (key, change) in totals {
            // A total that the parent does not state, or states wrongly, is not known: it is left out, never guessed.
            let before = parent.map { $0.summary[key].flatMap { Int64($0) } } ?? 0
            let total = before.flatMap { before -> Int64? in
                let (sum, overflow) = before.addingReportingOverflow(change)
                return overflow || sum < 0 ? nil : sum
            }
            summary[key] = total.map { String($0) }
        }
        return summary
    }

    private var totals: [(String, Int64)] {
        let (added, removed) = (whole.added, whole.removed)
        return [
            ("total-data-files", added.dataFiles - removed.dataFiles),
            ("total-records", added.records.subtractingClamped(removed.records)),
            ("total-files-size", added.bytes.subtractingClamped(removed.bytes)),
            ("total-delete-files", added.deleteFiles - removed.deleteFiles),
            ("total-position-deletes", added.positionDeletes.subtractingClamped(removed.positionDeletes)),
            ("total-equality-deletes", added.equalityDeletes.subtractingClamped(removed.equalityDeletes)),
        ]
    }

    /// Those that are not 0.
    private static func counts(_ change: Change) -> [(String, Int64)] {
        let (added, removed) = (change.added, change.removed)
        return [
            ("added-data-files", added.dataFiles), ("deleted-data-files", removed.dataFiles),
            ("added-records", added.records), ("deleted-records", removed.records),
            ("added-files-size", added.bytes), ("removed-files-size", removed.bytes),
            ("added-delete-files", added.deleteFiles), ("removed-delete-files", removed.deleteFiles),
            ("added-position-delete-files", added.positionDeleteFiles),
            ("removed-position-delete-files", removed.positionDeleteFiles),
            ("added-dvs", added.vectors), ("removed-dvs", removed.vectors),
            ("added-equality-delete-files", added.equalityDeleteFiles),
            ("removed-equality-delete-files", removed.equalityDeleteFiles),
            ("added-position-deletes", added.positionDeletes), ("removed-position-deletes", removed.positionDeletes),
            ("added-equality-deletes", added.equalityDeletes), ("removed-equality-deletes", removed.equalityDeletes),
        ].filter { $0.1 != 0 }
    }
}
