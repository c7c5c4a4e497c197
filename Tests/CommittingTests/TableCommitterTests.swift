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

private let bucket = "analytics-source"
private let location = "analytics/events"

/// A table, and what is in it by the files of its manifests.
struct World {
    let memory = MemoryObjectStore()
    let identifier: TableIdentifier
    let catalog: DirectCatalog
    let logID = UUID(high: 1, low: 2)

    init(catalogOver wrap: (MemoryObjectStore) -> any ObjectStore = { $0 }) throws {
        identifier = try TableIdentifier(dotted: "analytics.events")
        catalog = DirectCatalog(
            store: wrap(memory), bucket: try BucketName(bucket), locations: [identifier: try ObjectKey(location)],
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
}

private func batch(first: UInt64, last: UInt64) throws -> SealedBatch {
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

private func expectedIDs(_ sequences: ClosedRange<UInt64>) -> [String] {
    sequences.flatMap { ["\($0)-a", "\($0)-b"] }.sorted()
}

/// A catalog that loses replies, or requests, or is overtaken.
final class FaultyCatalog: ForwardingCatalog {
    enum Fault: Sendable { case none, loseReply, loseRequest, conflict, reject, removeSpecs }

    let inner: any TableCatalog
    private let faults: Mutex<[Fault]>
    /// For changes of the table that add no files.
    private let changeFaults: Mutex<[Fault]>
    let commits = Mutex(0)

    init(_ inner: DirectCatalog, _ faults: [Fault], changes: [Fault] = []) {
        self.inner = inner
        self.faults = Mutex(faults)
        changeFaults = Mutex(changes)
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        commits.withLock { $0 += 1 }
        let fault = updates.addSnapshot ? faults.withLock { $0.popFirst() } : changeFaults.withLock { $0.popFirst() }
        switch fault ?? .none {
        case .none: return await inner.commit(table, requirements: requirements, updates: updates)
        case .loseReply:
            _ = await inner.commit(table, requirements: requirements, updates: updates)
            return .unknown("the reply got lost")
        case .loseRequest: return .unknown("the request got lost")
        case .conflict: return .rejected(CatalogError(.commitFailed, "another was first"))
        case .reject: return .rejected(CatalogError(.forbidden, "no"))
        case .removeSpecs:
            _ = await inner.commit(table, requirements: [], updates: [.removePartitionSpecs([1, 2])])
            return .rejected(CatalogError(.commitFailed, "another was first"))
        }
    }
}

extension Array {
    fileprivate mutating func popFirst() -> Element? { isEmpty ? nil : removeFirst() }
}

extension [TableUpdate] {
    fileprivate var addSnapshot: Bool { contains { if case .addSnapshot = $0 { true } else { false } } }
}

struct TableCommitterTests {
    @Test func `batches land in a table that is made for them, with paths, partitions and watermark`() async throws {
        let world = try World()
        let committer = world.committer()
        #expect(try await committer.readWatermark() == nil)
        guard case .committed(let receipt) = try await committer.commit(batch(first: 1, last: 3)) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.watermark == 3 && receipt.events == 6 && receipt.snapshotID != nil)
        let name = "\(world.logID)-1-3.parquet"
        #expect(
            receipt.files.map { $0.split(separator: "/data/").last.map(String.init) ?? "" }.sorted() == [
                "type=a%20b%2Fc/year=2024/month=01/day=15/hour=13/\(name)",
                "type=page.view/year=2024/month=01/day=15/hour=14/\(name)",
            ])
        _ = try await committer.commit(batch(first: 4, last: 4))
        #expect(try await world.ids() == expectedIDs(1...4))
        #expect(try await world.committer().readWatermark() == 4)
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(metadata.snapshots.count == 2)
        #expect(metadata.currentSnapshot?.summary["total-records"] == "8")
    }

    @Test(
        arguments: [
            [.loseReply], [.loseRequest], [.conflict], [.reject, .reject], [.loseRequest, .loseReply],
            [.conflict, .loseReply], [.loseRequest, .loseRequest, .none],
        ] as [[FaultyCatalog.Fault]])
    private func `whatever becomes of the commit, each event is in the table once`(
        faults: [FaultyCatalog.Fault]
    ) async throws {
        let world = try World()
        let catalog = FaultyCatalog(world.catalog, faults)
        let committer = world.committer(catalog: catalog)
        for number in 1...3 { _ = try await committer.commit(batch(first: UInt64(number), last: UInt64(number))) }
        #expect(try await world.ids() == expectedIDs(1...3))
    }

    @Test func `a store that loses requests and replies at random costs neither loss nor doubles`() async throws {
        for seed in 1...25 {
            let world = try World { memory in
                FaultyObjectStore(
                    wrapping: memory, plan: FaultyObjectStore.Plan(faultsPerThousand: 80, seed: UInt64(seed)))
            }
            let store = FaultyObjectStore(
                wrapping: world.memory, plan: FaultyObjectStore.Plan(faultsPerThousand: 80, seed: UInt64(seed) << 32))
            let committer = world.committer(store: store)
            for number in 1...4 { _ = try await committer.commit(batch(first: UInt64(number), last: UInt64(number))) }
            let clean = DirectCatalog(
                store: world.memory, bucket: try BucketName(bucket),
                locations: [world.identifier: try ObjectKey(location)])
            let metadata = try await clean.loadTable(world.identifier).metadata
            #expect(metadata.properties["analytics.log.\(world.logID).committed"] == "4")
            #expect(metadata.currentSnapshot?.summary["total-records"] == "8", "seed \(seed)")
        }
    }

    @Test func `a late commit of an earlier run conflicts, or makes the new run seal anew`() async throws {
        let world = try World()
        // The first run stores and prepares records 1 to 2, and its commit is on its way when it dies.
        let zombie = ZombieCatalog(world.catalog)
        let first = world.committer(catalog: zombie)
        let dying = Task { try await first.commit(batch(first: 1, last: 2)) }
        await zombie.waitForCommit()
        dying.cancel()
        // The second run has meanwhile read watermark nil and sealed 1 to 3.
        let second = world.committer()
        #expect(try await second.readWatermark() == nil)
        await zombie.release()
        guard case .restart(let after) = try await second.commit(batch(first: 1, last: 3)) else {
            Issue.record("the overlap went unseen")
            return
        }
        #expect(after == 2)
        _ = try await second.commit(batch(first: 3, last: 3))
        #expect(try await world.ids() == expectedIDs(1...3))
        // And the other way round: the second run is first, the late commit must not land.
        let other = try World()
        let late = ZombieCatalog(other.catalog)
        let third = other.committer(catalog: late)
        let task = Task { try await third.commit(batch(first: 1, last: 2)) }
        await late.waitForCommit()
        task.cancel()
        _ = try await other.committer().commit(batch(first: 1, last: 2))
        await late.release()
        #expect(try await other.ids() == expectedIDs(1...2))
    }

    @Test func `a log that was trimmed does not begin again in a table that forgot it`() async throws {
        let world = try World()
        let committer = world.committer(firstInLog: 5)
        await #expect { _ = try await committer.commit(batch(first: 5, last: 6)) } throws: {
            ($0 as? CommitError)?.code == .contradiction
        }
        #expect(try await world.ids().isEmpty)
    }

    @Test func `an event table that lacks columns gets them, and another table is written as it is`() async throws {
        let world = try World()
        let old = try Schema(fields: Array(EventTable.schema().fields.prefix(5)))
        let creation = TableCreation(schema: old, partitionSpec: EventTable.partitionSpec)
        _ = try await world.catalog.createTable(world.identifier, creation)
        _ = try await world.committer().commit(batch(first: 1, last: 1))
        let metadata = try await world.catalog.loadTable(world.identifier).metadata
        #expect(try metadata.currentSchema.idsByName.count == EventTable.schema().idsByName.count - 4)
        #expect(metadata.currentSchema.field(named: "extensions.value") != nil)
        #expect(try await world.ids() == expectedIDs(1...1))
        let five = try World()
        let simple = try Schema(fields: [
            .required(1, "event_id", .string), .required(2, "timestamp", .timestamp), .required(3, "type", .string),
            .required(4, "source", .string), .optional(5, "data", .string),
        ])
        let spec = PartitionSpec(fields: [
            PartitionField(sourceID: 2, fieldID: 1000, name: "event_day", transform: .day),
            PartitionField(sourceID: 3, fieldID: 1001, name: "event_type", transform: .identity),
        ])
        _ = try await five.catalog.createTable(
            five.identifier, TableCreation(schema: simple, partitionSpec: spec))
        _ = try await five.committer().commit(batch(first: 1, last: 2))
        #expect(try await five.ids() == expectedIDs(1...2))
        #expect(try await five.catalog.loadTable(five.identifier).metadata.currentSchema.fields.count == 5)
    }

    @Test func `a table whose required columns no event has is refused`() async throws {
        let world = try World()
        let schema = try Schema(fields: [.required(1, "id", .string), .required(2, "price", .double)])
        _ = try await world.catalog.createTable(world.identifier, TableCreation(schema: schema))
        await #expect { _ = try await world.committer().commit(batch(first: 1, last: 1)) } throws: {
            ($0 as? CommitError)?.code == .unsuitableTable
        }
    }

    @Test func `the watermark of an idle table moves with a snapshot that no late commit can get past`() async throws {
        let world = try World()
        let committer = world.committer()
        _ = try await committer.commit(batch(first: 1, last: 2))
        // A commit of an earlier life, prepared here and late.
        let zombie = ZombieCatalog(world.catalog)
        let dying = Task { try await world.committer(catalog: zombie).advance(from: 2, through: 4) }
        await zombie.waitForCommit()
        dying.cancel()
        guard case .committed(let receipt) = try await committer.advance(from: 2, through: 9) else {
            Issue.record("not advanced")
            return
        }
        #expect(receipt.watermark == 9 && receipt.files.isEmpty && receipt.events == 0)
        await zombie.release()
        #expect(try await world.committer().readWatermark() == 9)
        _ = try await committer.commit(batch(first: 10, last: 10))
        #expect(try await world.ids() == (expectedIDs(1...2) + expectedIDs(10...10)).sorted())
    }

    @Test func `a table new to a trimmed log is claimed once`() async throws {
        let world = try World()
        let committer = world.committer(firstInLog: 8)
        guard case .committed(let receipt) = try await committer.advance(from: nil, through: 7) else {
            Issue.record("not claimed")
            return
        }
        #expect(receipt.watermark == 7)
        guard case .restart(7) = try await world.committer(firstInLog: 8).advance(from: nil, through: 9) else {
            Issue.record("claimed twice")
            return
        }
        _ = try await committer.commit(batch(first: 8, last: 8))
        #expect(try await world.ids() == expectedIDs(8...8))
    }

    @Test func `a later life of the log takes over, and the earlier one stops`() async throws {
        let world = try World()
        let storage = DirectoryOfLives()
        let first = world.committer { $0.lives = storage.open(logEnd: 0) }
        _ = try await first.commit(batch(first: 1, last: 2))
        // A life that never commits leaves no trace.
        _ = storage.open(logEnd: 3)
        let second = world.committer { $0.lives = storage.open(logEnd: 3) }
        #expect(try await second.readWatermark() == 2)
        _ = try await second.commit(batch(first: 3, last: 3))
        await #expect { _ = try await first.commit(batch(first: 3, last: 4)) } throws: {
            ($0 as? CommitError)?.message.contains("another process has taken over") == true
        }
        // The directory as it was before the second life is an old copy.
        let copy = world.committer { $0.lives = DirectoryOfLives().open(logEnd: 2) }
        await #expect { _ = try await copy.commit(batch(first: 3, last: 4)) } throws: {
            ($0 as? CommitError)?.code == .contradiction
        }
        // Nor may it believe the watermark, and trim its own events by it.
        let older = storage.copy()
        // Not even when it has accepted as many in the meantime.
        for logEnd in [2, 4] as [UInt64] {
            let shorter = world.committer { $0.lives = older.open(logEnd: logEnd) }
            await #expect { _ = try await shorter.readWatermark() } throws: {
                ($0 as? CommitError)?.message.contains("old copy") == true
            }
        }
        let third = world.committer { $0.lives = storage.open(logEnd: 4) }
        _ = try await third.commit(batch(first: 4, last: 4))
        #expect(try await world.ids() == expectedIDs(1...4))
        let properties = try await world.catalog.loadTable(world.identifier).metadata.properties
        #expect(CommitMark(properties["analytics.log.\(world.logID).epoch"] ?? "") != nil)
    }

    @Test func `a second committer of one process knows the commits of the first`() async throws {
        let world = try World()
        let lives = DirectoryOfLives().open(logEnd: 0)
        _ = try await world.committer { $0.lives = lives }.commit(batch(first: 1, last: 2))
        let second = world.committer { $0.lives = lives }
        #expect(try await second.readWatermark() == 2)
        _ = try await second.commit(batch(first: 3, last: 3))
        #expect(try await world.ids() == expectedIDs(1...3))
    }

    @Test func `a catalog that takes no properties with a snapshot gets them in the summary`() async throws {
        let world = try World()
        let catalog = PropertylessCatalog(inner: world.catalog)
        let storage = DirectoryOfLives()
        let committer = world.committer(catalog: catalog) { $0.lives = storage.open(logEnd: 0) }
        _ = try await committer.commit(batch(first: 1, last: 2))
        _ = try await committer.commit(batch(first: 3, last: 3))
        let next = world.committer(catalog: catalog) { $0.lives = storage.open(logEnd: 5) }
        #expect(try await next.readWatermark() == 3)
        guard case .restart(3) = try await next.commit(batch(first: 1, last: 4)) else {
            Issue.record("it does not know the summary")
            return
        }
        _ = try await next.commit(batch(first: 4, last: 4))
        #expect(try await world.ids() == expectedIDs(1...4))
    }

    @Test func `a watermark put back by hand does not double what snapshots say is there`() async throws {
        let world = try World()
        let storage = DirectoryOfLives()
        let first = world.committer { $0.lives = storage.open(logEnd: 0) }
        _ = try await first.commit(batch(first: 1, last: 1))
        let before = try await world.catalog.loadTable(world.identifier).metadata.properties
        _ = try await first.commit(batch(first: 2, last: 3))
        let outcome = await world.catalog.commit(
            world.identifier, requirements: [], updates: [.setProperties(before)])
        guard case .committed = outcome else { throw CommitError(.failed, "the property was not put back") }
        // Another's snapshot on top says nothing of the log.
        _ = try await world.committer { $0.logID = UUID(high: 7, low: 7) }.advance(from: nil, through: 1)
        let next = world.committer { $0.lives = storage.open(logEnd: 4) }
        #expect(try await next.readWatermark() == 3)
        guard case .restart(3) = try await next.commit(batch(first: 2, last: 4)) else {
            Issue.record("the property was believed")
            return
        }
        _ = try await next.commit(batch(first: 4, last: 4))
        #expect(try await world.ids() == expectedIDs(1...4))
    }

    @Test func `files are not committed to another table of the same name`() async throws {
        let world = try World()
        let catalog = try RecreatingCatalog(world)
        let committer = world.committer(catalog: catalog)
        guard case .restart(0) = try await committer.commit(batch(first: 1, last: 2)) else {
            Issue.record("files of one table went into another")
            return
        }
        guard case .committed(let receipt) = try await committer.commit(batch(first: 1, last: 2)) else {
            Issue.record("not committed")
            return
        }
        #expect(receipt.files.allSatisfy { $0.contains("analytics/second") } && receipt.files.count == 2)
    }

    @Test func `two logs write one table`() async throws {
        let world = try World()
        let one = world.committer()
        let two = TableCommitter(
            TableCommitter.Configuration(table: world.identifier, location: nil, logID: UUID(high: 9, low: 9)),
            catalog: world.catalog, store: world.memory, firstInLog: 1, clock: TestClock())
        async let first = one.commit(batch(first: 1, last: 1))
        async let second = two.commit(batch(first: 1, last: 1))
        _ = try await (first, second)
        #expect(try await world.ids() == (expectedIDs(1...1) + expectedIDs(1...1)).sorted())
    }
}

/// A table that another takes the place of, with the same columns and specs, once its files are stored.
private final class RecreatingCatalog: ForwardingCatalog {
    private let first: any TableCatalog
    private let second: any TableCatalog
    private let store: MemoryObjectStore
    private let isReplaced = Mutex(false)

    init(_ world: World) throws {
        first = world.catalog
        store = world.memory
        second = DirectCatalog(
            store: world.memory, bucket: try BucketName(bucket),
            locations: [world.identifier: try ObjectKey("analytics/second")], clock: TestClock())
    }

    var inner: any TableCatalog { isReplaced.withLock { $0 } ? second : first }

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        let before = try await inner.loadTable(table)
        let hasFiles: Bool
        do throws(ObjectStoreError) {
            hasFiles = try await !store.list(
                try BucketName(bucket), prefix: "\(location)/data/", delimiter: nil, startAfter: nil, limit: 1
            ).objects.isEmpty
        } catch {
            throw CatalogError(.internalError, error.message)
        }
        guard hasFiles, !isReplaced.withLock({ $0 }) else { return before }
        isReplaced.withLock { $0 = true }
        _ = try await second.createTable(
            table,
            TableCreation(schema: before.metadata.currentSchema, partitionSpec: before.metadata.partitionSpecs[0]))
        let coarser = before.metadata.partitionSpecs.dropFirst().map { spec in
            TableUpdate.addPartitionSpec(UnboundPartitionSpec(spec))
        }
        _ = await second.commit(table, requirements: [], updates: coarser)
        return try await second.loadTable(table)
    }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        await inner.commit(table, requirements: requirements, updates: updates)
    }
}

/// A catalog that refuses properties beside a snapshot.
private struct PropertylessCatalog: ForwardingCatalog {
    let inner: any TableCatalog

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let hasProperties = updates.contains { if case .setProperties = $0 { true } else { false } }
        guard !(updates.addSnapshot && hasProperties) else {
            return .rejected(CatalogError(.unsupportedOperation, "one thing at a time"))
        }
        return await inner.commit(table, requirements: requirements, updates: updates)
    }
}

/// Holds one commit back until it is let go.
private actor ZombieCatalog: ForwardingCatalog {
    let inner: any TableCatalog
    private var held: (requirements: [TableRequirement], updates: [TableUpdate], table: TableIdentifier)?
    private var arrived: CheckedContinuation<Void, Never>?

    init(_ inner: DirectCatalog) { self.inner = inner }

    func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        guard updates.addSnapshot else {
            return await inner.commit(table, requirements: requirements, updates: updates)
        }
        if held == nil {
            held = (requirements, updates, table)
            arrived?.resume()
            arrived = nil
        }
        return .unknown("timed out")
    }

    func waitForCommit() async {
        if held != nil { return }
        await withCheckedContinuation { arrived = $0 }
    }

    func release() async {
        guard let held else { return }
        _ = await inner.commit(held.table, requirements: held.requirements, updates: held.updates)
    }
}
