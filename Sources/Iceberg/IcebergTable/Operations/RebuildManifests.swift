import Clocks
import IcebergSpec

/// Lists the files of a table anew, when manifests of its current snapshot are lost or say what is not so.
///
/// The new snapshot has the manifests in `kept`, untouched, and new ones of `entries`. The snapshot before is not read. Its totals
/// are those of `totals`: what the parent's summary states may be part of the damage.
public struct RebuildManifests: TableOperation {
    public var kept: [ManifestFile]
    /// With the numbers they had; those of status `added` get the numbers of the commit.
    public var entries: [ManifestEntry]
    /// `total-data-files` and so on, of all files.
    public var totals: [String: Int64]
    /// Whether the rows are those of the snapshot before.
    public var keepsRows: Bool
    public var summary: [String: String]

    public init(
        kept: [ManifestFile], entries: [ManifestEntry], totals: [String: Int64], keepsRows: Bool,
        summary: [String: String] = [:]
    ) {
        self.kept = kept
        self.entries = entries
        self.totals = totals
        self.keepsRows = keepsRows
        self.summary = summary
    }

    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        var builder = try CommitBuilder(base: base, loader: loader, random: random, now: now)
        let target = ManifestMerge(properties: base.properties).targetBytes
        var groups: [Group: [ManifestEntry]] = [:]
        for entry in entries {
            var entry = entry
            if entry.status == .added { entry.snapshotID = builder.snapshotID }
            groups[Group(content: entry.content, specID: entry.file.specID), default: []].append(entry)
        }
        var written: [ManifestFile] = []
        for (group, entries) in groups.sorted(by: { $0.key < $1.key }) {
            written += try builder.writeManifests(
                entries, specID: group.specID, content: group.content, targetBytes: max(1, target))
        }
        let prepared = try await builder.finish(
            keepsRows ? .replace : .overwrite, manifests: written + kept, changes: SnapshotChanges(), summary: summary,
            properties: [:])
        return prepared.stating(totals)
    }

    private struct Group: Hashable, Comparable {
        let content: ManifestFile.Content
        let specID: Int

        static func < (left: Group, right: Group) -> Bool {
            (left.content.rawValue, left.specID) < (right.content.rawValue, right.specID)
        }
    }
}

extension PreparedCommit {
    fileprivate func stating(_ totals: [String: Int64]) -> PreparedCommit {
        var snapshot = snapshot
        for (key, value) in totals { snapshot.summary[key] = String(value) }
        let updates = updates.map { update in
            if case .addSnapshot = update { TableUpdate.addSnapshot(snapshot) } else { update }
        }
        return PreparedCommit(objects: objects, updates: updates, requirements: requirements, snapshot: snapshot)
    }
}
