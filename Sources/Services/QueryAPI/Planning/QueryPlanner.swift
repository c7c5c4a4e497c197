import Clocks
import Concurrency
import IcebergCatalog
import IcebergSpec
import IcebergTable
import ObjectStore

/// One table of a query, pinned to a snapshot, with the files it takes to answer.
package struct PlannedTable: Sendable {
    let reference: TableReference
    package let identifier: TableIdentifier
    let metadata: TableMetadata
    package let plan: ScanPlan
    let conditions: [ColumnCondition]

    /// As text; `-1` for a table without one, as Iceberg writes it.
    var snapshotID: String { plan.snapshot.map { String($0.snapshotID) } ?? "-1" }
}

/// Tables of a query as a locked database can read them. To be released when the query is done.
struct PreparedQuery: Sendable {
    let tables: [PlannedTable]
    let setup: [String]
    let paths: [String]
}

/// Finds tables, pins snapshots, prunes files and makes them readable.
package struct QueryPlanner: Sendable {
    let catalog: any TableCatalog
    let store: any ObjectStore
    let scanPlanner: ScanPlanner
    let cache: FileCache
    let namespace: String
    let table: String

    /// Files of one query.
    static let filesMax = 50_000
    private static let fetchesAtOnce = 8

    package init(
        catalog: any TableCatalog, store: any ObjectStore, scanPlanner: ScanPlanner, cache: FileCache,
        namespace: String, table: String
    ) {
        self.catalog = catalog
        self.store = store
        self.scanPlanner = scanPlanner
        self.cache = cache
        self.namespace = namespace
        self.table = table
    }

    /// What `events`, `name` and `namespace.name` mean.
    func identifier(_ reference: TableReference) throws(QueryError) -> TableIdentifier {
        do throws(CatalogError) {
            let isEventTable = reference.schema == nil && reference.name == "events"
            return try TableIdentifier(
                NamespaceName(dotted: reference.schema ?? namespace), isEventTable ? table : reference.name)
        } catch {
            throw QueryError(.noSuchTable, "There is no table \(reference.text): \(error)")
        }
    }

    package func load(_ identifier: TableIdentifier) async throws(QueryError) -> LoadedTable {
        do throws(CatalogError) {
            return try await catalog.loadTable(identifier)
        } catch {
            throw QueryError(catalogError: error, of: identifier.description)
        }
    }

    func plan(
        _ reference: TableReference, target: ScanTarget, conditions: [ColumnCondition]
    ) async throws(QueryError) -> PlannedTable {
        let identifier = try identifier(reference)
        let metadata = try await load(identifier).metadata
        return try await plan(
            reference, identifier, metadata, target: target, conditions: conditions)
    }

    func plan(
        _ reference: TableReference, _ identifier: TableIdentifier, _ metadata: TableMetadata, target: ScanTarget,
        conditions: [ColumnCondition]
    ) async throws(QueryError) -> PlannedTable {
        let schema = try Self.schema(metadata, at: target, identifier)
        do throws(TableError) {
            let plan = try await scanPlanner.plan(
                metadata, target: target, predicate: PredicateMapping.predicate(conditions, schema: schema))
            return PlannedTable(
                reference: reference, identifier: identifier, metadata: metadata, plan: plan, conditions: conditions)
        } catch {
            throw QueryError(.unavailable, "The files of \(identifier) could not be found: \(error)")
        }
    }

    /// The schema of the state that `target` names; refuses one that the table does not have, saying what it has.
    private static func schema(
        _ metadata: TableMetadata, at target: ScanTarget, _ identifier: TableIdentifier
    ) throws(QueryError) -> Schema {
        switch target {
        case .current, .reference: return metadata.currentSchema
        case .snapshot(let id):
            guard let snapshot = metadata.snapshot(id: id) else {
                throw QueryError(
                    .noSuchSnapshot, "The table \(identifier) has no snapshot \(id): it never had or it has expired.")
            }
            return metadata.schema(of: snapshot)
        case .asOf(let milliseconds):
            let time = Timestamp(milliseconds: milliseconds)
            if let snapshot = metadata.snapshot(asOf: time) { return metadata.schema(of: snapshot) }
            let logged = metadata.snapshotLog.lazy.compactMap { metadata.snapshot(id: $0.snapshotID) }.first
            guard let first = metadata.thinnedSnapshots.first ?? logged else {
                throw QueryError(.noSuchSnapshot, "The table \(identifier) has no snapshot yet.")
            }
            throw QueryError(
                .noSuchSnapshot,
                "The table \(identifier) has no snapshot as of \(time): the oldest it keeps is \(first.snapshotID) of "
                    + "\(Timestamp(milliseconds: first.timestampMilliseconds)).")
        }
    }

    // MARK: Making files readable

    func prepare(_ tables: [PlannedTable]) async throws(QueryError) -> PreparedQuery {
        guard tables.reduce(0, { $0 + $1.plan.files.count }) <= Self.filesMax else {
            throw QueryError(
                .unsupported, "The query reads more than \(Self.filesMax) files: narrow its time range.")
        }
        var setup: [String] = []
        var paths: [String] = []
        do throws(QueryError) {
            for table in tables {
                let view = try await view(table, &paths)
                setup += try view.statements()
            }
        } catch {
            await cache.release(paths)
            throw error
        }
        return PreparedQuery(tables: tables, setup: setup, paths: Array(Set(paths)).sorted())
    }

    func release(_ prepared: PreparedQuery) async { await cache.release(prepared.paths) }

    private func view(_ table: PlannedTable, _ paths: inout [String]) async throws(QueryError) -> TableView {
        var view = TableView(reference: table.reference, schema: table.plan.schema)
        var deletes: [String: DataFile] = [:]
        for file in table.plan.files {
            try Self.check(file, of: table.identifier)
            for delete in file.deletes { deletes[delete.path] = delete }
        }
        let wanted = table.plan.files.map(\.file) + deletes.values.sorted { $0.path < $1.path }
        let local = try await localPaths(wanted, &paths)
        for file in table.plan.files {
            let entry = TableView.File(uri: file.file.path, path: local[file.file.path] ?? "")
            if file.deletes.isEmpty { view.files.append(entry) } else { view.filesWithDeletes.append(entry) }
        }
        view.deletePaths = deletes.keys.sorted().compactMap { local[$0] }
        return view
    }

    private static func check(_ file: ScanPlan.File, of table: TableIdentifier) throws(QueryError) {
        guard file.file.format == .parquet else {
            throw QueryError(
                .unsupported, "The table \(table) has \(file.file.format.rawValue) files; only Parquet is read.")
        }
        for delete in file.deletes {
            guard delete.content == .positionDeletes else {
                throw QueryError(
                    .unsupported,
                    "The table \(table) has equality deletes, which neither this service nor the compaction applies: "
                        + "have an engine that does (Spark, say) rewrite the data files.")
            }
            guard delete.format == .parquet else {
                throw QueryError(
                    .unsupported,
                    "The table \(table) has deletion vectors, which neither this service nor the compaction applies: "
                        + "have an engine that does (Spark, say) rewrite the data files.")
            }
        }
    }

    private func localPaths(
        _ files: [DataFile], _ paths: inout [String]
    ) async throws(QueryError) -> [String: String] {
        var local: [String: String] = [:]
        var remote: [DataFile] = []
        for file in files {
            if let path = try inPlace(file) { local[file.path] = path } else { remote.append(file) }
        }
        let cache = cache
        // What was fetched before a failure is leased too, and must be released with the rest.
        let leases = await mapConcurrently(remote, limit: Self.fetchesAtOnce) { file in
            do throws(QueryError) {
                return Lease(uri: file.path, path: try await cache.lease(file.path, bytes: file.fileSizeBytes))
            } catch {
                return Lease(uri: file.path, failure: error)
            }
        }
        for lease in leases { local[lease.uri] = lease.path }
        paths += local.values
        for lease in leases { if let failure = lease.failure { throw failure } }
        return local
    }

    private struct Lease: Sendable {
        let uri: String
        var path: String?
        var failure: QueryError?
    }

    /// The path of a file that lies on this machine under a name that DuckDB takes literally.
    private func inPlace(_ file: DataFile) throws(QueryError) -> String? {
        guard file.path.hasPrefix("file:") else { return nil }
        do throws(ObjectStoreError) {
            _ = try store.location(of: file.path)
        } catch {
            throw QueryError(.unsupported, "A data file of the table lies outside of the object store.")
        }
        let path = file.path.dropFirst(file.path.hasPrefix("file://") ? 7 : 5)
        return path.contains(where: { "*?[]".contains($0) }) ? nil : String(path)
    }
}

extension QueryError {
    init(catalogError error: CatalogError, of name: String) {
        switch error.code {
        case .noSuchTable, .noSuchNamespace: self.init(.noSuchTable, "There is no table \(name).")
        case .badRequest: self.init(.badInput, error.description)
        default: self.init(.unavailable, "The catalog could not be asked for \(name): \(error)")
        }
    }
}
