import Clocks
import Events
import Files
import JSONFormat
import WriteAheadLog

/// `log-repair`: what a repair of a damaged log would lose; with `--apply`, the repair.
enum LogRepairReport {
    static func run(_ invocation: Invocation, _ report: inout JSONObject) async throws {
        let directory = invocation.operands[0]
        _ = try FileSystem.read("\(directory)/\(LogFormat.identityName)", bytesMax: 4096)
        // Refused while a collector has the directory.
        let storage = try DirectoryStorage(path: directory)
        var placeholder: [UInt8] = []
        EventRecord.appendHeader(
            context: EventContext(receivedAt: Timestamp(microseconds: 0)), count: 0, to: &placeholder)
        let repair = LogRepair(storage, placeholder: placeholder)
        let plan = try repair.plan()
        let id = plan.identity.id.description
        report["log id"] = .string(id)
        report["segments"] = .array(plan.segments.map(describe))
        report["records lost"] = JSONValue(plan.losses.reduce(0) { $0 + $1.records.count })
        guard plan.isNeeded else {
            report["result"] = "nothing is damaged; nothing was changed"
            return
        }
        if !plan.losses.isEmpty {
            report["in the table already"] = .string(
                "records up to the table property analytics.log.\(id).committed; only later ones are lost")
        }
        guard invocation.options["--apply"] != nil else {
            report["result"] = "nothing was changed; --apply repairs, and keeps copies of what it replaces"
            return
        }
        report["copies"] = .array(try repair.apply(plan).map { .string($0) })
        report["result"] = "repaired"
    }

    private static func describe(_ segment: LogRepair.Segment) -> JSONValue {
        [
            "name": .string(segment.name),
            "whole records": JSONValue(segment.records),
            "lost": .array(segment.losses.map(describe)),
            "problem": JSONValue(segment.problem),
        ]
    }

    private static func describe(_ loss: LogRepair.Loss) -> JSONValue {
        [
            "from": JSONValue(loss.records.lowerBound), "to": JSONValue(loss.records.upperBound),
            "at byte": JSONValue(loss.offset), "bytes": JSONValue(loss.bytes),
        ]
    }
}
