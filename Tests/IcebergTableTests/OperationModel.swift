import Clocks
import IcebergSpec
import Testing

@testable import IcebergTable

/// What a branch of a table should hold, kept by the plainest means.
struct OperationModel {
    struct Data: Equatable {
        var file: DataFile
        var sequence: Int64
    }

    struct Delete: Equatable {
        var file: DataFile
        var sequence: Int64
    }

    var data: [String: Data] = [:]
    var deletes: [String: Delete] = [:]

    static func key(_ file: DataFile) -> String { "\(file.path)@\(file.contentOffset ?? -1)" }

    /// Applies a change with the sequence number of its commit.
    mutating func apply(
        sequence: Int64, added: [DataFile] = [], age: Int64? = nil, removed: [DataFile] = [],
        addedDeletes: [DataFile] = [], deleteAge: Int64? = nil, removedDeletes: [DataFile] = []
    ) {
        for file in removed { data[file.path] = nil }
        for file in removedDeletes { deletes[Self.key(file)] = nil }
        if !removed.isEmpty || !removedDeletes.isEmpty {
            let gone = Set(removed.map(\.path))
            let addedAge = added.isEmpty ? sequence : age ?? sequence
            let oldest = data.values.map(\.sequence).reduce(addedAge, min)
            deletes = deletes.filter { _, delete in
                !(delete.file.referencedDataFile.map(gone.contains) ?? false) && delete.sequence >= oldest
            }
        }
        for file in added { data[file.path] = Data(file: file, sequence: age ?? sequence) }
        for file in addedDeletes {
            deletes[Self.key(file)] = Delete(file: file, sequence: deleteAge ?? sequence)
        }
    }

    var totals: [String: Int64] {
        func sum(_ files: [DataFile], _ value: (DataFile) -> Int64) -> Int64 { files.reduce(0) { $0 + value($1) } }
        let (data, deletes) = (data.values.map(\.file), deletes.values.map(\.file))
        return [
            "total-data-files": Int64(data.count), "total-records": sum(data, \.recordCount),
            "total-files-size": sum(data + deletes) { $0.contentSizeBytes ?? $0.fileSizeBytes },
            "total-delete-files": Int64(deletes.count),
            "total-position-deletes": sum(deletes.filter { $0.content == .positionDeletes }, \.recordCount),
            "total-equality-deletes": sum(deletes.filter { $0.content == .equalityDeletes }, \.recordCount),
        ]
    }

    /// Compares with what the store holds of a snapshot.
    func check(_ table: TestTable, _ snapshot: Snapshot?, _ comment: String) async throws {
        let entries: [ManifestEntry]
        if let snapshot {
            entries = try await ScanPlanner(loader: ManifestLoader(store: table.store)).liveEntries(
                of: snapshot, in: table.metadata)
            for (key, value) in totals {
                #expect(snapshot.summary[key] == String(value), "\(comment): \(key)")
            }
        } else {
            entries = []
        }
        let live = entries.filter { $0.file.content == .data }
        #expect(live.count == data.count && Set(live.map(\.file.path)) == Set(data.keys), "\(comment): data files")
        for entry in live {
            #expect(entry.dataSequenceNumber == data[entry.file.path]?.sequence, "\(comment): \(entry.file.path)")
        }
        let found = entries.filter { $0.file.content != .data }
        #expect(Set(found.map { Self.key($0.file) }) == Set(deletes.keys), "\(comment): delete files")
        for entry in found {
            #expect(entry.dataSequenceNumber == deletes[Self.key(entry.file)]?.sequence, "\(comment)")
        }
        if table.metadata.formatVersion >= 3 { Self.checkRowIDs(live, table.metadata, comment) }
    }

    /// No two rows have one id, and none is beyond the table's next.
    private static func checkRowIDs(_ live: [ManifestEntry], _ metadata: TableMetadata, _ comment: String) {
        var end: Int64 = 0
        for entry in live.sorted(by: { $0.file.firstRowID ?? -1 < $1.file.firstRowID ?? -1 }) {
            guard let first = entry.file.firstRowID else {
                Issue.record("\(comment): \(entry.file.path) has no row ids")
                continue
            }
            #expect(first >= end, "\(comment): the row ids of \(entry.file.path) are taken")
            end = first + entry.file.recordCount
        }
        #expect(end <= metadata.nextRowID ?? 0, "\(comment): row ids beyond the next")
    }
}

extension TestTable {
    /// A position delete file of one data file, or in version 3 its deletion vector.
    func positionDeletes(of file: DataFile, _ name: String, rows: Int64 = 1) -> DataFile {
        let isVector = metadata.formatVersion >= 3
        var delete = DataFile(
            content: .positionDeletes, path: "\(metadata.location)/data/\(name).\(isVector ? "puffin" : "parquet")",
            format: isVector ? .puffin : .parquet, specID: file.specID, partition: file.partition, recordCount: rows,
            fileSizeBytes: 500)
        delete.referencedDataFile = file.path
        if isVector {
            delete.contentOffset = 4
            delete.contentSizeBytes = 40
        }
        return delete
    }

    /// Deletes by `id`, of one type and hour.
    func equalityDeletes(_ name: String, type: String = "page.view", hour: Int32 = 0) -> DataFile {
        var delete = file(name, type: type, hour: hour, rows: 2)
        delete.content = .equalityDeletes
        delete.equalityIDs = [1]
        delete.lowerBounds = [:]
        delete.upperBounds = [:]
        delete.valueCounts = [:]
        delete.nullValueCounts = [:]
        return delete
    }

    @discardableResult
    mutating func commit(_ operation: some TableOperation) async throws -> PreparedCommit {
        let prepared = try await operation.prepare(base: metadata, loader: loader, random: random, now: now())
        try await commit(prepared)
        return prepared
    }

    mutating func change(_ change: TableChange) throws {
        for requirement in change.requirements { try requirement.check(against: metadata) }
        metadata = try metadata.applying(change.updates, at: now())
    }

    /// The code of the error that preparing gives; nil when it can be prepared.
    mutating func refusal(_ operation: some TableOperation) async -> TableError.Code? {
        do {
            _ = try await operation.prepare(base: metadata, loader: loader, random: random, now: now())
        } catch { return error.code }
        return nil
    }
}
