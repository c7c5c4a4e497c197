import IcebergCatalog
import IcebergSpec
import IcebergTable

/// Every file that a table's metadata leads to.
struct TableReferences: Sendable {
    /// Data and delete files, live or not.
    private(set) var data: Set<String> = []
    /// What leads to them, and statistics.
    private(set) var metadata: Set<String> = []

    var all: Set<String> { data.union(metadata) }

    /// Cost: a read of every manifest list and manifest that `loader` has not in its cache.
    ///
    /// - Parameter isComplete: whether a manifest that is missing is an error; otherwise what it names is left out.
    static func load(
        _ file: StoredMetadata, _ loader: ManifestLoader, isComplete: Bool
    ) async throws(CatalogError) -> TableReferences {
        let metadata = file.metadata
        var references = TableReferences()
        references.metadata = Set([file.location] + metadata.metadataLog.map(\.metadataFile))
        references.metadata.formUnion(metadata.statistics.map(\.path))
        references.metadata.formUnion(metadata.partitionStatistics.map(\.path))
        for snapshot in metadata.snapshots {
            if let list = snapshot.manifestList { references.metadata.insert(list) }
            guard
                let manifests = try await tolerant(
                    isComplete,
                    { () async throws(TableError) in
                        try await loader.manifests(of: snapshot)
                    })
            else { continue }
            for manifest in manifests where references.metadata.insert(manifest.path).inserted {
                guard
                    let entries = try await tolerant(
                        isComplete,
                        { () async throws(TableError) in
                            try await loader.entries(of: manifest, in: metadata)
                        })
                else { continue }
                references.data.formUnion(entries.map(\.file.path))
            }
        }
        return references
    }

    private static func tolerant<Value>(
        _ isComplete: Bool, _ read: () async throws(TableError) -> Value
    ) async throws(CatalogError) -> Value? {
        do {
            return try await read()
        } catch {
            guard error.code == .missing, !isComplete else { throw CatalogError(reading: error) }
            return nil
        }
    }
}
