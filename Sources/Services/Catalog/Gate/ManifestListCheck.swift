import IcebergCatalog
import IcebergSpec
import IcebergTable

/// Whether a new snapshot's manifest list fits its table and its parent: by the lists alone, whatever the manifests hold.
struct ManifestListCheck: Sendable {
    let snapshot: Snapshot
    let files: [ManifestFile]
    /// Nil where there is none, or it cannot be read.
    let parent: [ManifestFile]?
    let result: TableMetadata

    func check() throws(CatalogError) {
        var paths: Set<String> = []
        let carried = Dictionary((parent ?? []).map { ($0.path, $0) }) { first, _ in first }
        for file in files {
            guard paths.insert(file.path).inserted else { throw refusal(file, "is listed twice") }
            guard result.partitionSpec(id: file.partitionSpecID) != nil else {
                throw refusal(
                    file,
                    "is of partition spec \(file.partitionSpecID); the table has \(result.partitionSpecs.map(\.specID))"
                )
            }
            guard result.formatVersion >= 2 else { continue }
            guard file.isCounted else { throw refusal(file, "is listed without the counts of its files and rows") }
            if let known = carried[file.path] { try check(file, carriedFrom: known) } else { try check(new: file) }
        }
        try checkKept(carried)
        if result.formatVersion >= 3 { try RowIDCheck(snapshot: snapshot, files: files).check() }
    }

    private func check(_ file: ManifestFile, carriedFrom known: ManifestFile) throws(CatalogError) {
        guard file.sequenceNumber == known.sequenceNumber, file.addedSnapshotID == known.addedSnapshotID,
            file.partitionSpecID == known.partitionSpecID, file.content == known.content
        else {
            throw refusal(
                file,
                "is carried over from the parent, where it is of sequence number \(known.sequenceNumber), snapshot "
                    + "\(known.addedSnapshotID) and spec \(known.partitionSpecID), not \(file.sequenceNumber), "
                    + "\(file.addedSnapshotID) and \(file.partitionSpecID)")
        }
    }

    private func check(new file: ManifestFile) throws(CatalogError) {
        let isOwn = file.addedSnapshotID == snapshot.snapshotID
        let numbers = snapshot.sequenceNumber
        guard isOwn ? file.sequenceNumber == numbers : file.sequenceNumber <= numbers else {
            throw refusal(file, "has the sequence number \(file.sequenceNumber), its snapshot \(numbers)")
        }
        guard file.minSequenceNumber <= file.sequenceNumber else {
            throw refusal(
                file, "has the lowest sequence number \(file.minSequenceNumber), above its own, \(file.sequenceNumber)")
        }
    }

    /// An append keeps every file of its parent.
    private func checkKept(_ carried: [String: ManifestFile]) throws(CatalogError) {
        guard snapshot.operation == "append", let parent, (files + parent).allSatisfy(\.isCounted) else { return }
        for content in [ManifestFile.Content.data, .deletes] {
            let own = files.filter { $0.content == content && carried[$0.path] == nil }
            let added = own.reduce(Int64(0)) { $0.addingClamped($1.addedFilesCount ?? 0) }
            let (before, after) = (Self.live(parent, content), Self.live(files, content))
            guard after >= before, after - before <= added else {
                throw CatalogError(
                    .badRequest,
                    "snapshot \(snapshot.snapshotID) is an append, but its list has \(after) live \(content) files: its "
                        + "parent has \(before), and \(added) are new")
            }
        }
    }

    static func live(_ files: [ManifestFile], _ content: ManifestFile.Content) -> Int64 {
        files.reduce(0) { total, file in
            guard file.content == content else { return total }
            return total.addingClamped(file.addedFilesCount ?? 0).addingClamped(file.existingFilesCount ?? 0)
        }
    }

    private func refusal(_ file: ManifestFile, _ why: String) -> CatalogError {
        CatalogError(.badRequest, "the manifest \(file.path) of snapshot \(snapshot.snapshotID) \(why)")
    }
}

/// Row ids as a version 3 snapshot gives them (specification: "First Row ID Assignment").
struct RowIDCheck: Sendable {
    let snapshot: Snapshot
    let files: [ManifestFile]

    func check() throws(CatalogError) {
        guard let first = snapshot.firstRowID, let added = snapshot.addedRows else { return }
        let end = first.addingReportingOverflow(added)
        var ranges: [Range<Int64>] = []
        for file in files {
            guard file.content == .data else {
                if file.firstRowID == nil { continue }
                throw refusal("\(file.path) lists deletes, which have no row ids")
            }
            guard let start = file.firstRowID, start >= 0 else {
                throw refusal("\(file.path) has no first-row-id")
            }
            let rows = (file.addedRowsCount ?? 0).addingReportingOverflow(file.existingRowsCount ?? 0)
            let last = start.addingReportingOverflow(rows.partialValue)
            guard !rows.overflow, !last.overflow, rows.partialValue >= 0, !end.overflow,
                last.partialValue <= end.partialValue
            else {
                throw refusal(
                    "\(file.path) has rows from \(start) on, beyond those given to the snapshot, \(first) and \(added) more"
                )
            }
            if start >= first, start < last.partialValue { ranges.append(start..<last.partialValue) }
        }
        ranges.sort { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(ranges, ranges.dropFirst()) where next.lowerBound < one.upperBound {
            throw refusal("row ids from \(next.lowerBound) on are given twice")
        }
    }

    private func refusal(_ why: String) -> CatalogError {
        CatalogError(.badRequest, "the manifest list of snapshot \(snapshot.snapshotID): \(why)")
    }
}
