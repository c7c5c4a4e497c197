import Foundation
import Inspect
import JSONFormat
import Testing

@Suite struct `Inspecting views` {
    static let view = """
        {"view-uuid": "fa6506c3-7681-40c8-86dc-e36561f83385", "format-version": 1, "location": "s3://bucket/daily",
         "current-version-id": 1, "properties": {"comment": "by day"},
         "versions": [{"version-id": 1, "timestamp-ms": 1573518431292, "schema-id": 1, "default-namespace": ["a", "b"],
           "summary": {"engine-name": "Spark"},
           "representations": [{"type": "sql", "sql": "SELECT count(*) AS n FROM events", "dialect": "spark"}]}],
         "schemas": [{"schema-id": 1, "type": "struct",
           "fields": [{"id": 1, "name": "n", "required": false, "type": "long"}]}],
         "version-log": [{"timestamp-ms": 1573518431292, "version-id": 1}]}
        """

    @Test func `versions are shown with their queries and columns`() async throws {
        let directory = try TemporaryDirectory()
        let view = try await inspected("view", try directory.write(Array(Self.view.utf8), "v.metadata.json"))
        #expect(view["properties"]?["comment"] == "by day")
        let version = try #require(view["versions"]?.array?.first)
        #expect(version["time"] == "2019-11-12T00:27:11.292Z")
        #expect(version["default-namespace"] == ["a", "b"])
        #expect(version["representations"]?.array?.first?["dialect"] == "spark")
        #expect(view["schemas"]?.array?.first?["fields"]?.array?.first?["type"] == "long")
    }

    @Test func `a view without its current version is refused with the place`() async throws {
        let directory = try TemporaryDirectory()
        let text = Self.view.replacingOccurrences(of: "\"current-version-id\": 1", with: "\"current-version-id\": 2")
        let file = try directory.write(Array(text.utf8), "v.metadata.json")
        let result = await InspectCommand.run(["view", file])
        #expect(result.exitCode == 1)
        #expect(result.problem.contains("current-version-id"))
    }
}
