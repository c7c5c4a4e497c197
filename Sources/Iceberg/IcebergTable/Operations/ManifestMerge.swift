import IcebergSpec

/// Keeps the number of manifests small: once enough have gathered, those below the target size are written together.
struct ManifestMerge {
    let isEnabled: Bool
    let minCount: Int
    let targetBytes: Int64

    /// Reads `commit.manifest-merge.enabled`, `commit.manifest.min-count-to-merge`, `commit.manifest.target-size-bytes`;
    /// what is no number counts as not set.
    init(properties: [String: String]) {
        isEnabled = properties["commit.manifest-merge.enabled"]?.lowercased() != "false"
        minCount = max(2, properties["commit.manifest.min-count-to-merge"].flatMap { Int($0) } ?? 100)
        targetBytes = properties["commit.manifest.target-size-bytes"].flatMap { Int64($0) } ?? 8 << 20
    }

    /// The manifests in groups: a group of one stays as it is, others are merged. `files` holds manifests of one
    /// content and spec, the newest first.
    ///
    /// Groups are filled from the oldest on, so that full ones stay as they are; the newest group, which every commit
    /// would otherwise write anew, waits until it has `minCount` members.
    func groups(_ files: [ManifestFile]) -> [[ManifestFile]] {
        guard isEnabled else { return files.map { [$0] } }
        var groups: [[ManifestFile]] = []
        var bytes: Int64 = 0
        for file in files.reversed() {
            if let last = groups.indices.last, bytes.addingClamped(file.length) <= targetBytes {
                groups[last].append(file)
                bytes.addClamped(file.length)
            } else {
                groups.append([file])
                bytes = file.length
            }
        }
        if let newest = groups.last, newest.count < minCount {
            groups.removeLast()
            groups += newest.map { [$0] }
        }
        return groups.map { $0.reversed() }.reversed()
    }
}

extension CommitBuilder {
    /// The manifests of the snapshot to be made: `added` by it (whose entries are `addedEntries`), then `kept`, merged
    /// where that is due.
    mutating func merge(
        added: [ManifestFile], addedEntries: [ManifestEntry], kept: [ManifestFile]
    ) async throws(TableError) -> [ManifestFile] {
        let merge = ManifestMerge(properties: base.properties)
        let files = added + kept
        var result: [ManifestFile] = []
        let specs = Set(files.map(\.partitionSpecID)).sorted(by: >)
        for content in [ManifestFile.Content.data, .deletes] {
            for spec in specs {
                let alike = files.filter { $0.partitionSpecID == spec && $0.content == content }
                for group in merge.groups(alike) {
                    if group.count == 1 {
                        result += group
                    } else {
                        result.append(try await mergeGroup(group, added: added, addedEntries: addedEntries))
                    }
                }
            }
        }
        return result
    }

    private mutating func mergeGroup(
        _ group: [ManifestFile], added: [ManifestFile], addedEntries: [ManifestEntry]
    ) async throws(TableError) -> ManifestFile {
        let (specID, content) = (group[0].partitionSpecID, group[0].content)
        let own = Set(added.map(\.path))
        let older = group.filter { !own.contains($0.path) }
        let loaded = try await loader.entries(of: older, in: base)
        var entries: [ManifestEntry] = []
        if older.count < group.count {
            entries += addedEntries.filter { $0.file.specID == specID && $0.content == content }
        }
        for var entry in loaded.joined() where entry.isLive {
            entry.status = .existing
            entries.append(entry)
        }
        let file = try writeManifest(entries, specID: specID, content: content)
        drop(paths: own.intersection(group.map(\.path)))
        return file
    }
}
