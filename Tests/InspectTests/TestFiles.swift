import Clocks
import Foundation
import IcebergSpec
import IcebergTable
import Inspect
import JSONFormat
import ObjectStore
import ParquetFormat
import Testing

/// A directory that is gone when the value is.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "inspect-\(Clocks.UUID.random())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], _ name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }
}

/// Runs a command with `--json` and gives what it printed, whatever the exit code.
func inspected(_ arguments: String..., exitCode: Int32 = 0) async throws -> JSONValue {
    let result = await InspectCommand.run(["--json"] + arguments)
    #expect(result.exitCode == exitCode, "\(result.problem)")
    return try JSONValue.parse(result.output)
}

/// A Parquet file of two row groups, as the library writes it.
enum TestParquet {
    static let rowCount = 1000

    static func bytes(_ options: ParquetWriterOptions) throws -> [UInt8] {
        let schema = try ParquetSchema(fields: [
            .primitive("id", .int64, .required, fieldID: 1),
            .primitive(
                "time", .int64, .optional, logical: .timestamp(unit: .microseconds, isAdjustedToUTC: true), fieldID: 2),
            .string("type", fieldID: 3),
        ])
        var writer = try ParquetWriter(schema: schema, options: options)
        for group in 0..<2 {
            let ids = (0..<rowCount).map { Int64(group * rowCount + $0) }
            let present = [UInt8](repeating: 1, count: rowCount - 1) + [0]
            try writer.appendRowGroup(
                [
                    LeafColumn(schema.leaves[0], values: .int64(ids)),
                    LeafColumn(
                        schema.leaves[1], values: .int64(ids.dropLast().map { 1_700_000_000_000_000 + $0 }),
                        definitionLevels: present),
                    LeafColumn(
                        schema.leaves[2],
                        values: .byteArray(ByteArrayColumn(ids.map { Array("type-\($0 % 3)".utf8) })),
                        definitionLevels: [UInt8](repeating: 1, count: rowCount)),
                ], rowCount: rowCount)
        }
        return try writer.finish().bytes
    }
}

/// A table of three commits in a local store: two files of types a and b, then one of them replaced.
struct TestTable {
    let directory: TemporaryDirectory
    let store: LocalObjectStore
    private(set) var metadata: TableMetadata
    private var version = 0
    private var milliseconds: Int64 = 1_700_000_000_000

    var location: String { "\(directory.path)/bucket/events" }
    func metadataFile(_ version: Int) -> String { "\(location)/metadata/v\(version).metadata.json" }

    init(formatVersion: Int = 2) async throws {
        directory = try TemporaryDirectory()
        store = try LocalObjectStore(root: directory.path)
        let schema = try Schema(fields: [
            .required(1, "type", .string), .required(2, "time", .timestamptz), .optional(3, "amount", .double),
        ])
        metadata = try TableMetadata.new(
            location: "file://\(directory.path)/bucket/events", schema: schema,
            spec: UnboundPartitionSpec(fields: [
                .init(sourceID: 1, name: "type", transform: .identity),
                .init(sourceID: 2, name: "time_hour", transform: .hour),
            ]), properties: ["owner": "tests"], formatVersion: formatVersion, uuid: UUID(high: 1, low: 2),
            at: Timestamp(milliseconds: 1_700_000_000_000))
        try await save()
        let loader = ManifestLoader(store: store)
        for (name, type) in [("one", "a"), ("two", "b")] {
            try await commit(
                try await Append(files: [file(name, type: type)]).prepare(
                    base: metadata, loader: loader, now: tick()))
        }
        try await commit(
            try await Replace(
                removed: [file("one", type: "a")], added: [file("three", type: "a")], dataSequenceNumber: nil
            ).prepare(base: metadata, loader: loader, now: tick()))
    }

    func file(_ name: String, type: String) -> DataFile {
        var file = DataFile(
            path: "\(metadata.location)/data/\(name).parquet", specID: 0, partition: [.string(type), .int(472_222)],
            recordCount: 10, fileSizeBytes: 1000)
        file.valueCounts = [1: 10, 2: 10, 3: 10]
        file.nullValueCounts = [1: 0, 2: 0, 3: 4]
        file.lowerBounds = [1: Array(type.utf8), 2: Datum.timestamptz(1_700_000_000_000_000).singleValueBinary]
        file.upperBounds = [1: Array(type.utf8), 2: Datum.timestamptz(1_700_000_000_500_000).singleValueBinary]
        return file
    }

    private mutating func tick() -> Timestamp {
        milliseconds += 1000
        return Timestamp(milliseconds: milliseconds)
    }

    private mutating func commit(_ commit: PreparedCommit) async throws {
        for object in commit.objects { _ = try await store.putIfAbsentProved(object.location, object.bytes) }
        metadata = try metadata.applying(commit.updates, at: tick())
        try await save()
    }

    private mutating func save() async throws {
        version += 1
        let location = try store.location(of: "file://\(metadataFile(version))")
        _ = try await store.put(
            location, try TableMetadataFile.encode(metadata), condition: .ifAbsent, contentType: nil)
    }
}
