import Batching
import Clocks
import Events
import Files
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore
import ParquetFormat
import Synchronization
import Testing
import WriteAheadLog

@testable import Committing

struct TestClock: WallClock, MonotonicClock {
    func now() -> Timestamp { Timestamp(microseconds: 1_705_329_000_000_000) }
    func nanoseconds() -> UInt64 { 0 }
    func sleep(milliseconds: Int) async throws { await Task.yield() }
}

/// A table, and what is in it by the files of its manifests.
struct World {
    static let bucket = "analytics-source"
    static let location = "analytics/events"

    let memory = MemoryObjectStore()
    let identifier: TableIdentifier
    let catalog: DirectCatalog
    let logID = UUID(high: 1, low: 2)

    init(catalogOver wrap: (MemoryObjectStore) -> any ObjectStore = { $0 }) throws {
        identifier = try TableIdentifier(dotted: "analytics.events")
        catalog = DirectCatalog(
            store: wrap(memory), bucket: try BucketName(Self.bucket),
            locations: [identifier: try ObjectKey(Self.location)],
            clock: TestClock())
    }

    func committer(
        catalog: (any TableCatalog)? = nil, store: (any ObjectStore)? = nil, firstInLog: UInt64 = 1,
        _ change: (inout TableCommitter.Configuration) -> Void = { _ in }
    ) -> TableCommitter {
        var configuration = TableCommitter.Configuration(table: identifier, location: nil, logID: logID)
        change(&configuration)
        return TableCommitter(
            configuration, catalog: catalog ?? self.catalog, store: store ?? memory, firstInLog: firstInLog,
            clock: TestClock())
    }

    /// Ids of all events in the table.
    func ids() async throws -> [String] {
        let metadata = try await catalog.loadTable(identifier).metadata
        guard let snapshot = metadata.currentSnapshot else { return [] }
        let loader = ManifestLoader(store: memory)
        var ids: [String] = []
        for manifest in try await loader.manifests(of: snapshot) {
            for entry in try await loader.entries(of: manifest, in: metadata) where entry.isLive {
                let bytes = try await memory.get(try memory.location(of: entry.file.path), range: nil).bytes
                let file = try ParquetReader(bytes)
                for group in 0..<file.metadata.rowGroups.count {
                    let column = try file.column(rowGroup: group, leaf: 0).values.byteArrays
                    ids += (0..<(column?.count ?? 0)).compactMap { column?.string(at: $0) }
                }
            }
        }
        return ids.sorted()
    }

    static func batch(first: UInt64, last: UInt64) throws -> SealedBatch {
        var machine = BatchMachine(limits: BatchLimits(), nextSequence: first)
        for sequence in first...last {
            let body = """
                [{"specversion":"1.0","id":"\(sequence)-a","type":"page.view","source":"s","time":"2024-01-15T14:30:00Z","ext":"x"},
                 {"specversion":"1.0","id":"\(sequence)-b","type":"a b/c","source":"s","time":"2024-01-15T13:30:00Z","data":{}}]
                """
            let now = Timestamp(microseconds: 5)
            let parsed = try EventParser(secret: EventKeySecret(low: 1, high: 1)).parse(
                EventRequest(contentType: "application/json", body: Array(body.utf8)), at: now)
            let record = parsed.record(context: EventContext(receivedAt: now))
            let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: record.count, alignment: 1)
            defer { raw.deallocate() }
            raw.copyBytes(from: record)
            try machine.append(UnsafeRawBufferPointer(raw), sequence: sequence, at: 0)
        }
        let sealed = machine.seal()
        return try #require(sealed)
    }

    static func expectedIDs(_ sequences: ClosedRange<UInt64>) -> [String] {
        sequences.flatMap { ["\($0)-a", "\($0)-b"] }.sorted()
    }
}
