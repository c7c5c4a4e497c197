import Clocks
import Foundation
import IcebergSpec
import Inspect
import JSONFormat
import Testing

@Suite struct `Inspecting tables` {
    @Test func `metadata shows columns, specs, references and history`() async throws {
        let table = try await TestTable()
        let metadata = try await inspected("metadata", table.location)
        #expect(metadata["metadata-file"] == .string(table.metadataFile(4)))
        #expect(metadata["format-version"] == 2)
        #expect(metadata["properties"]?["owner"] == "tests")
        let fields = try #require(metadata["schemas"]?.array?.first?["fields"]?.array)
        #expect(fields.map { $0["name"] } == ["type", "time", "amount"])
        #expect(fields.map { $0["required"] } == [true, true, false])
        #expect(metadata["partition-specs"]?.array?.first?["fields"] == "type, hour(time) as time_hour")
        #expect(metadata["refs"]?.array?.first?["name"] == "main")
        #expect(metadata["snapshot-log"]?.array?.count == 3)
    }

    @Test func `snapshots are listed with parents and totals, one in full`() async throws {
        let table = try await TestTable()
        let list = try await inspected("snapshots", table.location)
        let snapshots = try #require(list["snapshots"]?.array)
        #expect(snapshots.map { $0["operation"] } == ["append", "append", "replace"])
        #expect(snapshots[1]["parent-snapshot-id"] == snapshots[0]["snapshot-id"])
        #expect(snapshots[2]["refs"] == ["main"])
        #expect(snapshots.map { $0["total-records"] } == [10, 20, 20])
        #expect(snapshots[0]["deleted-data-files"] == .null)
        let one = try await inspected("snapshots", table.metadataFile(3), "--snapshot", "main")
        #expect(one["snapshot"]?["snapshot-id"] == snapshots[1]["snapshot-id"])
        #expect(one["snapshot"]?["is-parent-kept"] == true)
        #expect(one["snapshot"]?["summary"]?["added-records"] == "10")
    }

    @Test func `a manifest list shows the bounds of its partitions when the table is known`() async throws {
        let table = try await TestTable()
        let list = try await inspected("manifest-list", table.location)
        let manifests = try #require(list["manifests"]?.array)
        let fields = try #require(manifests.first?["partitions"]?.array)
        #expect(fields.map { $0["field"] } == ["type", "time_hour"])
        #expect(fields[1]["lower_bound"] == "2023-11-14-22")
        let path = try #require(table.metadata.currentSnapshot?.manifestList).dropFirst("file://".count)
        let alone = try await inspected("manifest-list", String(path))
        #expect(alone["manifests"]?.array?.count == manifests.count)
        #expect(alone["manifests"]?.array?.first?["partitions"]?.array?.last?["lower_bound"] == "0x9e340700")
        #expect(try await inspected("manifest-list", String(path), "--table", table.location) == list)
    }

    @Test(arguments: [2, 3])
    func `a manifest shows its entries with bounds as values`(formatVersion: Int) async throws {
        let table = try await TestTable(formatVersion: formatVersion)
        let list = try await inspected("manifest-list", table.metadataFile(2))
        let path = try #require(list["manifests"]?.array?.first?["manifest_path"]?.string)
        let manifest = try await inspected("manifest", path)
        #expect(manifest["partition spec"] == "type, hour(time) as time_hour")
        let entry = try #require(manifest["entries"]?.array?.first)
        #expect(entry["status"] == "added")
        #expect(entry["sequence_number"] == .null)
        #expect(entry["data_file"]?["content"] == "data")
        #expect(entry["data_file"]?["partition"]?["time_hour"] == "2023-11-14-22")
        let columns = try #require(entry["data_file"]?["columns"]?.array)
        #expect(columns.map { $0["column"] } == ["type", "time", "amount"])
        #expect(columns[1]["upper"] == "2023-11-14T22:13:20.500000+00:00")
        #expect(columns[2]["nulls"] == 4)
    }

    @Test func `a difference of snapshots names files, and reads only what changed`() async throws {
        let table = try await TestTable()
        let ids = table.metadata.snapshots.map { String($0.snapshotID) }
        let diff = try await inspected("diff", table.location, ids[0], "main")
        #expect(diff["snapshots between"]?.array?.count == 2)
        let changes = try #require(diff["changes"]?.array?.first)
        #expect(changes["files added"] == 2)
        #expect(changes["files removed"] == 1)
        #expect(changes["records added"] == 20)
        #expect(names(diff["added files"]) == ["three.parquet", "two.parquet"])
        #expect(names(diff["removed files"]) == ["one.parquet"])
        #expect(diff["added files"]?.array?.first?["partition"] == "type=a/time_hour=2023-11-14-22")
        // Backwards there is no history.
        let back = try await inspected("diff", table.location, "main", ids[0])
        #expect(back["snapshots between"] == .null)
        #expect(names(back["added files"]) == ["one.parquet"])
    }

    @Test func `one snapshot named alone is compared with its parent`() async throws {
        let table = try await TestTable()
        let ids = table.metadata.snapshots.map { String($0.snapshotID) }
        let last = try await inspected("diff", table.location, "main")
        #expect(last == (try await inspected("diff", table.location, ids[1], ids[2])))
        let first = try await inspected("diff", table.location, ids[0])
        #expect(first["from"] == .null)
        #expect(names(first["added files"]) == ["one.parquet"])
        let result = await InspectCommand.run(["diff", table.location, "gone"])
        #expect(result.exitCode == 1)
        #expect(result.problem.contains("references: main"))
    }

    private func names(_ files: JSONValue?) -> [String]? {
        files?.array?.compactMap { $0["path"]?.string?.split(separator: "/").last.map(String.init) }
    }

    @Test func `a difference of metadata files names what they say differently`() async throws {
        let table = try await TestTable()
        var schema = table.metadata.currentSchema.fields
        schema[2].name = "price"
        schema.append(.optional(4, "note", .string))
        let changed = try table.metadata.applying(
            [
                .addSchema(try Schema(id: 1, fields: schema)), .setCurrentSchema(id: 1),
                .setProperties(["owner": "others"]),
            ], at: .init(milliseconds: 1_700_000_400_000))
        let file = try table.directory.write(try TableMetadataFile.encode(changed), "v9.metadata.json")
        let diff = try await inspected("diff", table.metadataFile(4), file)
        #expect(diff["properties"]?.array == [["key": "owner", "from": "tests", "to": "others"]])
        let changes = try #require(diff["schema"]?.array)
        #expect(changes.map { $0["change"] } == ["renamed", "added"])
        #expect(changes[0]["to"] == "price")
        #expect(diff["added files"] == [])
        let first = try await inspected("diff", table.metadataFile(1), table.metadataFile(2))
        #expect(first["added snapshots"]?.array?.count == 1)
        #expect(names(first["added files"]) == ["one.parquet"])
    }

    @Test func `a manifest is no manifest list, nor the other way round`() async throws {
        let table = try await TestTable()
        let list = try #require(table.metadata.currentSnapshot?.manifestList)
        let shown = try await inspected("manifest-list", table.location)
        let manifest = try #require(shown["manifests"]?.array?.first?["manifest_path"]?.string)
        for (command, file, other) in [("manifest", list, "manifest-list"), ("manifest-list", manifest, "manifest")] {
            let result = await InspectCommand.run([command, file])
            #expect(result.exitCode == 1)
            #expect(result.output.isEmpty)
            #expect(result.problem.contains("`\(other)`"))
        }
    }

    @Test func `a copy of a table is inspected where it lies`() async throws {
        let table = try await TestTable()
        let copy = try TemporaryDirectory()
        try FileManager.default.copyItem(atPath: table.location, toPath: "\(copy.path)/events")
        let original = try await inspected("manifest-list", table.location)
        try FileManager.default.removeItem(atPath: table.location)
        #expect(try await inspected("manifest-list", "\(copy.path)/events") == original)
    }

    @Test func `of a damaged manifest the entries before the damage are shown`() async throws {
        let table = try await TestTable()
        let list = try await inspected("manifest-list", table.location)
        let path = try #require(list["manifests"]?.array?.first?["manifest_path"]?.string)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: String(path.dropFirst("file://".count)))))
        let whole = try await inspected("manifest", path)
        // A second block that cannot be: the first one stays.
        let longer = try table.directory.write(bytes + [2, 200, 1, 0], "longer.avro")
        let shown = try await inspected("manifest", longer, exitCode: 1)
        #expect(shown["entries"] == whole["entries"])
        #expect(shown["entries"]?.array?.isEmpty == false)
        let block = try #require(shown["blocks"]?.array?.first)
        #expect(block["bytes"]?.integer == Int64(bytes.count) - (block["offset"]?.integer ?? 0))
        for length in stride(from: 0, to: bytes.count, by: 7) {
            let file = try table.directory.write(Array(bytes.prefix(length)), "cut.avro")
            let result = await InspectCommand.run(["manifest", file])
            #expect(result.exitCode == 1, "\(length) bytes")
            #expect(result.problem.contains(file))
        }
    }

    @Test func `a snapshot that is not there is refused with the names there are`() async throws {
        let table = try await TestTable()
        let result = await InspectCommand.run(["snapshots", table.location, "--snapshot", "gone"])
        #expect(result.exitCode == 1)
        #expect(result.problem.contains("main"))
    }
}
