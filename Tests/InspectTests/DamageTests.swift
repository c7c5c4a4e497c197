import Bitmaps
import Foundation
import IcebergSpec
import Inspect
import JSONFormat
import ParquetFormat
import PuffinFormat
import Testing

/// Damaged files: shown as far as they go, refused with their name, never a crash.
@Suite struct `Inspecting damaged files` {
    enum Kind: String, CaseIterable {
        case footer, pages, manifest, manifestList, metadata, view, puffin

        var command: [String] {
            switch self {
            case .footer: ["parquet", "footer"]
            case .pages: ["parquet", "pages"]
            case .manifestList: ["manifest-list"]
            default: [rawValue]
            }
        }

        var name: String {
            switch self {
            case .footer, .pages: "file.parquet"
            case .manifest, .manifestList: "file.avro"
            case .metadata, .view: "file.metadata.json"
            case .puffin: "file.puffin"
            }
        }
    }

    private func bytes(_ kind: Kind) async throws -> [UInt8] {
        switch kind {
        case .footer, .pages:
            var options = ParquetWriterOptions(codec: .snappy)
            options.pageChecksums = true
            options.columns["id"] = ParquetColumnOptions(bloomFilter: ParquetBloomFilterOptions(distinctValues: 1))
            let schema = try ParquetSchema(fields: [.primitive("id", .int64, .required), .string("word")])
            var writer = try ParquetWriter(schema: schema, options: options)
            try writer.appendRowGroup(
                [
                    LeafColumn(schema.leaves[0], values: .int64([1, 2, 3])),
                    LeafColumn(
                        schema.leaves[1], values: .byteArray(ByteArrayColumn(utf8: ["a", "b"])),
                        definitionLevels: [1, 0, 1]),
                ], rowCount: 3)
            return try writer.finish().bytes
        case .manifest, .manifestList:
            let table = try await TestTable()
            let list = try await inspected("manifest-list", table.location)
            let path =
                kind == .manifest
                ? try #require(list["manifests"]?.array?.first?["manifest_path"]?.string)
                : try #require(table.metadata.currentSnapshot?.manifestList)
            return [UInt8](try Data(contentsOf: URL(filePath: String(path.dropFirst("file://".count)))))
        case .metadata: return try TableMetadataFile.encode(try await TestTable().metadata)
        case .view: return Array(`Inspecting views`.view.utf8)
        case .puffin:
            var writer = PuffinWriter()
            _ = try writer.append(deletionVector: Bitmap64([1, 5, 1 << 40]), of: "a.parquet")
            return try writer.finish().bytes
        }
    }

    @Test(arguments: Kind.allCases.map(\.rawValue))
    func `a flipped bit anywhere is shown or refused`(kind name: String) async throws {
        let kind = try #require(Kind(rawValue: name))
        let directory = try TemporaryDirectory()
        let whole = try await bytes(kind)
        var refused = 0
        // Every place of small files, and places all over large ones.
        for index in stride(from: 0, to: whole.count, by: max(1, whole.count / 1500)) {
            var damaged = whole
            damaged[index] ^= 1 << UInt8(index % 8)
            let file = try directory.write(damaged, kind.name)
            let result = await InspectCommand.run(kind.command + [file])
            #expect(result.exitCode == 0 || result.exitCode == 1, "byte \(index)")
            #expect(result.exitCode == 0 || result.problem.contains(file), "byte \(index): \(result.problem)")
            refused += result.exitCode == 0 ? 0 : 1
        }
        #expect(refused > 0)
    }
}
