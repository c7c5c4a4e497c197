import Clocks
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat

/// What tells whether a table needs maintenance.
struct TableHealth: Hashable, Sendable {
    var dataFiles: Int64 = 0
    /// Below three quarters of the size that files should have.
    var smallFiles: Int64 = 0
    var deleteFiles: Int64 = 0
    var records: Int64 = 0
    /// Rows that position deletes and deletion vectors take away; those by value cannot be counted.
    var deletedRecords: Int64 = 0
    var bytes: Int64 = 0
    var snapshots = 0
    var manifests = 0
    var metadataBytes = 0
    /// Of the newest snapshot in the history of `main` that replaced files.
    var lastCompaction: Int64?
    var lastCommit: Int64?
    /// Properties in which writers keep how far they have come.
    var watermarks: [String: String] = [:]

    var smallFileRatio: Double { dataFiles > 0 ? Double(smallFiles) / Double(dataFiles) : 0 }
    var deleteRatio: Double { records > 0 ? min(1, Double(deletedRecords) / Double(records)) : 0 }
}

extension CatalogService {
    /// Cost: the manifests of the current snapshot, through the cache.
    func health(of identifier: TableIdentifier) async throws(CatalogError) -> TableHealth {
        let file = try await loadTable(identifier).file
        let metadata = file.metadata
        var health = TableHealth(snapshots: metadata.snapshots.count, metadataBytes: file.json.count)
        health.watermarks = metadata.properties.filter { $0.key.contains("watermark") }
        let byID = Dictionary(metadata.snapshots.map { ($0.snapshotID, $0) }) { first, _ in first }
        health.lastCommit = metadata.currentSnapshot?.timestampMilliseconds
        var next = metadata.currentSnapshot
        var seen: Set<Int64> = []
        while let snapshot = next, seen.insert(snapshot.snapshotID).inserted, health.lastCompaction == nil {
            if snapshot.operation == SnapshotOperation.replace.rawValue {
                health.lastCompaction = snapshot.timestampMilliseconds
            }
            next = snapshot.parentSnapshotID.flatMap { byID[$0] }
        }
        guard let snapshot = metadata.currentSnapshot else { return health }
        let target = metadata.properties["write.target-file-size-bytes"].flatMap { Int64($0) } ?? 512 << 20
        do throws(TableError) {
            for manifest in try await loader.manifests(of: snapshot) {
                health.manifests += 1
                for entry in try await loader.entries(of: manifest, in: metadata) where entry.isLive {
                    health.add(entry.file, target: target)
                }
            }
        } catch {
            throw CatalogError(reading: error)
        }
        return health
    }
}

extension TableHealth {
    fileprivate mutating func add(_ file: DataFile, target: Int64) {
        bytes &+= file.contentSizeBytes ?? file.fileSizeBytes
        switch file.content {
        case .data:
            dataFiles += 1
            records &+= file.recordCount
            if file.fileSizeBytes < target / 4 * 3 { smallFiles += 1 }
        case .positionDeletes:
            deleteFiles += 1
            deletedRecords &+= file.recordCount
        case .equalityDeletes: deleteFiles += 1
        }
    }

    func json(of table: TableIdentifier, at now: Timestamp) -> JSONValue {
        let time = { (milliseconds: Int64?) in
            milliseconds.map { JSONValue.string(Timestamp(milliseconds: $0).rfc3339()) } ?? .null
        }
        let age = { (milliseconds: Int64?) in
            milliseconds.map { JSONValue(max(0, now.milliseconds - $0) / 1000) } ?? .null
        }
        return [
            "table": table.json, "data-files": JSONValue(dataFiles), "small-files": JSONValue(smallFiles),
            "small-file-ratio": JSONValue(smallFileRatio),
            "average-file-bytes": JSONValue(dataFiles > 0 ? bytes / dataFiles : 0),
            "delete-files": JSONValue(deleteFiles), "records": JSONValue(records),
            "deleted-records": JSONValue(deletedRecords), "delete-ratio": JSONValue(deleteRatio),
            "snapshots": JSONValue(snapshots), "manifests": JSONValue(manifests),
            "metadata-bytes": JSONValue(metadataBytes), "last-compaction": time(lastCompaction),
            "last-compaction-age-seconds": age(lastCompaction), "last-commit": time(lastCommit),
            "last-commit-age-seconds": age(lastCommit), "watermarks": JSONValue(watermarks),
        ]
    }
}
