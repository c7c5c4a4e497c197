import Bytes
import Clocks
import Configuration
import Foundation
import Inspect
import JSONFormat
import ParquetFormat
import Testing
import WriteAheadLog

@Suite struct `Inspection` {
    @Test(arguments: [
        [], ["parquet"], ["nothing", "x"], ["parquet", "a", "b"], ["metadata", "a", "--nothing", "b"],
        ["avro", "a", "--limit"], ["avro", "a", "--limit", "1", "--limit", "2"], ["metadata", "a", "--limit", "1"],
    ])
    func `a wrong command line prints the usage`(arguments: [String]) async {
        let result = await InspectCommand.run(arguments)
        #expect(result.exitCode == 2)
        #expect(result.output.isEmpty)
        #expect(result.problem.contains("usage:"))
    }

    @Test func `a wrong option of a command prints the usage of that command alone`() async {
        let result = await InspectCommand.run(["--json", "rows", "a", "--nothing"])
        #expect(result.problem.contains("usage: analytics-inspect [--json] rows TABLE"))
        #expect(!result.problem.contains("puffin"))
    }

    @Test func `help names every command, and that of one command its options`() async {
        let help = await InspectCommand.run(["--help"])
        #expect(help.exitCode == 0)
        for name in ["parquet footer", "parquet pages", "avro", "manifest-list", "diff", "log", "setup-storage"] {
            #expect(help.output.contains("  \(name) "))
        }
        let pages = await InspectCommand.run(["parquet", "pages", "--help"])
        #expect(pages.output.contains("--row-group"))
    }

    @Test func `control characters of a file do not reach the terminal`() async throws {
        let directory = try TemporaryDirectory()
        var options = ParquetWriterOptions()
        options.keyValueMetadata = [ParquetKeyValue(key: "a\u{1B}[31m", value: "b\u{9B}1m\nc")]
        let file = try directory.write(try TestParquet.bytes(options), "a.parquet")
        let result = await InspectCommand.run(["parquet", "footer", file])
        #expect(result.output.contains(#"a\u001b[31m: b\u009b1m\u000ac"#))
        #expect(!result.output.unicodeScalars.contains { $0.value == 0x1B || $0.value == 0x9B })
    }

    @Test(arguments: [
        "parquet", "parquet footer", "parquet pages", "avro", "puffin", "manifest", "manifest-list", "metadata",
        "snapshots",
        "log",
    ])
    func `a file that is not there, or is something else, is an error with its path`(name: String) async throws {
        let command = name.split(separator: " ").map(String.init)
        let garbage = FileManager.default.temporaryDirectory.appending(path: "garbage-\(Clocks.UUID.random())").path
        let missing = await InspectCommand.run(command + [garbage])
        #expect(missing.exitCode == 1)
        try Data("not a file of ours".utf8).write(to: URL(filePath: garbage))
        let result = await InspectCommand.run(command + [garbage])
        #expect(result.exitCode == 1)
        #expect(result.problem.contains(garbage))
        try FileManager.default.removeItem(atPath: garbage)
    }

    @Test func `a log is described record by record, and its torn tail named`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "log-\(Clocks.UUID.random())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let log = try WriteAheadLog(storage: DirectoryStorage(path: directory))
        try log.start { _, _ in }
        for text in ["a", "bb", "ccc"] { _ = try log.enqueue(Array(text.utf8)) { _ in } }
        log.close()
        let segment = try #require(
            FileManager.default.contentsOfDirectory(atPath: directory).first { $0.hasSuffix(".segment") })
        let file = try #require(FileHandle(forWritingAtPath: "\(directory)/\(segment)"))
        try file.seekToEnd()
        try file.write(contentsOf: Data([1, 2, 3]))
        try file.close()

        let result = await InspectCommand.run(["--json", "log", directory])
        #expect(result.exitCode == 0)
        let described = try JSONValue.parse(result.output)
        let first = try #require(described["segments"]?.array?.first)
        #expect(first["records"] == 3)
        #expect(first["payload bytes"] == 6)
        #expect(first["bytes after the last whole record"] == 3)
    }

    @Test func `a damaged log is repaired when that is asked for, and only then`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "log-\(Clocks.UUID.random())").path
        defer { do { try FileManager.default.removeItem(atPath: directory) } catch {} }
        let storage = try DirectoryStorage(path: directory)
        let log = try WriteAheadLog(storage: storage)
        try log.start { _, _ in }
        for text in ["a", "bb", "ccc"] { _ = try await log.append(Array(text.utf8)) }
        log.close()
        let held = await InspectCommand.run(["log-repair", directory])
        #expect(held.exitCode == 1 && held.problem.contains("another process"))
        try storage.unlock()
        let name = "\(directory)/\(LogFormat.segmentName(first: 1))"
        var bytes = try Data(contentsOf: URL(filePath: name))
        bytes[70] ^= 1
        try bytes.write(to: URL(filePath: name))

        let described = await InspectCommand.run(["--json", "log", directory])
        #expect(described.exitCode == 1 && described.problem.contains(LogFormat.segmentName(first: 1)))
        #expect(try JSONValue.parse(described.output)["segments"]?.array?.first?["records"] == 1)

        let shown = await InspectCommand.run(["--json", "log-repair", directory])
        #expect(shown.exitCode == 0, "\(shown.problem)")
        let plan = try JSONValue.parse(shown.output)
        #expect(plan["records lost"] == 1)
        #expect(plan["segments"]?.array?.first?["lost"]?.array?.first?["from"] == 2)
        #expect(try Data(contentsOf: URL(filePath: name)) == bytes)
        #expect((await InspectCommand.run(["log-repair", directory, "--apply=yes"])).exitCode == 2)

        let repaired = await InspectCommand.run(["--json", "log-repair", "--apply", directory])
        #expect(repaired.exitCode == 0, "\(repaired.problem)")
        #expect(try Data(contentsOf: URL(filePath: name + ".damaged")) == bytes)
        let again = try WriteAheadLog(storage: DirectoryStorage(path: directory))
        var found: [UInt64: Int] = [:]
        try again.forEachRecord(from: 0) { found[$0] = $1.count }
        #expect(found == [1: 1, 2: 16, 3: 3])
        #expect((await InspectCommand.run(["log-repair", "\(directory)/nowhere"])).exitCode == 1)
    }

    @Test func `a local store needs no setup`() async {
        let root = FileManager.default.temporaryDirectory.appending(path: "store-\(Clocks.UUID.random())").path
        defer { try? FileManager.default.removeItem(atPath: root) }
        let result = await InspectCommand.run(["setup-storage"], environment: ["OBJECT_STORE": "file://\(root)"])
        #expect(result.exitCode == 0)
        #expect(result.output.hasPrefix("nothing is needed"))
    }

    @Test func `a setup without what S3 needs names every variable that is missing`() async {
        let result = await InspectCommand.run(["setup-storage"], environment: ["OBJECT_STORE": "s3"])
        #expect(result.exitCode == 1)
        for name in ["R2_ENDPOINT", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"] {
            #expect(result.problem.contains(name))
        }
    }
}
