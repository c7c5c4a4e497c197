import Clocks
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
        let limit = try invocation.count("--limit") ?? rowsMax
        let scan = TableScan(
            table.metadata, loader: ManifestLoader(store: table.store), columns: try invocation.list("--columns"),
            predicate: try predicate(invocation), target: try target(invocation, table), limit: limit)
        let plan = try await scan.plan()
        report["snapshot-id"] = JSONValue(plan.snapshot?.snapshotID)
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
    private static func target(_ invocation: Invocation, _ table: InspectedTable) throws(InspectError) -> ScanTarget {
        let (name, time) = (invocation.options["--snapshot"], invocation.options["--as-of"])
        if let time {
            guard name == nil else { throw InspectError(.usage, at: "--as-of", "is given beside --snapshot") }
            guard let timestamp = Timestamp(rfc3339: time) else {
                throw InspectError(.usage, at: "--as-of", "\"\(time)\" is no time like 2026-03-01T09:00:00Z")
            }
            return .asOf(milliseconds: timestamp.milliseconds)
        }
        guard let name else { return .current }
        let snapshot = try table.snapshot(named: name)
        return table.metadata.references[name] == nil ? .snapshot(snapshot.snapshotID) : .reference(name)
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
