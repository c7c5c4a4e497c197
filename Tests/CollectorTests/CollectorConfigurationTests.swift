import Committing
import Configuration
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
}
