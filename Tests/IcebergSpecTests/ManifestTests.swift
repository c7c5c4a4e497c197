import Clocks
import Testing

@testable import IcebergSpec

private let sync = [UInt8](0..<16)

private func partitioned() throws -> (schema: Schema, spec: PartitionSpec, types: [IcebergType]) {
    let types: [IcebergType] = [
        .string, .int, .date, .decimal(precision: 9, scale: 2), .uuid, .fixed(3), .timestamptz, .double, .boolean,
        .binary,
    ]
    let schema = try Schema(fields: types.enumerated().map { .optional($0.offset + 1, "c \($0.offset)", $0.element) })
    let spec = PartitionSpec(
        id: 3,
        fields: types.indices.map {
            PartitionField(sourceID: $0 + 1, fieldID: 1000 + $0, name: "c \($0)", transform: .identity)
        })
    return (schema, spec, types)
}

private func file(_ name: String, partition: [Datum?], rows: Int64 = 10) -> DataFile {
    var file = DataFile(
        path: "s3://bucket/\(name)", specID: 3, partition: partition, recordCount: rows, fileSizeBytes: 1234)
    file.columnSizes = [1: 100, 2: 7]
    file.valueCounts = [1: 10, 2: 10]
    file.nullValueCounts = [1: 0, 2: 4]
    file.nanValueCounts = [8: 1]
    file.lowerBounds = [1: Array("a".utf8), 2: [1, 0, 0, 0]]
    file.upperBounds = [1: Array("z".utf8), 2: [9, 0, 0, 0]]
    file.keyMetadata = [7]
    file.splitOffsets = [4, 400]
    file.sortOrderID = 1
    return file
}

private let values: [Datum?] = [
    .string("page.view"), .int(-7), .date(19_000), .decimal(unscaled: -12_345, scale: 2),
    .uuid(UUID(high: 1, low: 2)), .fixed([1, 2, 3]), .timestamptz(1_700_000_000_000_000), .double(1.5), .boolean(true),
    .binary([0xFF, 0]),
]

@Suite struct ManifestTests {
    @Test(arguments: [2, 3])
    func `what is written is read back, with inherited numbers filled in`(version: Int) throws {
        let (schema, spec, types) = try partitioned()
        var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: version, sync: sync)
        let nulls = [Datum?](repeating: nil, count: types.count)
        let added = ManifestEntry(status: .added, snapshotID: 42, file: file("added", partition: values))
        let existing = ManifestEntry(
            status: .existing, snapshotID: 7, dataSequenceNumber: 3, fileSequenceNumber: 4,
            file: file("existing", partition: nulls, rows: 5))
        let deleted = ManifestEntry(
            status: .deleted, snapshotID: 42, dataSequenceNumber: 1, fileSequenceNumber: 1,
            file: file("deleted", partition: values, rows: 2))
        for entry in [added, existing, deleted] { try writer.append(entry) }
        let (manifest, bytes) = try writer.finish(path: "s3://bucket/m.avro", snapshotID: 42, sequenceNumber: 9)

        #expect(manifest.length == Int64(bytes.count))
        #expect(
            (manifest.addedFilesCount, manifest.existingFilesCount, manifest.deletedFilesCount) == (1, 1, 1))
        #expect((manifest.addedRowsCount, manifest.existingRowsCount, manifest.deletedRowsCount) == (10, 5, 2))
        #expect(manifest.minSequenceNumber == 3, "deleted entries do not count")
        #expect(
            manifest.partitions?[0]
                == ManifestFile.FieldSummary(
                    containsNull: true, containsNaN: false, lowerBound: Array("page.view".utf8),
                    upperBound: Array("page.view".utf8)))

        let read = try Manifest.decode(bytes, of: manifest, spec: spec, types: types)
        #expect(read.formatVersion == version)
        #expect(read.metadata["content"] == "data" && read.metadata["partition-spec-id"] == "3")
        var inherited = added
        inherited.dataSequenceNumber = 9
        inherited.fileSequenceNumber = 9
        #expect(read.entries == [inherited, existing, deleted])
    }

    @Test func `numbers that an added entry states are kept`() throws {
        let (schema, spec, types) = try partitioned()
        var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: 2, sync: sync)
        try writer.append(
            ManifestEntry(
                status: .added, snapshotID: 42, dataSequenceNumber: 5, file: file("compacted", partition: values)))
        let (manifest, bytes) = try writer.finish(path: "m", snapshotID: 42, sequenceNumber: 9)
        let entry = try Manifest.decode(bytes, of: manifest, spec: spec, types: types).entries[0]
        #expect((entry.dataSequenceNumber, entry.fileSequenceNumber) == (5, 9))
        #expect(manifest.minSequenceNumber == 5)
    }

    @Test func `a rebased manifest gives its entries the new sequence number`() throws {
        let (schema, spec, types) = try partitioned()
        var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: 2, sync: sync)
        try writer.append(ManifestEntry(status: .added, snapshotID: 42, file: file("a", partition: values)))
        let (manifest, bytes) = try writer.finish(path: "m", snapshotID: 42, sequenceNumber: 9)
        let rebased = manifest.rebased(to: 11)
        #expect((rebased.sequenceNumber, rebased.minSequenceNumber) == (11, 11))
        let entry = try Manifest.decode(bytes, of: rebased, spec: spec, types: types).entries[0]
        #expect((entry.dataSequenceNumber, entry.fileSequenceNumber) == (11, 11))
    }

    @Test func `row ids are given in order to files that have none`() throws {
        let (schema, spec, types) = try partitioned()
        var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: 3, sync: sync)
        for name in ["a", "b"] {
            try writer.append(ManifestEntry(status: .added, snapshotID: 1, file: file(name, partition: values)))
        }
        let (manifest, bytes) = try writer.finish(path: "m", snapshotID: 1, sequenceNumber: 1)
        var files = [manifest, manifest]
        #expect(ManifestList.assignRowIDs(&files, from: 100) == 140)
        #expect(files.map(\.firstRowID) == [100, 120])
        let read = try Manifest.decode(bytes, of: files[1], spec: spec, types: types)
        #expect(read.entries.map(\.file.firstRowID) == [120, 130])
    }

    @Test func `entries that contradict the manifest are refused`() throws {
        let (schema, spec, types) = try partitioned()
        func refused(_ change: (inout ManifestEntry) -> Void) throws -> Bool {
            var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: 2, sync: sync)
            var entry = ManifestEntry(status: .added, snapshotID: 1, file: file("a", partition: values))
            change(&entry)
            do { try writer.append(entry) } catch { return error.code == .invalid }
            return false
        }
        #expect(try !refused { _ in })
        #expect(try refused { $0.status = .existing })
        #expect(try refused { $0.snapshotID = nil })
        #expect(try refused { $0.file.specID = 4 })
        #expect(try refused { $0.file.partition.removeLast() })
        #expect(try refused { $0.file.partition[0] = .int(1) })
        #expect(try refused { $0.file.content = .positionDeletes })
        #expect(try refused { $0.file.recordCount = -1 })
    }

    @Test func `a manifest cut or damaged anywhere is refused by an error`() throws {
        let (schema, spec, types) = try partitioned()
        var writer = try ManifestWriter(schema: schema, spec: spec, types: types, formatVersion: 2, sync: sync)
        try writer.append(ManifestEntry(status: .added, snapshotID: 42, file: file("a", partition: values)))
        let (manifest, bytes) = try writer.finish(path: "m", snapshotID: 42, sequenceNumber: 9)
        for length in stride(from: 0, to: bytes.count, by: 7) {
            let cut = Array(bytes[..<length])
            let entries = (try? Manifest.decode(cut, of: manifest, spec: spec, types: types))?.entries
            #expect(entries?.isEmpty ?? true)
        }
    }
}

@Suite struct ManifestListTests {
    @Test(arguments: [2, 3])
    func `what is written is read back`(version: Int) throws {
        var data = ManifestFile(
            path: "s3://b/m0.avro", length: 100, partitionSpecID: 1, sequenceNumber: 5, minSequenceNumber: 2,
            addedSnapshotID: 77)
        (data.addedFilesCount, data.existingFilesCount, data.deletedFilesCount) = (1, 2, 3)
        (data.addedRowsCount, data.existingRowsCount, data.deletedRowsCount) = (10, 20, 1 << 40)
        data.partitions = [
            .init(containsNull: false, containsNaN: nil, lowerBound: [1], upperBound: [2]),
            .init(containsNull: true, containsNaN: true),
        ]
        data.keyMetadata = [9]
        if version == 3 { data.firstRowID = 1000 }
        var deletes = ManifestFile(
            path: "s3://b/m1.avro", length: 1, partitionSpecID: 0, content: .deletes, sequenceNumber: 6,
            minSequenceNumber: 6, addedSnapshotID: 78)
        (deletes.addedFilesCount, deletes.existingFilesCount, deletes.deletedFilesCount) = (0, 0, 0)
        (deletes.addedRowsCount, deletes.existingRowsCount, deletes.deletedRowsCount) = (0, 0, 0)
        let bytes = try ManifestList.encode(
            [data, deletes], formatVersion: version, snapshotID: 78, parentSnapshotID: nil, sequenceNumber: 6,
            firstRowID: version == 3 ? 0 : nil, sync: sync)
        #expect(try ManifestList.decode(bytes, path: "list") == [data, deletes])
    }

    @Test func `a manifest whose files are not counted is not listed as an empty one`() throws {
        var file = ManifestFile(
            path: "m", length: 1, partitionSpecID: 0, sequenceNumber: 0, minSequenceNumber: 0, addedSnapshotID: 7)
        func encoded() throws -> [UInt8] {
            try ManifestList.encode(
                [file], formatVersion: 2, snapshotID: 7, parentSnapshotID: nil, sequenceNumber: 1, sync: sync)
        }
        #expect(throws: IcebergError.self) { try encoded() }
        (file.addedFilesCount, file.existingFilesCount, file.deletedFilesCount) = (-1, -1, 0)
        (file.addedRowsCount, file.existingRowsCount, file.deletedRowsCount) = (-5, 0, 0)
        let read = try ManifestList.decode(try encoded(), path: "list")[0]
        #expect((read.addedFilesCount, read.existingFilesCount, read.addedRowsCount) == (nil, nil, nil))
        #expect(read.mayHaveLiveFiles && !read.isCounted, "negative counts say nothing")
    }

    @Test func `row ids end with 64 bits`() {
        var file = ManifestFile(
            path: "m", length: 1, partitionSpecID: 0, sequenceNumber: 0, minSequenceNumber: 0, addedSnapshotID: 7)
        (file.addedRowsCount, file.existingRowsCount) = (.max, .max)
        var files = [file, file]
        #expect(ManifestList.assignRowIDs(&files, from: 5) == .max)
    }

    @Test func `version 1 is not written`() {
        #expect(throws: IcebergError.self) {
            try ManifestList.encode(
                [], formatVersion: 1, snapshotID: 1, parentSnapshotID: nil, sequenceNumber: 0, sync: sync)
        }
    }
}

@Suite struct FieldMapTests {
    @Test func `values are found by id whatever the order they came in`() {
        var map: FieldMap<Int64> = [5: 50, 1: 10, 3: 30, 5: 55]
        #expect(map.entries.map(\.0) == [1, 3, 5])
        #expect(map[5] == 55 && map[3] == 30 && map[2] == nil && map[1 << 40] == nil)
        map[3] = nil
        map[9] = nil
        #expect(map == [1: 10, 5: 55])
    }

    @Test(arguments: [("a b", "a_x20b"), ("1x", "_1x"), ("ok_9", "ok_9"), ("é", "_xE9"), ("", "_")])
    func `partition names become Avro names`(name: String, expected: String) {
        #expect(ManifestSchema.sanitized(name) == expected)
    }
}
