import Committing
import Configuration
import Events
import Schemas
import Testing

@testable import Collector

struct CollectorConfigurationTests {
    private static let day: Int64 = 86_400_000_000

    @Test(
        arguments: [
            ([:], 7, 30), (["HOUR_PARTITION_DAYS": "60"], 60, 60),
            (["HOUR_PARTITION_DAYS": "0", "DAY_PARTITION_DAYS": "0"], 0, 0),
            (["HOUR_PARTITION_DAYS": "3", "DAY_PARTITION_DAYS": "3"], 3, 3),
        ] as [([String: String], Int64, Int64)])
    func `ages of partitions`(variables: [String: String], hour: Int64, day: Int64) throws {
        var reader = ConfigurationReader(Environment(variables))
        let configuration = CollectorConfiguration(from: &reader)
        #expect(
            configuration.granularity
                == GranularityLimits(hourMicroseconds: hour * Self.day, dayMicroseconds: day * Self.day))
        #expect(!reader.problems.contains { $0.variable.hasSuffix("_PARTITION_DAYS") })
    }

    @Test(
        arguments: [
            ["HOUR_PARTITION_DAYS": "7", "DAY_PARTITION_DAYS": "6"], ["DAY_PARTITION_DAYS": "0"],
            ["DAY_PARTITION_DAYS": "many"],
        ])
    func `ages that contradict each other are refused`(variables: [String: String]) {
        var reader = ConfigurationReader(Environment(variables))
        _ = CollectorConfiguration(from: &reader)
        #expect(reader.problems.map(\.variable).contains("DAY_PARTITION_DAYS"))
    }

    @Test(
        arguments: [
            (["QUARANTINE_TABLE": "analytics.events"], "QUARANTINE_TABLE"),
            (["ICEBERG_TABLE": "rejected_events"], "QUARANTINE_TABLE"),
            (["QUARANTINE_TABLE_LOCATION": "analytics/events"], "QUARANTINE_TABLE_LOCATION"),
            (["QUARANTINE_TABLE_LOCATION": "analytics/events/rejected"], "QUARANTINE_TABLE_LOCATION"),
            (["ICEBERG_TABLE_LOCATION": "rejected"], "QUARANTINE_TABLE_LOCATION"),
        ] as [([String: String], String)])
    func `the quarantine is not the event table, nor in its folder`(variables: [String: String], refused: String) {
        var reader = ConfigurationReader(Environment(variables))
        _ = CollectorConfiguration(from: &reader)
        #expect(reader.problems.map(\.variable).contains(refused))
        var without = ConfigurationReader(Environment(variables.merging(["DEAD_LETTER": "false"]) { $1 }))
        _ = CollectorConfiguration(from: &without)
        #expect(!without.problems.map(\.variable).contains(refused))
    }

    @Test func `a quarantine beside the event table is taken`() {
        var reader = ConfigurationReader(Environment(["QUARANTINE_TABLE_LOCATION": "analytics/events-rejected"]))
        _ = CollectorConfiguration(from: &reader)
        #expect(!reader.problems.contains { $0.variable.hasPrefix("QUARANTINE_TABLE") })
    }

    @Test(
        arguments: [
            ([:], 1 << 20, false), (["WAL_MAX_BYTES": "1MB"], 1 << 19, false),
            (["WAL_MAX_BYTES": "1MB", "MAX_EVENT_BYTES": "512KB"], 1 << 19, false),
            (["WAL_MAX_BYTES": "1MB", "MAX_EVENT_BYTES": "524289"], 524_289, true),
        ] as [([String: String], Int, Bool)])
    func `an event that could never be logged is refused at the start`(
        variables: [String: String], bytes: Int, isRefused: Bool
    ) {
        var reader = ConfigurationReader(Environment(variables))
        #expect(CollectorConfiguration(from: &reader).events.eventBytesMax == bytes)
        #expect(reader.problems.contains { $0.variable == "MAX_EVENT_BYTES" } == isRefused)
    }

    @Test func `a file of schemas that is not there is an error, not none`() {
        var reader = ConfigurationReader(Environment(["SCHEMAS_FILE": "/proc/none/schemas.json"]))
        let configuration = CollectorConfiguration(from: &reader)
        let error = #expect(throws: SchemaError.self) { try configuration.schemas.definitions() }
        #expect(error?.message.contains("SCHEMAS_FILE /proc/none/schemas.json") == true)
    }
}
