import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat

/// `rows`: rows of a table, deletes applied, as the schema of that state has them.
enum RowsInspection {
    /// Rows shown unless `--limit` says otherwise.
    private static let rowsMax = 20

    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let table = try await InspectedTable(invocation.operands[0], environment: invocation.environment)
        let name = invocation.options["--snapshot"]
        let snapshot = try name == nil && table.metadata.currentSnapshot == nil ? nil : table.snapshot(named: name)
        let limit = try invocation.count("--limit") ?? rowsMax
        let scan = TableScan(
            table.metadata, loader: ManifestLoader(store: table.store), columns: try invocation.list("--columns"),
            predicate: try predicate(invocation), target: target(name, snapshot, table.metadata), limit: limit)
        let plan = try await scan.plan()
        report["snapshot-id"] = JSONValue(snapshot?.snapshotID)
        report["files"] = JSONValue(plan.files.count)
        report["records before deletes and filter"] = JSONValue(plan.counts.records)
        var rows: [JSONValue] = []
        // Whatever stops the scan, the rows before are shown.
        defer { report["rows"] = .array(rows) }
        for try await batch in scan.batches(of: plan) {
            var lines: [UInt8] = []
            batch.appendJSONLines(to: &lines)
            for line in lines.split(separator: UInt8(ascii: "\n")) { rows.append(try JSONValue.parse(Array(line))) }
        }
    }

    /// A branch is read with the current columns, any other snapshot with its own.
    private static func target(_ name: String?, _ snapshot: Snapshot?, _ metadata: TableMetadata) -> ScanTarget {
        guard let name, let snapshot else { return .current }
        return metadata.references[name] == nil ? .snapshot(snapshot.snapshotID) : .reference(name)
    }

    private static func predicate(_ invocation: Invocation) throws -> Predicate? {
        guard let text = invocation.options["--where"] else { return nil }
        do {
            return try Predicate(json: try JSONValue.parse(text))
        } catch {
            throw InspectError(.usage, at: "--where", "is no expression of Iceberg's JSON: \(error)")
        }
    }
}
