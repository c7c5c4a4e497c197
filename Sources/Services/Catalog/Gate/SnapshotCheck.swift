import Clocks
import IcebergCatalog
import IcebergSpec

/// Whether the snapshots that a commit adds fit the table, by the metadata alone.
///
/// What `TableMetadata.applying` refuses is not repeated here: ids and sequence numbers used before, times in the past, row
/// ids behind the table's.
struct SnapshotCheck: Sendable {
    private let result: TableMetadata
    private let base: TableMetadata?
    private let added: Set<Int64>
    private let folders: TableFolders

    init(base: TableMetadata?, result: TableMetadata, updates: [TableUpdate], folders: TableFolders) {
        self.result = result
        self.folders = folders
        self.base = base
        var added: Set<Int64> = []
        for case .addSnapshot(let snapshot) in updates { added.insert(snapshot.snapshotID) }
        self.added = added
    }

    private func isKnown(_ snapshot: Int64) -> Bool {
        added.contains(snapshot) || base?.snapshot(id: snapshot) != nil
    }

    func check(_ snapshot: Snapshot, at now: Timestamp) throws(CatalogError) {
        let id = snapshot.snapshotID
        guard id > 0 else { throw CatalogError(.badRequest, "a snapshot id is above 0, not \(id)") }
        if let parent = snapshot.parentSnapshotID, !isKnown(parent) {
            throw CatalogError(
                .commitFailed, "the parent \(parent) of snapshot \(id) is not there (any more)")
        }
        if let schema = snapshot.schemaID, result.schema(id: schema) == nil {
            throw CatalogError(
                .badRequest,
                "snapshot \(id) has the schema \(schema); the table has \(result.schemas.map(\.schemaID))")
        }
        guard snapshot.timestampMilliseconds - now.milliseconds <= CatalogLimits.snapshotAheadMillisecondsMax else {
            // Later snapshots of machines with right clocks would be refused until that time.
            throw CatalogError(
                .badRequest,
                "snapshot \(id) is of \(snapshot.timestampMilliseconds) ms, more than "
                    + "\(CatalogLimits.snapshotAheadMillisecondsMax / 60_000) minutes ahead of this clock")
        }
        guard let operation = snapshot.operation, Self.operations.contains(operation) else {
            throw CatalogError(
                .badRequest,
                "snapshot \(id) has the operation \"\((snapshot.operation ?? "").prefix(40))\"; allowed are "
                    + Self.operations.joined(separator: ", "))
        }
    }

    private static let operations = ["append", "replace", "overwrite", "delete"]

    func checkStatistics(of snapshot: Int64, at path: String) throws(CatalogError) {
        guard isKnown(snapshot) else {
            throw CatalogError(.commitFailed, "statistics of snapshot \(snapshot), which is not there (any more)")
        }
        try folders.checkMetadata(path, "the statistics file")
    }
}
