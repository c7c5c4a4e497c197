import Clocks
import Foundation
import IcebergSpec
import IcebergTable
import Inspect
import JSONFormat
import Testing

@Suite struct `Inspecting rows` {
    @Test func `rows are shown to a limit, of chosen columns, of a snapshot, where an expression holds`() async throws {
        let table = try await NumbersTable()
        let (directory, location, first) = (table.directory, table.location, try table.first)
        let shown = try await inspected("rows", location)
        #expect(shown["rows"]?.array?.count == 20)
        let all = try await inspected("rows", location, "--limit", "1000", "--columns", "n")
        #expect(Set(try #require(all["rows"]?.array).map { $0["n"] }) == Set((1...30).map { JSONValue.integer($0) }))
        #expect(all["rows"]?.array?.first?["word"] == nil)
        let old = try await inspected("rows", location, "--snapshot", first)
        #expect(old["rows"]?.array?.count == 10)
        let then = try await inspected("rows", location, "--as-of", "2023-11-14T22:13:30.999Z")
        #expect(then["rows"] == old["rows"])
        let filtered = try await inspected(
            "rows", location, "--where",
            #"{"type":"and","left":{"type":"gt","term":"n","value":25},"#
                + #""right":{"type":"eq","term":"word","value":"odd"}}"#)
        #expect(Set(try #require(filtered["rows"]?.array).map { $0["n"] }) == [27, 29])
        _ = directory
    }

    @Test func `a branch has the current columns, a snapshot its own`() async throws {
        let table = try await NumbersTable()
        let (directory, metadata) = (table.directory, table.metadata)
        var columns = SchemaUpdate(metadata)
        try columns.rename("word", to: "parity")
        let change = try TableChange.schema(columns, on: metadata)
        let renamed = try metadata.applying(change.updates, at: SystemClock().now())
        let newer = try directory.write(
            try TableMetadataFile.encode(renamed), "bucket/numbers/metadata/v3.metadata.json")
        let head = try #require(metadata.currentSnapshotID)
        for (snapshot, column) in [("main", "parity"), (String(head), "word")] {
            let shown = try await inspected("rows", newer, "--snapshot", snapshot, "--limit", "1")
            #expect(shown["rows"]?.array?.first?[column] != nil, "\(snapshot)")
        }
    }

    @Test(arguments: [
        ["--columns", "none"], ["--columns", ""], ["--columns", "n,"], ["--where", "{"],
        ["--as-of", "yesterday"], ["--as-of", "2023-11-14T22:13:00Z"],
        ["--as-of", "2100-01-01T00:00:00Z", "--snapshot", "main"],
        ["--where", #"{"type":"eq","term":"none","value":1}"#],
    ])
    func `what the table does not have is refused`(arguments: [String]) async throws {
        let table = try await NumbersTable()
        let (directory, location) = (table.directory, table.location)
        let result = await InspectCommand.run(["rows", location] + arguments)
        #expect(result.exitCode != 0)
        #expect(!result.problem.isEmpty)
        _ = directory
    }

    @Test func `rows before a missing file are shown, and the file is named`() async throws {
        let table = try await NumbersTable()
        let (directory, location, first) = (table.directory, table.location, try table.first)
        let files = try FileManager.default.subpathsOfDirectory(atPath: location).filter { $0.hasSuffix(".parquet") }
        #expect(files.count == 2)
        let old = try await inspected("rows", location, "--snapshot", first, "--columns", "_file")
        let kept = try #require(old["rows"]?.array?.first?["_file"]?.string)
        for file in files where !kept.hasSuffix(file) {
            try FileManager.default.removeItem(atPath: "\(location)/\(file)")
        }
        let result = await InspectCommand.run(["rows", location, "--limit", "1000"])
        #expect(result.exitCode == 1)
        #expect(result.problem.contains(".parquet"))
        _ = directory
    }
}
