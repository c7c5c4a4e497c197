import Configuration
import JSONFormat
import ObjectStore

/// `setup-storage`: makes the buckets that the environment names, and their lifecycle rules.
enum StorageSetup {
    /// - Returns: what was done, or the reason why nothing was; the exit code is 1 when the store refused anything.
    static func run(_ environment: Environment, asJSON: Bool) async -> InspectResult {
        do {
            var reader = ConfigurationReader(environment)
            let configuration = ObjectStoreConfiguration(from: &reader)
            try reader.finish()
            let report = try await BucketSetup.run(configuration)
            return InspectResult(
                output: asJSON ? json(report) : text(report), exitCode: report.refused.isEmpty ? 0 : 1)
        } catch {
            return InspectResult(output: "", problem: "setup-storage: \(error)", exitCode: 1)
        }
    }

    private static func text(_ report: BucketSetup.Report) -> String {
        (report.done + report.refused.map { "REFUSED: \($0)" }).joined(separator: "\n")
    }

    private static func json(_ report: BucketSetup.Report) -> String {
        let value: JSONValue = [
            "done": .array(report.done.map { .string($0) }), "refused": .array(report.refused.map { .string($0) }),
        ]
        return value.serializedString(pretty: true)
    }
}
