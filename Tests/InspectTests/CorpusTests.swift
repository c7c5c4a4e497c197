import Foundation
import Inspect
import JSONFormat
import Testing

/// Files of other writers, when `ANALYTICS_CORPORA` names the folder that holds them.
@Suite struct `Inspecting files of others` {
    static let corpora = ProcessInfo.processInfo.environment["ANALYTICS_CORPORA"]

    @Test(.enabled(if: corpora != nil, "ANALYTICS_CORPORA is not set"))
    func `every table's metadata, snapshots and manifests are shown`() async throws {
        let root = "\(try #require(Self.corpora))/iceberg"
        let index = try JSONValue.parse([UInt8](Data(contentsOf: URL(filePath: "\(root)/index-open.json"))))
        var manifests = 0
        for table in try #require(index.array) where table["complete"] == true {
            let name = try #require(table["table"]?.string)
            let place = "\(root)/tables/\(name)"
            guard let file = table["current_metadata"]?.string, FileManager.default.fileExists(atPath: place) else {
                continue
            }
            let metadata = try await inspected("metadata", "\(place)/\(file)")
            #expect(metadata["snapshots"] == table["n_snapshots"], "\(name)")
            _ = try await inspected("snapshots", "\(place)/\(file)")
            guard metadata["current-snapshot-id"] != .null else { continue }
            let list = try await inspected("manifest-list", "\(place)/\(file)")
            for manifest in try #require(list["manifests"]?.array) {
                let path = try #require(manifest["manifest_path"]?.string)
                let copy = "\(place)/metadata/\(path.split(separator: "/").last ?? "")"
                guard FileManager.default.fileExists(atPath: copy) else { continue }
                let shown = try await inspected("manifest", copy, "--table", "\(place)/\(file)")
                #expect(shown["entries"]?.array?.isEmpty == false, "\(copy)")
                #expect(shown["schema"] != .null, "\(copy)")
                manifests += 1
            }
        }
        #expect(manifests > 60)
    }

    /// Small tables, read where their copies lie; those of ORC files are refused by name.
    @Test(.enabled(if: corpora != nil, "ANALYTICS_CORPORA is not set"))
    func `tables have as many rows as two other readers found`() async throws {
        let root = "\(try #require(Self.corpora))/iceberg"
        let index = try JSONValue.parse([UInt8](Data(contentsOf: URL(filePath: "\(root)/index-open.json"))))
        var compared = 0
        for table in try #require(index.array) where table["complete"] == true && table["resolve_kinds"] == ["location"]
        {
            guard let name = table["table"]?.string, let file = table["current_metadata"]?.string,
                let count = table["row_count"]?.integer, count <= 200, table["expected"]?.string != nil
            else { continue }
            let result = await InspectCommand.run([
                "--json", "rows", "\(root)/tables/\(name)/\(file)", "--limit", "1000",
            ])
            if table["file_formats"]?.array?.contains("orc") == true {
                #expect(result.exitCode == 1 && result.problem.contains("ORC"), "\(name): \(result.problem)")
            } else {
                #expect(result.exitCode == 0, "\(name): \(result.problem)")
                let rows = try JSONValue.parse(result.output)["rows"]?.array
                #expect(rows.map { Int64($0.count) } == count, "\(name)")
            }
            compared += 1
        }
        #expect(compared > 30)
    }

    @Test(.enabled(if: corpora != nil, "ANALYTICS_CORPORA is not set"))
    func `deletion vectors and statistics of others are shown`() async throws {
        let folder = "\(try #require(Self.corpora))/iceberg/tables"
        let files = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
            .filter { $0.hasSuffix(".puffin") || $0.hasSuffix(".stats") }
        #expect(files.count >= 4)
        for file in files {
            let shown = try await inspected("puffin", "\(folder)/\(file)")
            for blob in try #require(shown["blobs"]?.array) where blob["type"] == "deletion-vector-v1" {
                #expect(blob["positions"]?.integer.map { String($0) } == blob["properties"]?["cardinality"]?.string)
            }
        }
    }

    /// Chunks that cannot be walked or fail their checksums, as the collection means them to.
    static let damaged: Set<String> = [
        "datapage_v1-corrupt-checksum.parquet", "rle-dict-uncompressed-corrupt-checksum.parquet",
        // Their column index counts -1 nulls in pages that it says hold nothing else, of a required column.
        "datapage_v1-snappy-compressed-checksum.parquet", "datapage_v1-uncompressed-checksum.parquet",
    ]

    @Test(.enabled(if: corpora != nil, "ANALYTICS_CORPORA is not set"))
    func `every Parquet file's footer and pages are shown`() async throws {
        let folder = "\(try #require(Self.corpora))/parquet/parquet-testing/data"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".parquet") }
        #expect(names.count > 50)
        for name in names.sorted() {
            _ = try await inspected("parquet", "footer", "\(folder)/\(name)")
            _ = try await inspected(
                "parquet", "pages", "\(folder)/\(name)", exitCode: Self.damaged.contains(name) ? 1 : 0)
        }
    }
}
