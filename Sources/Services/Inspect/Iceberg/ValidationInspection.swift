import Clocks
import IcebergData
import IcebergSpec
import JSONFormat

/// `validate`: whether a table is whole, by the look that the catalog's `validate` takes, with its codes and remedies.
///
/// What only a catalog knows is left out: the register, and other tables in the location.
enum ValidationInspection {
    private static let secondsDefault = 600
    private static let secondsMax = 604_800

    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let level = try invocation.choice("--level") ?? ValidationLevel.footers
        let scope = try invocation.choice("--snapshots") ?? ValidationScope.current
        let limit = try invocation.count("--limit") ?? ValidationLimits.findingsMax
        let seconds = try invocation.count("--timeout") ?? secondsDefault
        guard (1...secondsMax).contains(seconds) else {
            throw InspectError(.usage, at: "--timeout", "allowed are 1 to \(secondsMax) seconds, not \(seconds)")
        }
        var found: ValidationReport
        do {
            let table = try await InspectedTable(
                invocation.operands[0], environment: invocation.environment, holdsItsFiles: true)
            report["metadata-file"] = .string(table.metadataLocation)
            report["table-uuid"] = JSONValue(table.metadata.tableUUID?.description)
            found = await TableValidator(
                store: table.store, level: level, scope: scope, findingsMax: limit, milliseconds: seconds * 1_000
            ).validate(table.metadata)
        } catch let error as InspectError where error.code != .usage {
            found = ValidationReport()
            let code: TableFinding.Code = error.code == .notFound ? .metadataMissing : .metadataDamaged
            found.add(TableFinding(code, at: error.place, error.message), limit: limit)
        }
        report["level"] = .string(level.rawValue)
        report["snapshots"] = .string(scope.rawValue)
        for member in found.json.object?.members ?? [] { report[member.key] = member.value }
        try refuse(found, at: invocation.operands[0], seconds: seconds)
    }

    private static func refuse(_ report: ValidationReport, at place: String, seconds: Int) throws(InspectError) {
        var problems: [String] = []
        if report.findingCount > 0 {
            problems.append("is not whole: \(report.findingCount) finding\(report.findingCount == 1 ? "" : "s")")
        }
        if !report.isComplete {
            problems.append("time ran out after \(seconds) seconds, --timeout gives more: more may be wrong")
        }
        guard problems.isEmpty else { throw InspectError(.malformed, at: place, problems.joined(separator: "; ")) }
    }
}
