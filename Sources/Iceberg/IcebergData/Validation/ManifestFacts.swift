import IcebergSpec

/// What the entries of one manifest add up to.
struct ManifestFacts: Sendable {
    /// One for each live file: 8 bytes apiece are kept for a table of any size.
    private(set) var keys: [Int] = []
    private(set) var dataFiles: Int64 = 0
    private(set) var records: Int64 = 0
    private(set) var bytes: Int64 = 0
    private(set) var deleteFiles: Int64 = 0
    private(set) var positionDeletes: Int64 = 0
    private(set) var equalityDeletes: Int64 = 0
    private var files: [ManifestEntry.Status: Int64] = [:]
    private var rows: [ManifestEntry.Status: Int64] = [:]
    private var leastSequenceNumber: Int64?
    private var isMixed = false
    private var hasYounger = false

    init(_ entries: [ManifestEntry], of manifest: ManifestFile) {
        for entry in entries {
            let file = entry.file
            files[entry.status, default: 0] += 1
            rows[entry.status] = Self.sum(rows[entry.status, default: 0], file.recordCount)
            isMixed = isMixed || (file.content == .data) != (manifest.content == .data)
            guard entry.isLive else { continue }
            keys.append(Self.key(of: file))
            bytes = Self.sum(bytes, file.contentSizeBytes ?? file.fileSizeBytes)
            switch file.content {
            case .data:
                dataFiles += 1
                records = Self.sum(records, file.recordCount)
            case .positionDeletes:
                deleteFiles += 1
                positionDeletes = Self.sum(positionDeletes, file.recordCount)
            case .equalityDeletes:
                deleteFiles += 1
                equalityDeletes = Self.sum(equalityDeletes, file.recordCount)
            }
            if let number = entry.dataSequenceNumber {
                leastSequenceNumber = min(leastSequenceNumber ?? number, number)
                hasYounger = hasYounger || number > manifest.sequenceNumber
            }
        }
    }

    /// Several deletion vectors may lie in one file.
    static func key(of file: DataFile) -> Int {
        var hasher = Hasher()
        hasher.combine(file.path)
        hasher.combine(file.contentOffset)
        return hasher.finalize()
    }

    /// Where the manifest list and the manifest disagree.
    func contradictions(of manifest: ManifestFile) -> [(TableFinding.Code, String)] {
        var found: [(TableFinding.Code, String)] = []
        let stated: [(String, Int64?, Int64)] = [
            ("added files", manifest.addedFilesCount, files[.added, default: 0]),
            ("existing files", manifest.existingFilesCount, files[.existing, default: 0]),
            ("deleted files", manifest.deletedFilesCount, files[.deleted, default: 0]),
            ("added rows", manifest.addedRowsCount, rows[.added, default: 0]),
            ("existing rows", manifest.existingRowsCount, rows[.existing, default: 0]),
            ("deleted rows", manifest.deletedRowsCount, rows[.deleted, default: 0]),
        ]
        let wrong = stated.compactMap { name, stated, actual in
            stated.flatMap { $0 == actual ? nil : "\($0) \(name), of which the manifest has \(actual)" }
        }
        if !wrong.isEmpty {
            found.append((.manifestCounts, "the manifest list states \(wrong.joined(separator: "; "))"))
        }
        if isMixed {
            found.append((.manifestDamaged, "it lists data files and delete files together"))
        }
        if hasYounger {
            found.append((.manifestSequence, "it lists files younger than its commit, \(manifest.sequenceNumber)"))
        } else if let least = leastSequenceNumber, manifest.minSequenceNumber > least {
            found.append(
                (
                    .manifestSequence,
                    "the list states \(manifest.minSequenceNumber) as lowest sequence number; it is \(least)"
                ))
        }
        return found
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}

/// What the manifests of one snapshot add up to, against what its summary says.
struct SnapshotTotals {
    private(set) var values: [String: Int64] = [
        "total-data-files": 0, "total-records": 0, "total-files-size": 0, "total-delete-files": 0,
        "total-position-deletes": 0, "total-equality-deletes": 0,
    ]

    mutating func add(_ facts: ManifestFacts) {
        let parts = [
            ("total-data-files", facts.dataFiles), ("total-records", facts.records),
            ("total-files-size", facts.bytes), ("total-delete-files", facts.deleteFiles),
            ("total-position-deletes", facts.positionDeletes), ("total-equality-deletes", facts.equalityDeletes),
        ]
        for (key, value) in parts {
            let (sum, overflow) = values[key, default: 0].addingReportingOverflow(value)
            values[key] = overflow ? .max : sum
        }
    }

    func value(_ key: String) -> Int64 { values[key] ?? 0 }

    /// What the summary states otherwise. Totals that it leaves out are not missed.
    func contradictions(of summary: [String: String]) -> String? {
        let wrong = values.sorted { $0.key < $1.key }.compactMap { key, value in
            summary[key].flatMap {
                $0 == String(value) ? nil : "\(key) is \($0) in the summary, \(value) in the manifests"
            }
        }
        return wrong.isEmpty ? nil : wrong.joined(separator: "; ")
    }
}
