import Clocks
import IcebergSpec

/// Removes snapshots and references that have outlived their retention (specification: "Snapshot Retention Policy"); what the
/// table's `SnapshotThinning` keeps of main gets a tag first.
public struct ExpireSnapshots: Hashable, Sendable {
    /// Snapshots younger than this stay, where their branch does not say otherwise. Nil: by the property
    /// `history.expire.max-snapshot-age-ms`, 5 days if not set.
    public var olderThan: Timestamp?
    /// Snapshots of each branch to keep whatever their age, where the branch does not say otherwise. Nil: by the property
    /// `history.expire.min-snapshots-to-keep`, 1 if not set.
    public var retainLast: Int?
    /// Snapshots to remove whatever the retention.
    public var snapshotIDs: Set<Int64>

    public init(olderThan: Timestamp? = nil, retainLast: Int? = nil, snapshotIDs: Set<Int64> = []) {
        self.olderThan = olderThan
        self.retainLast = retainLast
        self.snapshotIDs = snapshotIDs
    }

    /// What goes: empty when nothing is due.
    public struct Expired: Hashable, Sendable {
        /// The oldest first.
        public let snapshots: [Snapshot]
        /// Names of branches and tags.
        public let references: [String]
        /// What thinning keeps of what leaves main, by name.
        public let tags: [String: SnapshotReference]
        public let change: TableChange
    }

    /// Works out what goes, at the time `now`. The commit is refused when a reference has moved meanwhile.
    ///
    /// - Throws: `.invalid` when a snapshot that is named is the one a reference points to, or does not exist, and when the
    ///   table's thinning is not in its form.
    public func prepare(base: TableMetadata, now: Timestamp) throws(TableError) -> Expired {
        let settings = Settings(self, base.properties, now: now)
        var references = base.references
        var removed: [String] = []
        for (name, reference) in base.references.sorted(by: { $0.key < $1.key }) where name != SnapshotReference.main {
            let age = base.snapshot(id: reference.snapshotID).map {
                now.milliseconds.subtractingClamped($0.timestampMilliseconds)
            }
            guard let age, age <= reference.maxReferenceAgeMilliseconds ?? settings.maxReferenceAge else {
                removed.append(name)
                references[name] = nil
                continue
            }
        }
        for id in snapshotIDs {
            try TableChange.requireSnapshot(id, base)
            if let name = references.first(where: { $0.value.snapshotID == id })?.key {
                throw TableError(.invalid, "the snapshot \(id) cannot expire: \(name) points to it")
            }
        }
        let tags = try Self.thinningTags(base, references, settings)
        references.merge(tags) { $1 }
        let kept = Self.kept(base, references, settings)
        let expired = base.snapshots.filter { !kept.contains($0.snapshotID) || snapshotIDs.contains($0.snapshotID) }
        var updates: [TableUpdate] = removed.map { .removeSnapshotReference(name: $0) }
        updates += tags.sorted { $0.key < $1.key }.map { .setSnapshotReference(name: $0.key, $0.value) }
        if !expired.isEmpty { updates.append(.removeSnapshots(expired.map(\.snapshotID))) }
        let requirements = updates.isEmpty ? [] : Self.unmoved(base)
        return Expired(
            snapshots: expired, references: removed, tags: tags, change: TableChange(updates, requirements, on: base))
    }

    private struct Settings {
        let oldest: Int64
        let leastCount: Int
        let maxReferenceAge: Int64
        let now: Int64

        init(_ expire: ExpireSnapshots, _ properties: [String: String], now: Timestamp) {
            func number(_ key: String) -> Int64? { properties[key].flatMap { Int64($0) } }
            let age = number("history.expire.max-snapshot-age-ms") ?? 5 * 86_400_000
            oldest = expire.olderThan?.milliseconds ?? now.milliseconds.subtractingClamped(age)
            let least = expire.retainLast ?? number("history.expire.min-snapshots-to-keep").map { Int(clamping: $0) }
            leastCount = max(1, least ?? 1)
            maxReferenceAge = number("history.expire.max-ref-age-ms") ?? .max
            self.now = now.milliseconds
        }
    }

    /// For what leaves main, as far as the table keeps some of it.
    private static func thinningTags(
        _ base: TableMetadata, _ references: [String: SnapshotReference], _ settings: Settings
    ) throws(TableError) -> [String: SnapshotReference] {
        let thinning: SnapshotThinning?
        do throws(IcebergError) {
            thinning = try SnapshotThinning(properties: base.properties)
        } catch {
            throw TableError(.invalid, error.message)
        }
        guard let thinning, let main = base.currentSnapshotID else { return [:] }
        let kept = kept(base, references, settings)
        let leaving = base.ancestors(of: main).filter { !kept.contains($0.snapshotID) }
        return thinning.tags(for: leaving, of: base, at: Timestamp(milliseconds: settings.now))
    }

    private static func kept(
        _ base: TableMetadata, _ references: [String: SnapshotReference], _ settings: Settings
    ) -> Set<Int64> {
        var kept: Set<Int64> = []
        var onBranches: Set<Int64> = []
        for reference in references.values {
            kept.insert(reference.snapshotID)
            onBranches.insert(reference.snapshotID)
            guard reference.kind == .branch else { continue }
            let oldest =
                reference.maxSnapshotAgeMilliseconds.map { settings.now.subtractingClamped($0) } ?? settings.oldest
            let least = reference.minSnapshotsToKeep ?? settings.leastCount
            var isKept = true
            for (count, snapshot) in base.ancestors(of: reference.snapshotID).enumerated() {
                onBranches.insert(snapshot.snapshotID)
                isKept = isKept && (count < least || snapshot.timestampMilliseconds >= oldest)
                if isKept { kept.insert(snapshot.snapshotID) }
            }
        }
        // What is on no branch may be staged work: it stays as long as young snapshots do.
        for snapshot in base.snapshots
        where !onBranches.contains(snapshot.snapshotID) && snapshot.timestampMilliseconds >= settings.oldest {
            kept.insert(snapshot.snapshotID)
        }
        return kept
    }

    private static func unmoved(_ base: TableMetadata) -> [TableRequirement] {
        base.references.sorted { $0.key < $1.key }.map {
            .referenceSnapshotID(reference: $0.key, snapshotID: $0.value.snapshotID)
        }
    }
}

/// Files that one state of a table needs and another does not.
public struct UnreachableFiles: Hashable, Sendable {
    /// Data and delete files.
    public var files: Set<String> = []
    public var manifests: Set<String> = []
    public var manifestLists: Set<String> = []
    public var statistics: Set<String> = []

    /// Finds what the snapshots that `after` no longer has reach, and nothing that `after` still needs.
    ///
    /// Cost: every manifest list; the manifests that only removed snapshots have; and, when those list files, every
    /// manifest of `after`, in slices of at most `TableLimits.concurrentFetchesMax` at a time. Errors as those of
    /// `ManifestLoader`: delete nothing then.
    public static func between(
        _ before: TableMetadata, and after: TableMetadata, loader: ManifestLoader
    ) async throws(TableError) -> UnreachableFiles {
        let remaining = Set(after.snapshots.map(\.snapshotID))
        let gone = before.snapshots.filter { !remaining.contains($0.snapshotID) }
        var result = UnreachableFiles()
        let statistics = { (table: TableMetadata) in
            Set(table.statistics.map(\.path) + table.partitionStatistics.map(\.path))
        }
        result.statistics = statistics(before).subtracting(statistics(after))
        guard !gone.isEmpty else { return result }
        let old = try await manifests(of: gone, loader)
        let kept = try await manifests(of: after.snapshots, loader)
        result.manifestLists = Set(gone.compactMap(\.manifestList))
            .subtracting(after.snapshots.compactMap(\.manifestList))
        let removed = old.filter { kept[$0.key] == nil }
        result.manifests = Set(removed.keys)
        try await visit(removed, before, loader) { result.files.insert($0) }
        guard !result.files.isEmpty else { return result }
        try await visit(kept, after, loader) { result.files.remove($0) }
        return result
    }

    private static func manifests(
        of snapshots: [Snapshot], _ loader: ManifestLoader
    ) async throws(TableError) -> [String: ManifestFile] {
        var found: [String: ManifestFile] = [:]
        for snapshot in snapshots {
            for manifest in try await loader.manifests(of: snapshot) { found[manifest.path] = manifest }
        }
        return found
    }

    private static func visit(
        _ manifests: [String: ManifestFile], _ metadata: TableMetadata, _ loader: ManifestLoader,
        _ body: (String) -> Void
    ) async throws(TableError) {
        let sorted = manifests.values.filter(\.mayHaveLiveFiles).sorted { $0.path < $1.path }
        for start in stride(from: 0, to: sorted.count, by: TableLimits.concurrentFetchesMax) {
            let slice = Array(sorted[start..<min(start + TableLimits.concurrentFetchesMax, sorted.count)])
            for entry in try await loader.entries(of: slice, in: metadata).joined() where entry.isLive {
                body(entry.file.path)
            }
        }
    }
}
