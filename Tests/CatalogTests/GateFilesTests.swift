import AvroFormat
import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Testing

@testable import Catalog

/// What the gate refuses by the manifest list and the manifests of a snapshot, and what it puts right.
@Suite struct GateFilesTests {
    let fixture: ServiceFixture
    let memory: MemoryObjectStore
    let request = CatalogService.Request()
    static let folder = "s3://analytics-source/analytics/events"

    init() async throws {
        fixture = try ServiceFixture()
        memory = try await fixture.store()
    }

    private func make(_ properties: [String: String] = [:]) async throws {
        let all = properties.merging(["commit.gate.level": "full"]) { given, _ in given }
        _ = try await fixture.service(memory).createTable(
            fixture.events, try fixture.creation(properties: all), request)
    }

    /// What a client writes and commits; each test changes one thing.
    struct Draft {
        var id: Int64 = 7
        var parent: Int64?
        var sequenceNumber: Int64 = 1
        var operation = "append"
        var entries: [ManifestEntry]
        var manifestPath: String { "\(GateFilesTests.folder)/metadata/m\(id).avro" }
        var listPath: String { "\(GateFilesTests.folder)/metadata/snap-\(id).avro" }
        var summary: [String: String] = [:]
        var carried: [ManifestFile] = []
        /// Before the list is written, after the manifest is.
        var list: (inout [ManifestFile]) -> Void = { _ in }
        var manifestBytes: ([UInt8]) throws -> [UInt8] = { $0 }
        var listBytes: ([UInt8]) throws -> [UInt8] = { $0 }
        var snapshot: (inout Snapshot) -> Void = { _ in }
    }

    private static func entry(
        _ name: String, _ status: ManifestEntry.Status = .added, snapshot: Int64 = 7, number: Int64? = nil
    ) -> ManifestEntry {
        let file = DataFile(path: "\(folder)/data/\(name).parquet", recordCount: 10, fileSizeBytes: 100)
        return ManifestEntry(
            status: status, snapshotID: snapshot, dataSequenceNumber: number, fileSequenceNumber: number, file: file)
    }

    /// - Returns: the manifests of the snapshot, as its list says.
    private func commit(_ draft: Draft) async throws -> (error: CatalogError?, files: [ManifestFile]) {
        let types: [IcebergType] = []
        let schema = try Schema(fields: [.required(1, "id", .string)])
        var writer = try ManifestWriter(
            schema: schema, spec: .unpartitioned, types: types, formatVersion: 2, sync: [UInt8](repeating: 1, count: 16)
        )
        for entry in draft.entries { try writer.append(entry) }
        let (file, bytes) = try writer.finish(
            path: draft.manifestPath, snapshotID: draft.id, sequenceNumber: draft.sequenceNumber)
        try await put(try draft.manifestBytes(bytes), at: draft.manifestPath)
        var files = [file] + draft.carried
        draft.list(&files)
        let list = try ManifestList.encode(
            files, formatVersion: 2, snapshotID: draft.id, parentSnapshotID: draft.parent,
            sequenceNumber: draft.sequenceNumber, sync: [UInt8](repeating: 2, count: 16))
        try await put(try draft.listBytes(list), at: draft.listPath)
        var snapshot = Snapshot(
            snapshotID: draft.id, parentSnapshotID: draft.parent, sequenceNumber: draft.sequenceNumber,
            timestampMilliseconds: SystemClock().now().milliseconds, manifestList: draft.listPath,
            summary: draft.summary.merging(["operation": draft.operation]) { $1 }, schemaID: 0)
        draft.snapshot(&snapshot)
        let change = CatalogService.TableChange(
            identifier: fixture.events,
            requirements: [.referenceSnapshotID(reference: "main", snapshotID: draft.parent)],
            updates: [
                .addSnapshot(snapshot), .setSnapshotReference(name: "main", SnapshotReference(snapshotID: draft.id)),
            ])
        let service = try fixture.service(memory)
        do throws(CatalogError) {
            _ = try await service.commit(change, request)
            return (nil, files)
        } catch {
            return (error, files)
        }
    }

    private func put(_ bytes: [UInt8], at path: String) async throws {
        _ = try await memory.put(try memory.location(of: path), bytes, condition: .always, contentType: nil)
    }

    private static var good: Draft {
        Draft(entries: [entry("a"), entry("b")], summary: ["total-records": "20", "total-data-files": "2"])
    }

    @Test func `a snapshot whose files are right is taken, and so is what follows on it`() async throws {
        try await make()
        let first = try await commit(Self.good)
        #expect(first.error == nil)
        // The next rewrites the manifest: one file is kept, one removed, one new.
        let next = Draft(
            id: 8, parent: 7, sequenceNumber: 2, operation: "overwrite",
            entries: [
                Self.entry("a", .existing, snapshot: 7, number: 1), Self.entry("b", .deleted, snapshot: 8, number: 1),
                Self.entry("c", snapshot: 8),
            ], summary: ["total-records": "20", "total-data-files": "2"])
        #expect(try await commit(next).error == nil)
    }

    enum Fault: String, CaseIterable {
        case noList, listGarbage, noManifest, manifestGarbage, listWithoutIDs, manifestWithoutIDs, countTooHigh
        case rowsTooHigh, unknownSpec, futureSequence, staleSequence, highMinimum, listedTwice, fileTwice, relativeFile
        case fileElsewhere, manifestElsewhere, wrongTotal, wrongFiles, foreignAdded, wrongLength

        /// What the refusal speaks of.
        var word: String {
            switch self {
            case .noList, .noManifest: "no "
            case .listGarbage, .manifestGarbage: "avro"
            case .listWithoutIDs, .manifestWithoutIDs: "no field-id"
            case .countTooHigh, .rowsTooHigh: "the list says"
            case .unknownSpec: "partition spec 4"
            case .futureSequence, .staleSequence: "sequence number"
            case .highMinimum: "lowest sequence number"
            case .listedTwice, .fileTwice: "twice"
            case .relativeFile: "relative path"
            case .fileElsewhere, .manifestElsewhere: "outside"
            case .wrongTotal: "total-records"
            case .wrongFiles: "total-data-files"
            case .foreignAdded: "snapshot 6"
            case .wrongLength: "bytes"
            }
        }
    }

    @Test(arguments: Fault.allCases)
    func `a snapshot with a fault in its files is refused`(fault: Fault) async throws {
        try await make()
        var draft = Self.good
        switch fault {
        case .noList: draft.snapshot = { $0.manifestList = "\(Self.folder)/metadata/none.avro" }
        case .listGarbage: draft.listBytes = { _ in Array("garbage".utf8) }
        case .noManifest: draft.list = { $0[0].path = "\(Self.folder)/metadata/none.avro" }
        case .manifestGarbage: draft.manifestBytes = { Array($0.prefix(80)) }
        case .listWithoutIDs: draft.listBytes = Self.withoutIDs
        case .manifestWithoutIDs: draft.manifestBytes = Self.withoutIDs
        case .countTooHigh: draft.list = { $0[0].addedFilesCount = 3 }
        case .rowsTooHigh: draft.list = { $0[0].addedRowsCount = 21 }
        case .unknownSpec: draft.list = { $0[0].partitionSpecID = 4 }
        case .futureSequence: draft.list = { $0[0].sequenceNumber = 9 }
        case .staleSequence: draft.list = { $0[0].sequenceNumber = 0 }
        case .highMinimum: draft.list = { $0[0].minSequenceNumber = 2 }
        case .listedTwice: draft.list = { $0.append($0[0]) }
        case .fileTwice: draft.entries = [Self.entry("a"), Self.entry("a")]
        case .relativeFile: draft.entries[1].file.path = "data/b.parquet"
        case .fileElsewhere: draft.entries[1].file.path = "s3://elsewhere/b.parquet"
        case .manifestElsewhere: draft.list = { $0[0].path = "s3://analytics-source/other/m.avro" }
        case .wrongTotal: draft.summary["total-records"] = "21"
        case .wrongFiles: draft.summary["total-data-files"] = "1"
        case .foreignAdded: draft.entries[1].snapshotID = 6
        case .wrongLength: draft.list = { $0[0].length += 1 }
        }
        let error = try await commit(draft).error
        #expect(error?.code == .badRequest, "\(fault): \(error?.message ?? "taken")")
        #expect(error?.message.contains(fault.word) == true, "\(fault): \(error?.message ?? "taken")")
        #expect(try await fixture.service(memory).loadTable(fixture.events).file.metadata.snapshots.isEmpty)
    }

    enum Loss: CaseIterable {
        case droppedManifest, droppedFile, deletedUnknown, keptUnknown, renumbered, carriedOtherwise
    }

    @Test(arguments: Loss.allCases)
    func `a snapshot that does not account for its parent's files is refused`(loss: Loss) async throws {
        try await make()
        let first = try await commit(Self.good)
        #expect(first.error == nil)
        var draft = Draft(
            id: 8, parent: 7, sequenceNumber: 2,
            entries: [
                Self.entry("a", .existing, number: 1), Self.entry("b", .existing, number: 1),
                Self.entry("c", snapshot: 8),
            ])
        switch loss {
        case .droppedManifest: draft.entries = [Self.entry("c", snapshot: 8)]
        case .droppedFile: draft.entries.remove(at: 1)
        case .deletedUnknown:
            draft.operation = "overwrite"
            draft.entries.append(Self.entry("x", .deleted, snapshot: 8, number: 1))
        case .keptUnknown: draft.entries.append(Self.entry("x", .existing, number: 1))
        case .renumbered:
            draft.operation = "replace"
            draft.entries[0] = Self.entry("a", .existing, number: 2)
        case .carriedOtherwise:
            draft.entries = [Self.entry("c", snapshot: 8)]
            draft.carried = first.files
            draft.carried[0].sequenceNumber = 2
        }
        let error = try await commit(draft).error
        #expect(error?.code == .badRequest, "\(loss): \(error?.message ?? "taken")")
    }

    private static func listed(_ name: String, first: Int64?, rows: Int64, content: ManifestFile.Content = .data)
        -> ManifestFile
    {
        var file = ManifestFile(
            path: name, length: 1, partitionSpecID: 0, content: content, sequenceNumber: 1, minSequenceNumber: 1,
            addedSnapshotID: 7)
        (file.addedRowsCount, file.existingRowsCount, file.firstRowID) = (rows, 0, first)
        return file
    }

    @Test(arguments: [
        ([Int64?(100), 110], true), ([100, 105], false), ([100, 111], false), ([nil, 100], false), ([0, 110], true),
    ])
    func `row ids lie within those of the snapshot, and are given once`(firsts: [Int64?], isTaken: Bool) {
        let snapshot = Snapshot(
            snapshotID: 7, sequenceNumber: 1, timestampMilliseconds: 0, manifestList: nil, summary: [:],
            firstRowID: 100, addedRows: 20)
        let files = firsts.enumerated().map { Self.listed("m\($0.offset)", first: $0.element, rows: 10) }
        var isRefused = false
        do throws(CatalogError) { try RowIDCheck(snapshot: snapshot, files: files).check() } catch { isRefused = true }
        #expect(isRefused != isTaken)
    }

    @Test func `at the level off only locations are checked, at the level list no manifest is read`() async throws {
        try await make(["commit.gate.level": "list"])
        var draft = Self.good
        draft.manifestBytes = { _ in [] }
        #expect(try await commit(draft).error == nil)
        draft = Draft(id: 8, parent: 7, sequenceNumber: 2, entries: [Self.entry("c", snapshot: 8)])
        draft.snapshot = { $0.manifestList = "s3://elsewhere/snap.avro" }
        #expect(try await commit(draft).error?.code == .badRequest)
    }

    @Test func `what a table has put right is written anew and said`() async throws {
        try await make(["commit.gate.repair": "true"])
        var draft = Self.good
        draft.entries[1].file.path = "data/b.parquet"
        draft.manifestBytes = Self.withoutIDs
        draft.listBytes = Self.withoutIDs
        draft.list = {
            $0[0].addedFilesCount = 5
            $0[0].path = "/analytics/events/metadata/m7.avro"
        }
        draft.summary["total-records"] = "99"
        draft.snapshot = { $0.manifestList = "analytics/events/metadata/snap-7.avro" }
        let outcome = try await commit(draft)
        #expect(outcome.error == nil, "\(outcome.error?.message ?? "")")
        let metadata = try await fixture.service(memory).loadTable(fixture.events).file.metadata
        let snapshot = try #require(metadata.currentSnapshot)
        #expect(snapshot.summary["commit.gate.repaired"] == "counts,field-ids,paths,totals")
        #expect(snapshot.summary["total-records"] == "20")
        let list = try #require(snapshot.manifestList)
        let bytes = try await memory.get(try memory.location(of: list), range: nil).bytes
        #expect(try ManifestSchemaCheck.faults(ofList: bytes, formatVersion: 2, path: list).isEmpty)
        let file = try #require(try ManifestList.decode(bytes, path: list).first)
        #expect(file.addedFilesCount == 2)
        let manifest = try await memory.get(try memory.location(of: file.path), range: nil).bytes
        let faults = try ManifestSchemaCheck.faults(
            ofManifest: manifest, spec: .unpartitioned, formatVersion: 2, path: file.path)
        #expect(faults.isEmpty)
        let entries = try Manifest.decode(manifest, of: file, spec: .unpartitioned, types: []).entries
        #expect(entries.map(\.file.path) == ["a", "b"].map { "\(Self.folder)/data/\($0).parquet" })
        #expect(entries.map(\.dataSequenceNumber) == [1, 1])
        // A client that repeats it is told that it took place.
        #expect(try await commit(draft).error == nil)
        #expect(try await fixture.service(memory).loadTable(fixture.events).file.metadata.snapshots.count == 1)
    }

    /// The same file, its schema without field ids.
    private static func withoutIDs(_ bytes: [UInt8]) throws -> [UInt8] {
        // The header holds the schema's length: it stays, since spaces take the place of the ids.
        var text = bytes
        for name in [#""field-id""#, #""element-id""#] {
            let pattern = Array(name.utf8)
            var start = 0
            while let at = text[start...].firstRange(of: pattern)?.lowerBound {
                text.replaceSubrange(at + 1..<at + 3, with: Array("zz".utf8))
                start = at + pattern.count
            }
        }
        return text
    }
}
