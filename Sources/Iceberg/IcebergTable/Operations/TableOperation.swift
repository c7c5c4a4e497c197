import Clocks
import IcebergSpec

/// A change of a table's files that can be worked out on any state of the table.
///
/// `prepare` is deterministic: the same base, random numbers and time give the same commit. After a refused commit, load
/// the table again and prepare the same operation on the newer base: what the operation was told to check is checked
/// against everything committed since it was planned.
public protocol TableOperation: Sendable {
    /// - Throws: `.invalid` for what makes no sense for this table; `.stale` when commits since the operation was planned
    ///   conflict with it; `.unsupported`; `.store`, `.malformed`, `.missing` when the base's manifests cannot be read.
    func prepare(
        base: TableMetadata, loader: ManifestLoader, random: any RandomSource, now: Timestamp
    ) async throws(TableError) -> PreparedCommit
}

extension TableOperation {
    /// Prepares with the system's random numbers and time.
    public func prepare(base: TableMetadata, loader: ManifestLoader) async throws(TableError) -> PreparedCommit {
        try await prepare(base: base, loader: loader, random: SystemRandom(), now: SystemClock().now())
    }
}

/// A partition of one spec.
struct PartitionKey: Hashable, Sendable {
    let specID: Int
    let values: [Datum?]

    init(_ file: DataFile) {
        specID = file.specID
        values = file.partition
    }
}

/// What identifies a delete file: several deletion vectors may lie in one Puffin file.
struct DeleteFileKey: Hashable, Sendable {
    let path: String
    let contentOffset: Int64?

    init(_ file: DataFile) {
        path = file.path
        contentOffset = file.contentOffset
    }
}
