import Clocks
import Foundation
import IcebergData
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Testing

/// A table of real files in a local store: rows 1 to 30 in two commits.
struct NumbersTable {
    let directory: TemporaryDirectory
    let store: LocalObjectStore
    private(set) var metadata: TableMetadata
    private var version = 0

    var location: String { "\(directory.path)/bucket/numbers" }
    var metadataFile: String { "\(location)/metadata/v\(version).metadata.json" }
    /// The id of the first snapshot.
    var first: String { get throws { String(try #require(metadata.snapshots.first).snapshotID) } }

    init() async throws {
        directory = try TemporaryDirectory()
        store = try LocalObjectStore(root: directory.path)
        metadata = try TableMetadata.new(
            location: "file://\(directory.path)/bucket/numbers",
            schema: try Schema(fields: [.required(1, "n", .long), .optional(2, "word", .string)]),
            spec: UnboundPartitionSpec(), properties: ["commit.manifest-merge.enabled": "false"], uuid: .random(),
            at: Self.time(0))
        for range in [1...10, 11...30] { try await commit(try await write(range)) }
    }

    private static func time(_ seconds: Int) -> Timestamp {
        Timestamp(milliseconds: 1_700_000_000_000 + Int64(seconds) * 1000)
    }

    /// A data file of the table, which no snapshot has yet.
    func write(_ range: ClosedRange<Int>) async throws -> DataFile {
        var options = ParquetWriterOptions()
        options.pageChecksums = true
        var writer = try TableWriter(metadata, options: TableWriterOptions(parquet: options))
        for number in range {
            try writer.append([
                .primitive(.long(Int64(number))), .primitive(.string(number % 2 == 0 ? "even" : "odd")),
            ])
        }
        let written = try #require(try writer.finish().first)
        try await put(written.file.path, written.bytes)
        return written.file
    }

    mutating func commit(_ file: DataFile) async throws {
        let now = Self.time(Int(metadata.lastSequenceNumber) * 10 + 1)
        let commit = try await Append(files: [file]).prepare(
            base: metadata, loader: ManifestLoader(store: store), now: now)
        for object in commit.objects { try await put(store.uri(of: object.location), object.bytes) }
        try await save(try metadata.applying(commit.updates, at: now))
    }

    mutating func save(_ newer: TableMetadata) async throws {
        metadata = newer
        version += 1
        try await put("file://\(metadataFile)", try TableMetadataFile.encode(metadata))
    }

    // MARK: - Damage

    func manifestList() throws -> String { try #require(metadata.currentSnapshot?.manifestList) }

    func manifests() async throws -> [ManifestFile] {
        try await ManifestLoader(store: store).manifests(of: try #require(metadata.currentSnapshot))
    }

    func files() async throws -> [DataFile] {
        try await ScanPlanner(loader: ManifestLoader(store: store)).plan(metadata).files.map(\.file)
    }

    func put(_ uri: String, _ bytes: [UInt8]) async throws {
        _ = try await store.put(try store.location(of: uri), bytes, condition: .always, contentType: nil)
    }

    func rewrite(_ uri: String, _ change: (inout [UInt8]) -> Void) async throws {
        var bytes = try await store.get(try store.location(of: uri), range: nil).bytes
        change(&bytes)
        try await put(uri, bytes)
    }

    func delete(_ uri: String) async throws {
        let place = try store.location(of: uri)
        try await store.delete(place.bucket, [place.key])
    }
}
