import Foundation
import JSONFormat
import Testing

@testable import IcebergSpec

/// Tables of other writers (Spark, Impala, Iceberg C++, PyIceberg, Delta UniForm): every manifest of every snapshot is read, and the
/// rows it states are those that two other readers found.
@Suite(.enabled(if: Corpus.root != nil, Comment(rawValue: Corpus.missing)))
struct ManifestCorpusTests {
    struct Table: Sendable, CustomTestStringConvertible {
        let name: String
        let metadata: String
        let rowCount: Int64
        var testDescription: String { name }
    }

    static let tables: [Table] = Corpus.files(under: "expected") { $0.hasSuffix(".json") }.compactMap { url in
        guard let json = try? JSONValue.parse(Corpus.bytes(url)), let table = json["table"]?.string,
            let metadata = json["metadata"]?.string, let rows = json["row_count"]?.integer
        else { return nil }
        return Table(name: table, metadata: metadata, rowCount: rows)
    }

    /// Where a file lies here: paths in the corpus are those of the machines it came from.
    private func find(_ uri: String, in table: URL) -> URL? {
        let parts = uri.split(separator: "/").map(String.init)
        for start in parts.indices {
            let candidate = parts[start...].reduce(table) { $0.appending(path: $1) }
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
        }
        return nil
    }

    @Test(arguments: tables)
    func `every manifest is read and its rows add up`(table: Table) throws {
        let folder = try #require(Corpus.root).appending(path: "tables/\(table.name)")
        let metadata = try TableMetadataFile.decode(try Corpus.bytes(folder.appending(path: table.metadata)))
        for snapshot in metadata.snapshots {
            guard let list = snapshot.manifestList.flatMap({ find($0, in: folder) }) else { continue }
            let files = try ManifestList.decode(try Corpus.bytes(list), path: list.path)
            var rows: Int64 = 0
            var hasDeletes = false
            for file in files {
                guard let url = find(file.path, in: folder) else { continue }
                let spec = try #require(metadata.partitionSpec(id: file.partitionSpecID))
                let manifest = try Manifest.decode(
                    try Corpus.bytes(url), of: file, spec: spec, types: metadata.partitionTypes(of: spec))
                let live = manifest.entries.filter(\.isLive)
                #expect(manifest.entries.allSatisfy { $0.file.partition.count == spec.fields.count })
                if let added = file.addedFilesCount, let existing = file.existingFilesCount {
                    #expect(Int64(live.count) == added + existing)
                }
                if file.content == .data {
                    rows += live.reduce(0) { $0 + $1.file.recordCount }
                } else {
                    hasDeletes = hasDeletes || !live.isEmpty
                }
            }
            if snapshot.snapshotID == metadata.currentSnapshotID, !hasDeletes { #expect(rows == table.rowCount) }
        }
    }
}
