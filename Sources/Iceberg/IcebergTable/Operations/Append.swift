import Clocks
import IcebergSpec

/// Adds data files to a table: the operation `append`.
///
/// Costs one manifest for each partition spec among the files, and a manifest list; nothing is read when the base's list
/// is in the cache. Now and then older small manifests are merged in, as `commit.manifest…` properties say.
public struct Append: TableOperation {
    public var files: [DataFile]
    public var branch: String
    /// Whether small manifests are left as they are, whatever the properties say: the cheapest commit.
    public var isFast: Bool
    /// Further entries of the snapshot's summary.
    public var summary: [String: String]
    /// Table properties to set in the same commit.
    public var properties: [String: String]

    public init(
        files: [DataFile], branch: String = SnapshotReference.main, isFast: Bool = false,
        summary: [String: String] = [:], properties: [String: String] = [:]
    ) {
        self.files = files
        self.branch = branch
        self.isFast = isFast
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
        var builder = try CommitBuilder(base: base, branch: branch, loader: loader, random: random, now: now)
        return try await builder.commit(
            FileChange(
                operation: .append, addedData: files, mergesManifests: !isFast, summary: summary,
                properties: properties))
    }
}
