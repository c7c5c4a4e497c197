import Foundation
import IcebergSpec
import Inspect
import JSONFormat
import ObjectStore
import ParquetFormat
import Testing

/// Tables damaged in one way each: `validate` finds what the catalog's does, and ends with 1.
@Suite struct `Validating a table` {
    struct Damage: Sendable, CustomStringConvertible {
        let description: String
        let codes: [String]
        let inflict: @Sendable (inout NumbersTable) async throws -> Void
    }

    static let damages: [Damage] = [
        Damage(description: "the metadata file is cut", codes: ["metadata-damaged"]) { table in
            try await table.rewrite("file://\(table.metadataFile)") { $0.removeLast($0.count / 2) }
        },
        Damage(description: "no metadata file is left", codes: ["metadata-missing"]) { table in
            try FileManager.default.removeItem(atPath: "\(table.location)/metadata")
        },
        Damage(description: "the manifest list is gone", codes: ["manifest-list-missing"]) { table in
            try await table.delete(try table.manifestList())
        },
        Damage(description: "the manifest list is cut", codes: ["manifest-list-damaged"]) { table in
            try await table.rewrite(try table.manifestList()) { $0.removeLast(30) }
        },
        Damage(description: "a manifest is gone", codes: ["manifest-missing"]) { table in
            try await table.delete(try #require(try await table.manifests().first).path)
        },
        Damage(description: "a manifest is cut", codes: ["manifest-damaged"]) { table in
            try await table.rewrite(try #require(try await table.manifests().first).path) { $0.removeLast(40) }
        },
        Damage(description: "a file is listed twice", codes: ["duplicate-file"]) { table in
            try await table.commit(try #require(try await table.files().first))
        },
        Damage(description: "a data file is gone", codes: ["file-missing"]) { table in
            try await table.delete(try #require(try await table.files().first).path)
        },
        Damage(description: "a data file is cut", codes: ["file-damaged", "file-size"]) { table in
            try await table.rewrite(try #require(try await table.files().first).path) { $0.removeLast(10) }
        },
        Damage(description: "a byte of a page is flipped", codes: ["wrong-checksum"]) { table in
            let file = try #require(try await table.files().first)
            let bytes = try await table.store.get(try table.store.location(of: file.path), range: nil).bytes
            let end = try ParquetReader(bytes).metadata.columnChunkRange(rowGroup: 0, leaf: 0).upperBound
            try await table.rewrite(file.path) { $0[Int(end) - 1] ^= 1 }
        },
        Damage(description: "a manifest states other rows", codes: ["record-count"]) { table in
            var file = try await table.write(31...40)
            file.recordCount += 1
            try await table.commit(file)
        },
        Damage(description: "a manifest states another size", codes: ["file-size"]) { table in
            var file = try await table.write(31...40)
            file.fileSizeBytes += 1
            try await table.commit(file)
        },
        Damage(description: "a manifest states another bound", codes: ["wrong-statistics"]) { table in
            var file = try await table.write(31...40)
            file.lowerBounds[1] = Datum.long(33).singleValueBinary
            try await table.commit(file)
        },
    ]

    @Test(arguments: damages) func `what is wrong is found`(damage: Damage) async throws {
        var table = try await NumbersTable()
        try await damage.inflict(&table)
        let report = try await inspected("validate", table.location, "--level", "checksums", exitCode: 1)
        #expect(report["findings"]?.array?.compactMap { $0["code"]?.string }.sorted() == damage.codes)
        #expect(report["valid"] == false)
        #expect(report["error"]?.string?.contains(table.location) == true)
    }

    @Test func `a whole table ends with 0, and says what was looked at`() async throws {
        let table = try await NumbersTable()
        let report = try await inspected("validate", table.location, "--level", "checksums", "--snapshots", "all")
        #expect(report["valid"] == true && report["complete"] == true)
        #expect(report["findings"]?.array?.isEmpty == true)
        #expect(report["metadata-file"]?.string == table.metadataFile)
        #expect(report["checked"]?["snapshots"] == 2 && report["checked"]?["data-files"] == 2)
    }

    @Test func `older snapshots are looked at when that is asked for`() async throws {
        let table = try await NumbersTable()
        let first = try #require(table.metadata.snapshots.first?.manifestList)
        try await table.delete(first)
        _ = try await inspected("validate", table.location)
        let report = try await inspected("validate", table.location, "--snapshots", "all", exitCode: 1)
        let finding = try #require(report["findings"]?.array?.first)
        #expect(finding["place"]?.string == first)
        #expect(finding["remedy"]?.string?.contains("rebuild-manifests") == true)
    }

    @Test func `a copy is looked at where it lies: no file of the original stands in`() async throws {
        let table = try await NumbersTable()
        let copy = "\(table.directory.path)/copy"
        try FileManager.default.copyItem(atPath: table.location, toPath: copy)
        let file = try #require(try await table.files().first).path
        let copied = "\(copy)\(file.dropFirst(table.metadata.location.count))"
        _ = try await inspected("validate", copy, "--level", "checksums")
        try FileManager.default.removeItem(atPath: copied)
        for operand in [copy, "\(copy)/metadata/v2.metadata.json"] {
            let report = try await inspected("validate", operand, exitCode: 1)
            #expect(report["findings"]?.array?.compactMap { $0["code"]?.string } == ["file-missing"])
        }
        // A metadata file by itself is no copy: its files are looked for where it says.
        let alone = "\(table.directory.path)/v2.metadata.json"
        try FileManager.default.copyItem(atPath: table.metadataFile, toPath: alone)
        _ = try await inspected("validate", alone)
    }

    @Test func `findings beyond the limit are counted, and the error says how many`() async throws {
        let table = try await NumbersTable()
        for file in try await table.files() { try await table.delete(file.path) }
        let report = try await inspected("validate", table.location, "--limit", "1", exitCode: 1)
        #expect(report["findings"]?.array?.count == 1 && report["finding-count"] == 2)
        #expect(report["error"]?.string?.contains("2 findings") == true)
    }

    @Test(arguments: [
        ["--level", "all"], ["--snapshots", "every"], ["--timeout", "0"], ["--timeout", "99999999999999999"],
        ["--limit", "-1"],
    ])
    func `a choice that there is not is a wrong command line`(arguments: [String]) async throws {
        let result = await InspectCommand.run(["validate", "/nowhere"] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.problem.contains(arguments[0]))
    }
}
