import IcebergSpec
import IcebergTable
import JSONFormat

/// The files that one snapshot has and the other has not.
///
/// Manifests that both list are not read: the cost is that of what changed.
struct SnapshotDiff {
    typealias State = (table: InspectedTable, snapshot: Snapshot)

    /// Nil for a table that has no snapshot yet.
    let from: State?
    let to: State?

    private struct FileName: Hashable {
        let path: String
        /// Several deletion vectors lie in one Puffin file.
        let offset: Int64?
    }

    func describe(into report: inout JSONObject) async throws {
        let old = try await manifests(of: from)
        let new = try await manifests(of: to)
        let (oldPaths, newPaths) = (Set(old.map(\.path)), Set(new.map(\.path)))
        let before = try await files(old.filter { !newPaths.contains($0.path) }, of: from)
        let after = try await files(new.filter { !oldPaths.contains($0.path) }, of: to)
        let added = after.filter { before[$0.key] == nil }.map(\.value)
        let removed = before.filter { after[$0.key] == nil }.map(\.value)
        report["manifests"] = [
            "added": JSONValue(newPaths.subtracting(oldPaths).count),
            "removed": JSONValue(oldPaths.subtracting(newPaths).count),
            "kept": JSONValue(oldPaths.intersection(newPaths).count),
        ]
        report["changes"] = .array(Self.totals(added: added, removed: removed))
        report["added files"] = Self.rows(added, to)
        report["removed files"] = Self.rows(removed, from)
    }

    private func manifests(of state: State?) async throws -> [ManifestFile] {
        guard let state else { return [] }
        return try await ManifestLoader(store: state.table.store).manifests(of: state.snapshot)
    }

    private func files(_ manifests: [ManifestFile], of state: State?) async throws -> [FileName: ManifestEntry] {
        guard let state else { return [:] }
        let loader = ManifestLoader(store: state.table.store)
        var files: [FileName: ManifestEntry] = [:]
        for entries in try await loader.entries(of: manifests, in: state.table.metadata) {
            for entry in entries where entry.isLive {
                files[FileName(path: entry.file.path, offset: entry.file.contentOffset)] = entry
            }
        }
        return files
    }

    // MARK: - Describing

    private static func totals(added: [ManifestEntry], removed: [ManifestEntry]) -> [JSONValue] {
        let kinds: [DataFile.Content] = [.data, .positionDeletes, .equalityDeletes]
        return kinds.compactMap { kind in
            let (new, old) = (added.filter { $0.file.content == kind }, removed.filter { $0.file.content == kind })
            guard !new.isEmpty || !old.isEmpty else { return nil }
            return [
                "content": .string(kind.name),
                "files added": JSONValue(new.count), "files removed": JSONValue(old.count),
                "records added": sum(new) { $0.recordCount }, "records removed": sum(old) { $0.recordCount },
                "bytes added": sum(new) { $0.fileSizeBytes }, "bytes removed": sum(old) { $0.fileSizeBytes },
            ]
        }
    }

    private static func sum(_ entries: [ManifestEntry], _ value: (DataFile) -> Int64) -> JSONValue {
        JSONValue(entries.reduce(0 as Int64) { $0 &+ value($1.file) })
    }

    private static func rows(_ entries: [ManifestEntry], _ state: State?) -> JSONValue {
        .array(
            entries.sorted { ($0.file.path, $0.file.contentOffset ?? 0) < ($1.file.path, $1.file.contentOffset ?? 0) }
                .map { row($0, state) })
    }

    private static func row(_ entry: ManifestEntry, _ state: State?) -> JSONValue {
        let file = entry.file
        let spec = state?.table.metadata.partitionSpec(id: file.specID)
        var row = JSONObject([
            .init(key: "content", value: .string(file.content.name)),
            .init(key: "format", value: .string(file.format.rawValue.lowercased())),
            .init(key: "records", value: JSONValue(file.recordCount)),
            .init(key: "bytes", value: JSONValue(file.fileSizeBytes)),
            .init(key: "sequence-number", value: JSONValue(entry.dataSequenceNumber)),
            .init(key: "partition", value: JSONValue(spec?.path(of: file.partition))),
            .init(key: "path", value: .string(file.path)),
        ])
        if let reference = file.referencedDataFile { row["referenced-data-file"] = .string(reference) }
        return .object(row)
    }
}

extension DataFile.Content {
    var name: String {
        switch self {
        case .data: "data"
        case .positionDeletes: "position deletes"
        case .equalityDeletes: "equality deletes"
        }
    }
}
