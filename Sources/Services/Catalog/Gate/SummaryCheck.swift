import IcebergCatalog
import IcebergSpec
import IcebergTable

/// Whether the counters of a snapshot's summary are what its manifest list says. Engines answer counts from them.
struct SummaryCheck: Sendable {
    let snapshot: Snapshot
    let files: [ManifestFile]
    let parent: Snapshot?
    let parentFiles: [ManifestFile]?

    /// The counters that are wrong, with their right values.
    ///
    /// A total is held to the list only where the parent's was right: writers continue their parent's.
    var wrong: [String: Int64] {
        guard files.allSatisfy(\.isCounted) else { return [:] }
        var wrong: [String: Int64] = [:]
        let truth = Self.totals(of: files)
        let before = parentFiles.flatMap { $0.allSatisfy(\.isCounted) ? Self.totals(of: $0) : nil }
        for (key, value) in truth {
            guard let said = snapshot.summary[key], Int64(said) != value else { continue }
            if let parent, before?[key] == nil || parent.summary[key].flatMap({ Int64($0) }) != before?[key] {
                continue
            }
            wrong[key] = value
        }
        return wrong
    }

    func check() throws(CatalogError) {
        guard let (key, value) = wrong.min(by: { $0.key < $1.key }) else { return }
        throw CatalogError(
            .badRequest,
            "the summary of snapshot \(snapshot.snapshotID) says \(key) \(snapshot.summary[key] ?? ""); its manifest list "
                + "has \(value)")
    }

    static func totals(of files: [ManifestFile]) -> [String: Int64] {
        [
            "total-data-files": ManifestListCheck.live(files, .data),
            "total-delete-files": ManifestListCheck.live(files, .deletes),
            "total-records": files.reduce(0) { total, file in
                guard file.content == .data else { return total }
                return total.addingClamped(file.addedRowsCount ?? 0).addingClamped(file.existingRowsCount ?? 0)
            },
        ]
    }
}
