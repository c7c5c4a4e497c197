import Clocks
import IcebergCatalog
import IcebergSpec
import ObjectStore
import Synchronization

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
    mutating func popFirst() -> Element? { isEmpty ? nil : removeFirst() }
}

extension [TableUpdate] {
    var addSnapshot: Bool { contains { if case .addSnapshot = $0 { true } else { false } } }
}

/// A table that another takes the place of, with the same columns and specs, once its files are stored.
final class RecreatingCatalog: ForwardingCatalog {
    private let first: any TableCatalog
    private let second: any TableCatalog
    private let store: MemoryObjectStore
    private let isReplaced = Mutex(false)

    init(_ world: World) throws {
        first = world.catalog
        store = world.memory
        second = DirectCatalog(
            store: world.memory, bucket: try BucketName(World.bucket),
            locations: [world.identifier: try ObjectKey("analytics/second")], clock: TestClock())
    }

    var inner: any TableCatalog { isReplaced.withLock { $0 } ? second : first }

    func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        let before = try await inner.loadTable(table)
        let hasFiles: Bool
        do throws(ObjectStoreError) {
            hasFiles = try await !store.list(
                try BucketName(World.bucket), prefix: "\(World.location)/data/", delimiter: nil, startAfter: nil,
                limit: 1
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
struct PropertylessCatalog: ForwardingCatalog {
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
actor ZombieCatalog: ForwardingCatalog {
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
