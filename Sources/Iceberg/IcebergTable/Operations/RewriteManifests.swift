import Clocks
import IcebergSpec

/// Writes the manifests of a branch anew, their files in the order of their partitions: a scan with a filter then reads
/// few of them. The table's files stay as they are (operation `replace`).
public struct RewriteManifests: TableOperation {
    /// Only manifests of these specs; nil: all.
    public var specIDs: Set<Int>?
    /// Only manifests smaller than this; nil: all.
    public var bytesBelow: Int64?
    /// Bytes of the new manifests, about; nil: `commit.manifest.target-size-bytes`.
    public var targetBytes: Int64?
    public var branch: String
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]

    public init(
        specIDs: Set<Int>? = nil, bytesBelow: Int64? = nil, targetBytes: Int64? = nil,
        branch: String = SnapshotReference.main, summary: [String: String] = [:]
    ) {
        self.specIDs = specIDs
        self.bytesBelow = bytesBelow
        self.targetBytes = targetBytes
        self.branch = branch
        self.summary = summary
    }

    /// - Throws: `.invalid` when the branch has no snapshot; otherwise as every operation.
    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        guard builder.parent != nil else { throw TableError(.invalid, "\(branch) has no manifests to rewrite") }
        let manifests = try await builder.liveManifests()
        let target = max(1, targetBytes ?? ManifestMerge(properties: base.properties).targetBytes)
        var kept: [ManifestFile] = []
        var groups: [Group: [ManifestFile]] = [:]
        for manifest in manifests {
            if isWanted(manifest) {
                groups[Group(manifest), default: []].append(manifest)
            } else {
                kept.append(manifest)
            }
        }
        var created: [ManifestFile] = []
        var entryCount = 0
        for (group, files) in groups.sorted(by: { $0.key < $1.key }) {
            let entries = try await loader.entries(of: files, in: base).joined().filter(\.isLive)
            entryCount += entries.count
            created += try builder.writeManifests(
                Self.sorted(entries), specID: group.specID, content: group.content, targetBytes: target)
        }
        var summary = summary
        for (key, value) in [
            ("manifests-created", created.count), ("manifests-kept", kept.count),
            ("manifests-replaced", manifests.count - kept.count), ("entries-processed", entryCount),
        ] { summary[key] = String(value) }
        return try await builder.finish(
            .replace, manifests: created + kept, changes: SnapshotChanges(), summary: summary, properties: [:])
    }

    /// What one manifest can hold together. Data before deletes.
    private struct Group: Hashable, Comparable {
        let content: ManifestFile.Content
        let specID: Int

        init(_ manifest: ManifestFile) {
            content = manifest.content
            specID = manifest.partitionSpecID
        }

        static func < (left: Group, right: Group) -> Bool {
            (left.content.rawValue, left.specID) < (right.content.rawValue, right.specID)
        }
    }

    private func isWanted(_ manifest: ManifestFile) -> Bool {
        (specIDs?.contains(manifest.partitionSpecID) ?? true) && manifest.length < bytesBelow ?? .max
    }

    private static func sorted(_ entries: [ManifestEntry]) -> [ManifestEntry] {
        entries.sorted(by: isBefore).map { entry in
            var entry = entry
            entry.status = .existing
            return entry
        }
    }

    /// By partition, nulls first, then by age and path.
    private static func isBefore(_ left: ManifestEntry, _ right: ManifestEntry) -> Bool {
        for (first, second) in zip(left.file.partition, right.file.partition) {
            switch (first, second) {
            case (nil, nil): continue
            case (nil, _): return true
            case (_, nil): return false
            case (let first?, let second?):
                switch first.order(to: second) {
                case .less: return true
                case .greater: return false
                case .equal, nil: continue
                }
            }
        }
        let (age, otherAge) = (left.dataSequenceNumber ?? 0, right.dataSequenceNumber ?? 0)
        return age != otherAge ? age < otherAge : left.file.path < right.file.path
    }
}
