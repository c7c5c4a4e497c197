import Clocks
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Testing

@testable import IcebergData

/// A table of real files, damaged in one way each: the validator names the damage, and where it is.
@Suite struct TableValidatorTests {
    private static let schema = [
        NestedField.required(1, "id", .long), .required(2, "type", .string), .required(3, "time", .timestamptz),
    ]

    private func table(formatVersion: Int = 2) async throws -> LiveTable {
        let table = try LiveTable(
            try Schema(fields: Self.schema),
            spec: [
                .init(sourceID: 2, name: "type", transform: .identity),
                .init(sourceID: 3, name: "hour", transform: .hour),
            ], formatVersion: formatVersion)
        table.layout.pageChecksums = true
        try await table.insert(rows("view", hour: 1))
        try await table.insert(rows("click", hour: 2))
        return table
    }

    private func rows(_ type: String, hour: Int64, count: Int64 = 40) -> [[RowValue]] {
        (0..<count).map { id in
            [
                .primitive(.long(id)), .primitive(.string(type)),
                .primitive(.timestamptz(hour * 3_600_000_000 + id * 1_000)),
            ]
        }
    }

    private func files(_ table: LiveTable) async throws -> [DataFile] {
        let snapshot = try #require(table.metadata.currentSnapshot)
        return try await ScanPlanner(loader: ManifestLoader(store: table.store))
            .liveEntries(of: snapshot, in: table.metadata).map(\.file)
    }

    private func manifests(_ table: LiveTable) async throws -> [ManifestFile] {
        let snapshot = try #require(table.metadata.currentSnapshot)
        return try await ManifestLoader(store: table.store).manifests(of: snapshot)
    }

    private func report(_ table: LiveTable, _ level: ValidationLevel = .checksums) async -> ValidationReport {
        await TableValidator(store: table.store, level: level, scope: .all).validate(table.metadata)
    }

    private func rewrite(_ table: LiveTable, _ uri: String, _ change: (inout [UInt8]) -> Void) async throws {
        let location = try table.store.location(of: uri)
        var bytes = try await table.store.get(location, range: nil).bytes
        change(&bytes)
        _ = try await table.store.put(location, bytes, condition: .always, contentType: nil)
    }

    private func delete(_ table: LiveTable, _ uri: String) async throws {
        let location = try table.store.location(of: uri)
        try await table.store.delete(location.bucket, [location.key])
    }

    @Test(arguments: [2, 3]) func `a table that is whole has no findings, at any level`(version: Int) async throws {
        let table = try await table(formatVersion: version)
        let first = try await files(table)[0].path
        try await table.delete([(first, 3), (first, 5)])
        let report = await report(table)
        #expect(report.findings.isEmpty)
        #expect(report.isSound)
        #expect(report.snapshots == 3 && report.dataFiles == 2 && report.deleteFiles == 1)
    }

    @Test func `a missing manifest list is named`() async throws {
        let table = try await table()
        let list = try #require(table.metadata.currentSnapshot?.manifestList)
        try await delete(table, list)
        let found = await report(table).findings
        #expect(found.map(\.code) == [.manifestListMissing])
        #expect(found.first?.place == list)
    }

    @Test func `a manifest list that is cut is named`() async throws {
        let table = try await table()
        let list = try #require(table.metadata.currentSnapshot?.manifestList)
        try await rewrite(table, list) { $0.removeLast($0.count / 2) }
        #expect(await report(table).findings.map(\.code) == [.manifestListDamaged])
    }

    @Test func `a missing manifest is named once, though two snapshots list it`() async throws {
        let table = try await table()
        let manifest = try #require(try await manifests(table).last)
        try await delete(table, manifest.path)
        let found = await report(table).findings
        #expect(found.map(\.code) == [.manifestMissing])
        #expect(found.first?.place == manifest.path)
    }

    @Test func `a manifest that is cut is named`() async throws {
        let table = try await table()
        let manifest = try #require(try await manifests(table).first)
        try await rewrite(table, manifest.path) { $0.removeLast(20) }
        #expect(await report(table).findings.map(\.code) == [.manifestDamaged])
    }

    @Test func `a missing data file is named`() async throws {
        let table = try await table()
        let file = try #require(try await files(table).first)
        try await delete(table, file.path)
        let found = await report(table, .files).findings
        #expect(found.map(\.code) == [.fileMissing])
        #expect(found.first?.place == file.path)
        #expect(await report(table, .metadata).isSound)
    }

    @Test func `a data file that is cut has another size and no footer`() async throws {
        let table = try await table()
        let file = try #require(try await files(table).first)
        try await rewrite(table, file.path) { $0.removeLast(9) }
        #expect(await report(table, .files).findings.map(\.code) == [.fileSize])
        #expect(await report(table).findings.map(\.code) == [.fileSize, .fileDamaged])
    }

    @Test func `a flipped byte in a page is found by its checksum alone`() async throws {
        let table = try await table()
        let file = try #require(try await files(table).first)
        let parquet = try await StoredParquetFile(file.path, size: file.fileSizeBytes, store: table.store)
        let end = try parquet.metadata.columnChunkRange(rowGroup: 0, leaf: 0).upperBound
        try await rewrite(table, file.path) { $0[Int(end) - 1] ^= 1 }
        #expect(await report(table, .statistics).isSound)
        #expect(await report(table).findings.map(\.code) == [.checksum])
    }

    struct Lie: Sendable, CustomStringConvertible {
        let description: String
        let codes: [TableFinding.Code]
        let tell: @Sendable (inout DataFile) -> Void
    }

    /// What manifests may say of a file that is not so.
    static let lies = [
        Lie(description: "more rows than it has", codes: [.recordCount]) { $0.recordCount += 1 },
        Lie(description: "another size", codes: [.fileSize]) { $0.fileSizeBytes += 1 },
        Lie(description: "a count of nulls", codes: [.statistics]) { $0.nullValueCounts[1] = 3 },
        Lie(description: "a lower bound that is too high", codes: [.statistics]) {
            $0.lowerBounds[1] = Datum.long(7).singleValueBinary
        },
        Lie(description: "an upper bound that is too low", codes: [.statistics]) {
            $0.upperBounds[1] = Datum.long(7).singleValueBinary
        },
        Lie(description: "another partition", codes: [.partition]) { $0.partition[0] = .string("scroll") },
        Lie(description: "another hour", codes: [.partition]) { $0.partition[1] = .int(77) },
    ]

    @Test(arguments: lies) func `a file of which a manifest says what is not so is named`(lie: Lie) async throws {
        let table = try await table()
        var file = try #require(try await table.write(rows("view", hour: 4)).first)
        lie.tell(&file)
        try await table.commit(Append(files: [file]))
        let found = await report(table).findings
        #expect(found.map(\.code) == lie.codes)
        #expect(found.allSatisfy { $0.place == file.path })
    }

    @Test func `a file listed twice is named`() async throws {
        let table = try await table()
        let file = try #require(try await files(table).first)
        try await table.commit(Append(files: [file]))
        let found = await report(table, .metadata).findings
        #expect(found.map(\.code) == [.duplicateFile])
        #expect(found.first?.place == file.path)
    }

    @Test func `totals that are not those of the manifests are named`() async throws {
        let table = try await table()
        let current = try #require(table.metadata.currentSnapshot)
        var wrong = current
        wrong.snapshotID = 77
        wrong.parentSnapshotID = current.snapshotID
        wrong.sequenceNumber = table.metadata.lastSequenceNumber + 1
        wrong.summary["total-records"] = "81"
        try table.apply([
            .addSnapshot(wrong), .setSnapshotReference(name: "main", SnapshotReference(snapshotID: 77)),
        ])
        let found = await report(table, .metadata).findings
        #expect(found.map(\.code) == [.totals])
        #expect(found.first?.message.contains("81") == true)
    }

    @Test func `files without field ids are named unless the table maps names`() async throws {
        let table = try await table()
        let fields = Self.schema.map { field in
            SchemaNode.primitive(
                field.name, field.type == .string ? .byteArray : .int64, .required,
                logical: field.type == .string
                    ? .string : field.type == .long ? nil : .timestamp(unit: .microseconds, isAdjustedToUTC: true))
        }
        let written = try #require(try await table.write(rows("view", hour: 4)).first)
        let bytes = try await table.store.get(try table.store.location(of: written.path), range: nil).bytes
        let reader = try ParquetReader(bytes)
        var writer = try ParquetWriter(schema: try ParquetSchema(fields: fields))
        for group in reader.metadata.rowGroups.indices { try writer.append(try reader.rowGroup(group)) }
        let plain = try writer.finish().bytes
        let place = try table.store.location(of: written.path)
        _ = try await table.store.put(place, plain, condition: .always, contentType: nil)
        var file = written
        file.fileSizeBytes = Int64(plain.count)
        try await table.commit(Append(files: [file]))
        #expect(await report(table, .footers).findings.map(\.code) == [.columns])
        try table.apply([
            .setProperties([NameMapping.property: NameMapping(schema: table.metadata.currentSchema).text])
        ])
        #expect(await report(table, .footers).isSound)
    }

    @Test func `a store that is away is not taken for a missing file`() async throws {
        let table = try await table()
        let file = try #require(try await files(table).first)
        let store = AwayStore(store: table.store, away: try table.store.location(of: file.path))
        let report = await TableValidator(store: store).validate(table.metadata)
        #expect(report.findings.map(\.code) == [.unread])
    }

    @Test func `without time nothing is said to be whole`() async throws {
        let table = try await table()
        let report = await TableValidator(store: table.store, milliseconds: 0).validate(table.metadata)
        #expect(report.findings.isEmpty)
        #expect(!report.isComplete && !report.isSound)
    }

    @Test func `findings beyond the limit are counted`() async throws {
        let table = try await table()
        for file in try await files(table) { try await delete(table, file.path) }
        let report = await TableValidator(store: table.store, findingsMax: 1).validate(table.metadata)
        #expect(report.findings.count == 1)
        #expect(report.findingCount == 2)
    }
}

/// A store that fails for one object.
private struct AwayStore: ObjectStore {
    let store: MemoryObjectStore
    let away: ObjectLocation

    private func check(_ location: ObjectLocation) throws(ObjectStoreError) {
        if location == away { throw ObjectStoreError(.unavailable, "503") }
    }

    func get(_ location: ObjectLocation, range: Range<Int64>?) async throws(ObjectStoreError) -> StoredObject {
        try check(location)
        return try await store.get(location, range: range)
    }

    func head(_ location: ObjectLocation) async throws(ObjectStoreError) -> ObjectInfo? {
        try check(location)
        return try await store.head(location)
    }

    func put(
        _ location: ObjectLocation, _ bytes: [UInt8], condition: PutCondition, contentType: String?
    ) async throws(ObjectStoreError) -> PutOutcome {
        try await store.put(location, bytes, condition: condition, contentType: contentType)
    }

    func list(
        _ bucket: BucketName, prefix: String, delimiter: String?, startAfter: String?, limit: Int
    ) async throws(ObjectStoreError) -> ObjectPage {
        try await store.list(bucket, prefix: prefix, delimiter: delimiter, startAfter: startAfter, limit: limit)
    }

    func delete(_ bucket: BucketName, _ keys: [ObjectKey]) async throws(ObjectStoreError) {
        try await store.delete(bucket, keys)
    }

    func uri(of location: ObjectLocation) -> String { store.uri(of: location) }
    func location(of uri: String) throws(ObjectStoreError) -> ObjectLocation { try store.location(of: uri) }
}
