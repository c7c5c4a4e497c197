import IcebergSpec
import JSONFormat

/// `snapshots`: the states of a table and how each came from the one before (specification: "Snapshots").
enum SnapshotsInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let table = try await InspectedTable(invocation.operands[0], environment: invocation.environment)
        let metadata = table.metadata
        report["metadata-file"] = .string(table.metadataLocation)
        guard let name = invocation.options["--snapshot"] else {
            report["current-snapshot-id"] = JSONValue(metadata.currentSnapshotID)
            report["snapshots"] = rows(metadata.snapshots, metadata)
            return
        }
        let snapshot = try table.snapshot(named: name)
        report["snapshot"] = describe(snapshot, metadata)
    }

    /// Totals and changes that most commits state, by the names of the specification's "Optional Snapshot Summary
    /// Fields".
    private static let counts = [
        "added-data-files", "deleted-data-files", "added-delete-files", "removed-delete-files", "added-records",
        "deleted-records", "total-data-files", "total-delete-files", "total-records", "total-files-size",
    ]

    /// One line for each snapshot, with the counts that any of them states.
    static func rows(_ snapshots: [Snapshot], _ metadata: TableMetadata) -> JSONValue {
        let stated = counts.filter { key in snapshots.contains { $0.summary[key] != nil } }
        return .array(snapshots.map { .object(row($0, metadata, counts: stated)) })
    }

    static func row(_ snapshot: Snapshot, _ metadata: TableMetadata) -> JSONObject {
        row(snapshot, metadata, counts: counts.filter { snapshot.summary[$0] != nil })
    }

    private static func row(_ snapshot: Snapshot, _ metadata: TableMetadata, counts: [String]) -> JSONObject {
        var row = JSONObject([
            .init(key: "snapshot-id", value: JSONValue(snapshot.snapshotID)),
            .init(key: "parent-snapshot-id", value: JSONValue(snapshot.parentSnapshotID)),
            .init(key: "sequence-number", value: JSONValue(snapshot.sequenceNumber)),
            .init(key: "time", value: .time(milliseconds: snapshot.timestampMilliseconds)),
            .init(key: "operation", value: JSONValue(snapshot.operation)),
            .init(key: "schema-id", value: JSONValue(snapshot.schemaID)),
            .init(key: "refs", value: references(to: snapshot, metadata)),
        ])
        for key in counts {
            let text = snapshot.summary[key]
            row[key] = text.flatMap { Int64($0) }.map { JSONValue($0) } ?? JSONValue(text)
        }
        return row
    }

    private static func describe(_ snapshot: Snapshot, _ metadata: TableMetadata) -> JSONValue {
        var object = row(snapshot, metadata, counts: [])
        if let first = snapshot.firstRowID { object["first-row-id"] = JSONValue(first) }
        if let added = snapshot.addedRows { object["added-rows"] = JSONValue(added) }
        object["manifest-list"] = JSONValue(snapshot.manifestList)
        if let manifests = snapshot.manifests { object["manifests"] = .array(manifests.map { .string($0) }) }
        object["is-parent-kept"] = snapshot.parentSnapshotID.map { .bool(metadata.snapshot(id: $0) != nil) } ?? .null
        object["summary"] = JSONValue(snapshot.summary)
        return .object(object)
    }

    static func references(to snapshot: Snapshot, _ metadata: TableMetadata) -> JSONValue {
        let names = metadata.references.filter { $0.value.snapshotID == snapshot.snapshotID }.keys.sorted()
        return .array(names.map { .string($0) })
    }
}
