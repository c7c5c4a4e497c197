import IcebergCatalog
import IcebergSpec

/// Whether the files of the manifests that a snapshot takes out are accounted for in those it brings: nothing is listed
/// twice, nothing is kept or deleted that was not there, and an append or rewrite loses nothing.
struct FileConservation: Sendable {
    let snapshot: Snapshot
    /// Entries of manifests that the parent does not list.
    let new: [ManifestEntry]
    /// Entries of the parent's manifests that the snapshot does not list; nil where they were not read.
    let gone: [ManifestEntry]?

    private struct Key: Hashable {
        let path: String
        /// Deletion vectors share files.
        let offset: Int64?

        init(_ file: DataFile) {
            path = file.path
            offset = file.contentOffset
        }
    }

    func check() throws(CatalogError) {
        var live: Set<Key> = []
        for entry in new where entry.isLive && !live.insert(Key(entry.file)).inserted {
            throw refusal("lists \(entry.file.path) twice")
        }
        guard let gone else { return }
        let before = Dictionary(gone.filter(\.isLive).map { (Key($0.file), $0) }) { first, _ in first }
        var accounted: Set<Key> = []
        for entry in new where entry.status != .added {
            // An older removal may be carried along.
            if entry.status == .deleted, entry.snapshotID != snapshot.snapshotID { continue }
            let key = Key(entry.file)
            guard let known = before[key] else {
                throw refusal("\(entry.status == .deleted ? "deletes" : "keeps") \(entry.file.path), which is not live")
            }
            if entry.status == .existing { try checkNumbers(entry, known) }
            accounted.insert(key)
        }
        guard ["append", "replace"].contains(snapshot.operation ?? "") else { return }
        if let lost = before.first(where: { !accounted.contains($0.key) }) {
            throw refusal("is of operation \(snapshot.operation ?? "") and loses \(lost.value.file.path)")
        }
    }

    private func checkNumbers(_ entry: ManifestEntry, _ known: ManifestEntry) throws(CatalogError) {
        guard entry.dataSequenceNumber == known.dataSequenceNumber else {
            throw refusal(
                "keeps \(entry.file.path) with the sequence number \(entry.dataSequenceNumber ?? 0), which is "
                    + "\(known.dataSequenceNumber ?? 0)")
        }
    }

    private func refusal(_ why: String) -> CatalogError {
        CatalogError(.badRequest, "snapshot \(snapshot.snapshotID) \(why)")
    }
}
