import IcebergCatalog
import IcebergSpec
import IcebergTable

/// Whether a manifest that a snapshot adds holds what its list says, and nothing that would mislead readers.
struct ManifestCheck: Sendable {
    let file: ManifestFile
    let entries: [ManifestEntry]
    let byteCount: Int
    let snapshot: Snapshot
    let formatVersion: Int
    let warehouse: Warehouse

    func check() throws(CatalogError) {
        // Readers that do not ask the store look for its end there.
        guard file.length == byteCount else {
            throw refusal("has \(byteCount) bytes, the list says \(file.length)")
        }
        if file.isCounted { try checkCounts() }
        var lowest = Int64.max
        for entry in entries {
            try check(entry)
            if entry.isLive { lowest = min(lowest, entry.dataSequenceNumber ?? 0) }
        }
        // Deletes are matched with manifests by it: one that is too high hides deletes, and brings back rows.
        guard formatVersion == 1 || file.minSequenceNumber <= lowest else {
            throw refusal("its lowest sequence number is \(lowest), the list says \(file.minSequenceNumber)")
        }
    }

    private func check(_ entry: ManifestEntry) throws(CatalogError) {
        let data = entry.file
        guard (data.content == .data) == (file.content == .data) else {
            throw refusal("\(data.path) is of content \(data.content), the manifest of \(file.content)")
        }
        if entry.status != .deleted { _ = try warehouse.resolve(data.path) }
        guard data.recordCount >= 0, data.fileSizeBytes >= 0 else {
            throw refusal("\(data.path) has \(data.recordCount) records and \(data.fileSizeBytes) bytes")
        }
        let newest = snapshot.sequenceNumber
        guard
            formatVersion == 1 || (entry.dataSequenceNumber ?? 0) <= newest && (entry.fileSequenceNumber ?? 0) <= newest
        else {
            throw refusal("\(data.path) has a sequence number above that of the snapshot, \(newest)")
        }
        guard entry.status == .added else { return }
        guard entry.snapshotID == file.addedSnapshotID else {
            throw refusal("\(data.path) is added by snapshot \(entry.snapshotID ?? -1), not by \(file.addedSnapshotID)")
        }
        if formatVersion >= 3, data.content == .positionDeletes { try checkVector(data) }
    }

    /// Version 3 has deletion vectors in the place of position delete files.
    private func checkVector(_ file: DataFile) throws(CatalogError) {
        guard file.format == .puffin else {
            throw refusal("\(file.path) is a position delete file; tables of version 3 take deletion vectors only")
        }
        guard file.referencedDataFile != nil, let offset = file.contentOffset, let size = file.contentSizeBytes,
            offset >= 0, size >= 0, offset <= file.fileSizeBytes, size <= file.fileSizeBytes - offset
        else { throw refusal("the deletion vector in \(file.path) has no data file, or no place within the file") }
    }

    private func checkCounts() throws(CatalogError) {
        let said: [ManifestEntry.Status: (Int64?, Int64?)] = [
            .added: (file.addedFilesCount, file.addedRowsCount),
            .existing: (file.existingFilesCount, file.existingRowsCount),
            .deleted: (file.deletedFilesCount, file.deletedRowsCount),
        ]
        let counted = Self.counts(entries)
        for (status, (files, rows)) in said {
            let (found, records) = counted[status] ?? (0, 0)
            guard files == found, rows == records else {
                throw refusal(
                    "has \(found) \(status) files of \(records) rows; the list says \(files ?? 0) of \(rows ?? 0)")
            }
        }
    }

    static func counts(_ entries: [ManifestEntry]) -> [ManifestEntry.Status: (files: Int64, rows: Int64)] {
        var counts: [ManifestEntry.Status: (files: Int64, rows: Int64)] = [:]
        for entry in entries {
            counts[entry.status, default: (0, 0)].files += 1
            counts[entry.status, default: (0, 0)].rows.addClamped(entry.file.recordCount)
        }
        return counts
    }

    private func refusal(_ why: String) -> CatalogError {
        CatalogError(.badRequest, "the manifest \(file.path) of snapshot \(snapshot.snapshotID): \(why)")
    }
}
