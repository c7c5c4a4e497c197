import Clocks
import IcebergSpec

/// Adds data files to a table: the operation `append`.
///
/// Costs one manifest for each partition spec among the files, and a manifest list; nothing is read when the base's list
/// is in the cache. Now and then older small manifests are merged in, as `commit.manifest…` properties say.
public struct Append: Sendable {
    public var files: [DataFile]
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]
    /// Table properties to set in the same commit.
    public var properties: [String: String]

    public init(files: [DataFile], summary: [String: String] = [:], properties: [String: String] = [:]) {
        self.files = files
        self.summary = summary
        self.properties = properties
    }

    /// Works the change out on top of `base`. Same base, files, random numbers and time: same result.
    ///
    /// - Throws: `.invalid` for files that do not fit the table, or one given twice; `.unsupported` for version 1;
    ///   `.store`, `.malformed`, `.missing` when the base's manifests cannot be read.
    public func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource = SystemRandom(),
        now: Timestamp = SystemClock().now()
    ) async throws(TableError) -> PreparedCommit {
        guard Set(files.map(\.path)).count == files.count else {
            throw TableError(.invalid, "a file is appended twice in one commit")
        }
        var builder = try CommitBuilder(base: base, loader: loader, random: random, now: now)
        var changes = SnapshotChanges()
        var entries: [ManifestEntry] = []
        for file in files {
            guard file.content == .data else {
                throw TableError(.invalid, "\(file.path): only data files can be appended")
            }
            changes.add(file)
            entries.append(ManifestEntry(status: .added, snapshotID: builder.snapshotID, file: file))
        }
        let added = try builder.writeManifests(entries)
        let kept = try await builder.liveManifests()
        let manifests = try await builder.merge(added: added, addedEntries: entries, kept: kept)
        return try builder.finish(
            .append, manifests: manifests, changes: changes, summary: summary, properties: properties)
    }
}

extension CommitBuilder {
    /// The manifests of the base that have or may have live files.
    func liveManifests() async throws(TableError) -> [ManifestFile] {
        guard let snapshot = base.currentSnapshot else { return [] }
        return try await loader.manifests(of: snapshot).filter(\.mayHaveLiveFiles)
    }
}
