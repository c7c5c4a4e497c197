import IcebergSpec
import IcebergTable

/// The files that some snapshots of a table need.
struct FileReferences: Sendable {
    var manifestLists: Set<String> = []
    var manifests: Set<String> = []
    /// Data and delete files.
    var files: Set<String> = []

    /// Reads the manifest lists of `snapshots` and every manifest that `skipping` does not name, once each.
    static func load(
        _ snapshots: [Snapshot], in metadata: TableMetadata, loader: ManifestLoader, skipping known: Set<String> = []
    ) async throws(CompactionError) -> FileReferences {
        var references = FileReferences()
        var manifests: [String: ManifestFile] = [:]
        do throws(TableError) {
            for snapshot in snapshots {
                if let list = snapshot.manifestList { references.manifestLists.insert(list) }
                for file in try await loader.manifests(of: snapshot) { manifests[file.path] = file }
            }
            references.manifests = Set(manifests.keys)
            let unread = manifests.values.filter { !known.contains($0.path) }.sorted { $0.path < $1.path }
            for slice in unread.slices(of: TableLimits.concurrentFetchesMax) {
                for entry in try await loader.entries(of: Array(slice), in: metadata).joined() where entry.isLive {
                    references.files.insert(entry.file.path)
                }
            }
        } catch {
            throw CompactionError(error)
        }
        return references
    }
}
