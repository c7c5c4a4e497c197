import IcebergSpec
import JSONFormat

/// `diff`: what changed between two snapshots of a table, or between two metadata files.
enum DiffInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let operands = invocation.operands
        let environment = invocation.environment
        guard operands.count == 3 else {
            let old = try await InspectedTable(operands[0], environment: environment)
            let new = try await InspectedTable(operands[1], environment: environment)
            try await compare(old, new, into: &report)
            return
        }
        let table = try await InspectedTable(operands[0], environment: environment)
        let (from, to) = (try table.snapshot(named: operands[1]), try table.snapshot(named: operands[2]))
        report["from"] = .object(SnapshotsInspection.row(from, table.metadata))
        report["to"] = .object(SnapshotsInspection.row(to, table.metadata))
        report["schema"] = .array(
            SchemaDiff.changes(from: table.metadata.schema(of: from), to: table.metadata.schema(of: to)))
        report["snapshots between"] = history(from, to, table.metadata)
        try await SnapshotDiff(from: (table, from), to: (table, to)).describe(into: &report)
    }

    private static func compare(
        _ old: InspectedTable, _ new: InspectedTable, into report: inout JSONObject
    ) async throws {
        report["from"] = .string(old.metadataLocation)
        report["to"] = .string(new.metadataLocation)
        report["metadata"] = .array(MetadataDiff.fields(old.metadata, new.metadata))
        report["schema"] = .array(
            SchemaDiff.changes(from: old.metadata.currentSchema, to: new.metadata.currentSchema))
        report["properties"] = .array(
            MetadataDiff.values(old.metadata.properties, new.metadata.properties).map { .object($0) })
        report["refs"] = .array(MetadataDiff.references(old.metadata, new.metadata))
        report["added snapshots"] = MetadataDiff.snapshots(in: new.metadata, notIn: old.metadata)
        report["removed snapshots"] = MetadataDiff.snapshots(in: old.metadata, notIn: new.metadata)
        try await SnapshotDiff(
            from: old.metadata.currentSnapshot.map { (old, $0) }, to: new.metadata.currentSnapshot.map { (new, $0) }
        ).describe(into: &report)
    }

    /// The snapshots that led from one to the other, oldest first; null where one is no ancestor of the other, or the
    /// chain is broken by expiry.
    private static func history(_ from: Snapshot, _ to: Snapshot, _ metadata: TableMetadata) -> JSONValue {
        var chain: [Snapshot] = []
        var seen: Set<Int64> = []
        var next: Snapshot? = to
        while let snapshot = next, snapshot.snapshotID != from.snapshotID {
            // Parents that go round in a circle.
            guard seen.insert(snapshot.snapshotID).inserted else { return .null }
            chain.append(snapshot)
            next = snapshot.parentSnapshotID.flatMap { metadata.snapshot(id: $0) }
        }
        guard next != nil else { return .null }
        return SnapshotsInspection.rows(chain.reversed(), metadata)
    }
}
