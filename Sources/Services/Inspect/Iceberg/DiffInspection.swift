import Configuration
import IcebergSpec
import JSONFormat

/// `diff`: what changed between two snapshots of a table, with one commit, or between two metadata files.
enum DiffInspection {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let operands = invocation.operands
        let environment = invocation.environment
        let table = try await InspectedTable(operands[0], environment: environment)
        if operands.count == 3 {
            try await compare(
                table, from: try table.snapshot(named: operands[1]), to: try table.snapshot(named: operands[2]),
                into: &report)
        } else if let commit = table.metadata.snapshot(named: operands[1]) {
            try await compare(table, from: try parent(of: commit, table), to: commit, into: &report)
        } else {
            try await compare(table, try await other(operands[1], than: table, environment), into: &report)
        }
    }

    /// - Throws: `.notFound` for what is no table, with the snapshots that could have been meant.
    private static func other(
        _ location: String, than table: InspectedTable, _ environment: Environment
    ) async throws -> InspectedTable {
        do {
            return try await InspectedTable(location, environment: environment)
        } catch let error as InspectError where error.code == .notFound {
            let names = table.metadata.references.keys.sorted().joined(separator: ", ")
            throw InspectError(
                .notFound, at: location,
                "is no snapshot of \(table.metadataLocation) (references: \(names)), and \(error.message)")
        }
    }

    /// Nil for the first commit of a table.
    private static func parent(of commit: Snapshot, _ table: InspectedTable) throws(InspectError) -> Snapshot? {
        guard let id = commit.parentSnapshotID else { return nil }
        return try table.snapshot(named: String(id))
    }

    private static func compare(
        _ table: InspectedTable, from: Snapshot?, to: Snapshot, into report: inout JSONObject
    ) async throws {
        let metadata = table.metadata
        report["from"] = from.map { .object(SnapshotsInspection.row($0, metadata)) } ?? .null
        report["to"] = .object(SnapshotsInspection.row(to, metadata))
        if let from {
            report["schema"] = .array(SchemaDiff.changes(from: metadata.schema(of: from), to: metadata.schema(of: to)))
            report["snapshots between"] = history(from, to, metadata)
        }
        try await SnapshotDiff(from: from.map { (table, $0) }, to: (table, to)).describe(into: &report)
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
