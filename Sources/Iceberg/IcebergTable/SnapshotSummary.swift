import IcebergSpec

/// Counts what a commit changes, for the snapshot's summary (specification: "Optional Snapshot Summary Fields").
struct SnapshotChanges {
    private struct Partition: Hashable {
        let specID: Int
        let values: [Datum?]
    }

    private struct Sum {
        var files: Int64 = 0
        var records: Int64 = 0
        var bytes: Int64 = 0

        mutating func add(_ file: DataFile) {
            files += 1
            records += file.recordCount
            bytes += file.fileSizeBytes
        }
    }

    private var added = Sum()
    private var removed = Sum()
    private var partitions: Set<Partition> = []

    mutating func add(_ file: DataFile) {
        added.add(file)
        partitions.insert(Partition(specID: file.specID, values: file.partition))
    }

    mutating func remove(_ file: DataFile) {
        removed.add(file)
        partitions.insert(Partition(specID: file.specID, values: file.partition))
    }

    /// The whole summary. What is counted here wins over the same key in `extra`.
    func summary(
        _ operation: SnapshotOperation, after parent: Snapshot?, extra: [String: String]
    ) -> [String: String] {
        var summary = extra
        summary["operation"] = operation.rawValue
        summary["changed-partition-count"] = String(partitions.count)
        func set(_ key: String, _ value: Int64) { if value != 0 { summary[key] = String(value) } }
        set("added-data-files", added.files)
        set("added-records", added.records)
        set("added-files-size", added.bytes)
        set("deleted-data-files", removed.files)
        set("deleted-records", removed.records)
        set("removed-files-size", removed.bytes)
        for (key, change) in [
            ("total-data-files", added.files - removed.files), ("total-records", added.records - removed.records),
            ("total-files-size", added.bytes - removed.bytes), ("total-delete-files", 0),
            ("total-position-deletes", 0), ("total-equality-deletes", 0),
        ] {
            // A total that the parent does not state is not known: it is left out, never guessed.
            let before = parent.map { $0.summary[key].flatMap { Int64($0) } } ?? 0
            summary[key] = before.map { String(max(0, $0 + change)) }
        }
        return summary
    }
}
