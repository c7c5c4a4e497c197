import Clocks
import IcebergCatalog
import IcebergSpec
import Synchronization

/// A catalog that is exact and simple: every commit is checked and applied in one step, by the rules of the table
/// specification, to the last state of the table. It remembers all of them.
package final class ModelCatalog: TableCatalog {
    private let clock: SimulatedClock
    private let location: String
    private let isRacy: Bool
    private let states = Mutex<[TableIdentifier: [TableMetadata]]>([:])

    /// - Parameter isRacy: it checks, and a little later replaces the table by what it then had.
    package init(location: String, clock: SimulatedClock, isRacy: Bool = false) {
        self.isRacy = isRacy
        self.location = location
        self.clock = clock
    }

    /// Every state of a table, the first one first.
    package func history(_ table: TableIdentifier) -> [TableMetadata] { states.withLock { $0[table] ?? [] } }

    package func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] { [] }
    package func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool { true }
    package func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {}
    package func dropNamespace(_ name: NamespaceName) async throws(CatalogError) {
        throw CatalogError(.unsupportedOperation, "not modelled")
    }
    package func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        throw CatalogError(.unsupportedOperation, "not modelled")
    }
    package func renameTable(
        _ source: TableIdentifier, to destination: TableIdentifier
    ) async throws(CatalogError) {
        throw CatalogError(.unsupportedOperation, "not modelled")
    }

    package func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        states.withLock { $0.keys.filter { $0.namespace == namespace }.sorted() }
    }

    package func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        !history(table).isEmpty
    }

    package func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        try load(table)
    }

    private func load(_ table: TableIdentifier) throws(CatalogError) -> LoadedTable {
        let states = history(table)
        guard let last = states.last else { throw CatalogError(.noSuchTable, "there is no table \(table)") }
        return LoadedTable(metadata: last, metadataLocation: "\(location)/\(table.name)/metadata/\(states.count).json")
    }

    package func createTable(
        _ table: TableIdentifier, _ creation: TableCreation
    ) async throws(CatalogError) -> LoadedTable {
        let metadata = try creation.metadata(
            location: creation.location ?? "\(location)/\(table.name)", at: clock.now())
        let isNew = states.withLock { states in
            guard states[table] == nil else { return false }
            states[table] = [metadata]
            return true
        }
        guard isNew else { throw CatalogError(.alreadyExists, "there is a table \(table)") }
        return try load(table)
    }

    package func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let now = clock.now()
        let read = history(table).last
        if isRacy { await clock.executor.sleep(microseconds: 2000) }
        let error: CatalogError? = states.withLock { states in
            guard let base = isRacy ? read : states[table]?.last else {
                return CatalogError(.noSuchTable, "there is no table \(table)")
            }
            do {
                for requirement in requirements { try requirement.check(against: base) }
                let next = try base.applying(updates, at: now, previousMetadataFile: "\(states[table]?.count ?? 0)")
                states[table]?.append(next)
                return nil
            } catch let error as IcebergError {
                return CatalogError(error)
            } catch {
                return CatalogError(.commitFailed, "\(error)")
            }
        }
        if let error { return .rejected(error) }
        do throws(CatalogError) { return .committed(try load(table)) } catch { return .unknown(error.message) }
    }
}

/// A catalog behind a network, as one program sees it.
package struct SimulatedCatalog: TableCatalog {
    package let inner: any TableCatalog
    let network: SimulatedNetwork
    let process: SimulatedProcess

    package init(_ inner: any TableCatalog, _ network: SimulatedNetwork, _ process: SimulatedProcess) {
        self.inner = inner
        self.network = network
        self.process = process
    }

    private func call<Value: Sendable>(
        _ what: @autoclosure () -> String, reads: Bool,
        _ effect: @escaping @Sendable () async throws(CatalogError) -> Value
    ) async throws(CatalogError) -> Value {
        let answer = await network.call(from: process, what(), reads: reads) { () -> Result<Value, CatalogError> in
            do throws(CatalogError) { return .success(try await effect()) } catch { return .failure(error) }
        }
        switch answer {
        case .answered(let result): return try result.get()
        case .refused: throw CatalogError(.serviceUnavailable, "not sent")
        case .unknown: throw CatalogError(reads ? .serviceUnavailable : .commitStateUnknown, "no answer")
        }
    }

    package func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        try await call("list namespaces", reads: true) { [inner] () async throws(CatalogError) in
            try await inner.listNamespaces(under: parent)
        }
    }
    package func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        try await call("namespace exists", reads: true) { [inner] () async throws(CatalogError) in
            try await inner.namespaceExists(name)
        }
    }
    package func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        try await call("create namespace", reads: false) { [inner] () async throws(CatalogError) in
            try await inner.createNamespace(name, properties: properties)
        }
    }
    package func dropNamespace(_ name: NamespaceName) async throws(CatalogError) {
        try await inner.dropNamespace(name)
    }
    package func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        try await call("list tables", reads: true) { [inner] () async throws(CatalogError) in
            try await inner.listTables(in: namespace)
        }
    }
    package func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await call("table exists", reads: true) { [inner] () async throws(CatalogError) in
            try await inner.tableExists(table)
        }
    }
    package func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        try await call("load \(table.name)", reads: true) { [inner] () async throws(CatalogError) in
            try await inner.loadTable(table)
        }
    }
    package func createTable(
        _ table: TableIdentifier, _ creation: TableCreation
    ) async throws(CatalogError) -> LoadedTable {
        try await call("create \(table.name)", reads: false) { [inner] () async throws(CatalogError) in
            try await inner.createTable(table, creation)
        }
    }
    package func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        try await inner.dropTable(table, purge: purge)
    }
    package func renameTable(
        _ source: TableIdentifier, to destination: TableIdentifier
    ) async throws(CatalogError) {
        try await inner.renameTable(source, to: destination)
    }

    package func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let answer = await network.call(from: process, "commit \(table.name): \(Self.text(updates))") { [inner] in
            await inner.commit(table, requirements: requirements, updates: updates)
        }
        switch answer {
        case .answered(let outcome): return outcome
        case .refused: return .rejected(CatalogError(.serviceUnavailable, "not sent"))
        case .unknown: return .unknown("no answer")
        }
    }

    /// The table as it is, whoever asks.
    func lastKnown(_ table: TableIdentifier) -> TableMetadata? { (inner as? ModelCatalog)?.history(table).last }

    private static func text(_ updates: [TableUpdate]) -> String {
        updates.map { update in
            switch update {
            case .addSnapshot(let snapshot): "\(snapshot.operation ?? "") \(snapshot.snapshotID)"
            case .setProperties(let properties):
                properties.sorted { $0.key < $1.key }.map { "\($0.key.suffix(14))=\($0.value)" }.joined(separator: " ")
            case .removeSnapshots(let ids): "expire \(ids)"
            case .setSnapshotReference: "move"
            default: "change"
            }
        }.joined(separator: ", ")
    }
}
