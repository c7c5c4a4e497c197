import Clocks
import DuckDB
import Foundation
import HTTP
import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore
import Synchronization

@testable import QueryAPI

/// A clock that goes one second further each time it is asked.
final class SteppingClock: WallClock {
    private let next = Mutex<Int64>(1_700_000_000_000_000)
    func now() -> Timestamp {
        next.withLock { next in
            next += 1_000_000
            return Timestamp(microseconds: next)
        }
    }
}

/// An event table in a store, its files written by DuckDB, its commits made as the collector makes them, and a query
/// service over it.
struct TableFixture {
    struct Event {
        var id: String
        var type: String = "page.view"
        var time: String
        var subject: String?
        var data: String?
    }

    let root: String
    let store: any ObjectStore
    let catalog: DirectCatalog
    let loader: ManifestLoader
    let service: QueryService
    let clock = SteppingClock()
    let table: TableIdentifier

    /// - Parameter isLocal: files lie on this disk and are read in place; else they are fetched.
    init(isLocal: Bool = true, name: String = "events", limits: WorkerLimits = WorkerFixture.limits) async throws {
        root = FileManager.default.temporaryDirectory.appending(path: "query-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        store = isLocal ? try LocalObjectStore(root: "\(root)/store") : MemoryObjectStore()
        catalog = DirectCatalog(store: store, bucket: try BucketName("analytics-source"), clock: clock)
        loader = ManifestLoader(store: store)
        table = try TableIdentifier(dotted: "analytics.\(name)")
        let cache = FileCache(directory: "\(root)/cache", bytesMax: 1 << 30, store: store)
        try await cache.open()
        let planner = QueryPlanner(
            catalog: catalog, store: store, scanPlanner: ScanPlanner(loader: loader), cache: cache,
            namespace: "analytics", table: "events")
        service = QueryService(planner: planner, pool: WorkerFixture.pool(), limits: limits)
        try await catalog.createNamespace(table.namespace, properties: [:])
        let schema = try Schema(fields: [
            .required(1, "id", .string), .required(2, "type", .string), .required(3, "time", .timestamptz),
            .optional(4, "subject", .string), .optional(5, "data", .string),
            .optional(6, "extensions", .map(keyID: 7, .string, valueID: 8, .string)),
        ])
        let spec = PartitionSpec(fields: [
            PartitionField(sourceID: 2, fieldID: 1000, name: "type", transform: .identity),
            PartitionField(sourceID: 3, fieldID: 1001, name: "time_hour", transform: .hour),
        ])
        _ = try await catalog.createTable(table, TableCreation(schema: schema, partitionSpec: spec))
    }

    func close() async {
        await service.pool.shutDown()
        do { try FileManager.default.removeItem(atPath: root) } catch { print("not removed: \(error)") }
    }

    var metadata: TableMetadata { get async throws { try await catalog.loadTable(table).metadata } }

    /// Writes one file and commits it. All events must be of one type and hour.
    @discardableResult
    func append(_ events: [Event], name: String = UUID().uuidString) async throws -> Snapshot {
        let base = try await metadata
        let path = "\(root)/\(UUID().uuidString).parquet"
        func sql(_ text: String?) -> String { text.map { DuckDBConnection.quoted(string: $0) } ?? "NULL" }
        let rows = events.map {
            "(\(sql($0.id)), \(sql($0.type)), TIMESTAMPTZ \(sql($0.time)), \(sql($0.subject)), \(sql($0.data)), "
                + "MAP {'k': 'v'})"
        }
        let connection = try DuckDBConnection()
        try connection.execute("SET TimeZone = 'UTC'")
        try connection.execute(
            """
            COPY (SELECT * FROM (VALUES \(rows.joined(separator: ", "))) AS t(id, type, time, subject, data, extensions))
            TO '\(path)' (FORMAT parquet, FIELD_IDS {id: 1, type: 2, time: 3, subject: 4, data: 5,
            extensions: {__duckdb_field_id: 6, key: 7, value: 8}})
            """)
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let uri = "\(base.location)/data/\(name).parquet"
        _ = try await store.put(try store.location(of: uri), bytes, condition: .ifAbsent, contentType: nil)
        let times = events.compactMap { Timestamp(rfc3339: $0.time) }
        guard let first = times.min(), let last = times.max(), let type = events.first?.type else {
            throw QueryError(.failed, "an event without a time")
        }
        var file = DataFile(
            path: uri, partition: [.string(type), .int(Int32(first.hours))], recordCount: Int64(events.count),
            fileSizeBytes: Int64(bytes.count))
        file.lowerBounds[3] = Datum.timestamptz(first.microseconds).singleValueBinary
        file.upperBounds[3] = Datum.timestamptz(last.microseconds).singleValueBinary
        let commit = try await Append(files: [file]).prepare(base: base, loader: loader, now: clock.now())
        for object in commit.objects {
            _ = try await store.put(object.location, object.bytes, condition: .ifAbsent, contentType: nil)
        }
        guard
            case .committed = await catalog.commit(
                table, requirements: commit.requirements, updates: commit.updates)
        else { throw QueryError(.failed, "the append was not committed") }
        return commit.snapshot
    }

    func graphQL(_ query: String) async throws -> JSONValue {
        let endpoint = try GraphQLEndpoint(service: service)
        let body: JSONValue = ["query": .string(query)]
        let response = await endpoint.respond(
            to: HTTPRequest(
                method: .post, target: "/graphql", headers: ["Content-Type": "application/json"],
                body: body.serialized()))
        return try JSONValue.parse(response.body)
    }
}
