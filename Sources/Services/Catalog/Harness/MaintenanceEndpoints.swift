import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat

/// What this catalog offers beyond the standard.
extension CatalogHarness {
    var maintenanceEndpoints: [Endpoint] {
        [
            extra(.get, "namespaces/{namespace}/tables/{table}/snapshots", .read) { (call) async throws(CatalogError) in
                let metadata = try await service.loadTable(try call.table()).file.metadata
                return CatalogReply.json(Self.snapshots(of: metadata))
            },
            extra(
                .get, "namespaces/{namespace}/tables/{table}/files", .read,
                parameters: ["min_size", "max_size", "partition"]
            ) { (call) async throws(CatalogError) in try await files(call) },
            extra(.post, "namespaces/{namespace}/tables/{table}/snapshots/expire", .maintain) {
                (call) async throws(CatalogError) in try await expire(call)
            },
            extra(.post, "namespaces/{namespace}/tables/{table}/rollback", .maintain) {
                (call) async throws(CatalogError) in
                try await rollback(call)
            },
        ]
    }

    private static func snapshots(of metadata: TableMetadata) -> JSONValue {
        let snapshots = metadata.snapshots.map { $0.json }
        let references = metadata.references.sorted { $0.key < $1.key }
        return [
            "current-snapshot-id": metadata.currentSnapshotID.map { JSONValue($0) } ?? .null,
            "snapshots": .array(snapshots),
            "refs": .object(JSONObject(references.map { JSONObject.Member(key: $0.key, value: $0.value.json) })),
        ]
    }

    private func expire(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let (days, keep) = try CatalogCall.reading { () throws(JSONError) -> (Double, Int) in
            let days = try body.optional("older_than_days")?.double() ?? CatalogService.retentionDays
            let keep = try body.optional("retain_last")?.integer(as: Int.self) ?? 1
            guard days >= 0, days <= 36_500, keep >= 1, keep <= 1_000_000 else {
                throw JSONError("older_than_days is 0 to 36500, retain_last 1 to 1000000")
            }
            return (days, keep)
        }
        let (expired, table) = try await service.expireSnapshots(
            try call.table(), olderThanDays: days, retainLast: keep, call.context)
        return CatalogReply.json([
            "expired_snapshot_ids": .array(expired.map { JSONValue($0) }),
            "retained": JSONValue(table.file.metadata.snapshots.count),
            "metadata_location": .string(table.file.location),
        ])
    }

    private func rollback(_ call: CatalogCall) async throws(CatalogError) -> HTTPResponse {
        let body = try call.body()
        let target = try CatalogCall.reading { () throws(JSONError) -> CatalogService.RollbackTarget in
            if let id = try body.optional("snapshot_id") { return .snapshot(try Self.snapshotID(id)) }
            let time = try body.member("as_of_timestamp")
            guard let parsed = Timestamp(rfc3339: try time.string(), dateOnly: true) else {
                throw time.fail("a time is given as RFC 3339: 2024-01-15T14:30:00Z")
            }
            return .time(parsed)
        }
        let table = try await service.rollBack(try call.table(), to: target, call.context)
        let current = table.file.metadata.currentSnapshotID.map { JSONValue($0) } ?? .null
        return CatalogReply.json(["snapshot_id": current, "metadata_location": .string(table.file.location)])
    }

    /// As a number, or as text: JavaScript cannot hold the number.
    private static func snapshotID(_ value: JSONCursor) throws(JSONError) -> Int64 {
        guard let text = value.value.string else { return try value.integer() }
        guard let id = Int64(text) else { throw value.fail("not a snapshot id") }
        return id
    }
}
