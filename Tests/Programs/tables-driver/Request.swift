import IcebergCatalog
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// What the driver reports when it cannot do what it was asked.
struct DriverError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One line of work on one table.
struct Request {
    let body: JSONCursor
    let store: LocalObjectStore
    let catalog: DirectCatalog
    let table: TableIdentifier

    /// The one bucket below the root: a table `db.t` lies in `<root>/lake/db/t`.
    static let bucket = "lake"

    init(_ body: JSONCursor) throws {
        self.body = body
        store = try LocalObjectStore(root: try body.member("root").string())
        catalog = DirectCatalog(store: store, bucket: try BucketName(Self.bucket))
        table = try TableIdentifier(dotted: try body.member("table").string())
    }

    func answer() async throws -> JSONObject {
        let loaded: LoadedTable
        switch try body.member("command").string() {
        case "create": loaded = try await create()
        case "append": loaded = try await append()
        case "overwrite": loaded = try await overwrite()
        case "commit": loaded = try await commitUpdates()
        case "delete": loaded = try await delete()
        case "rewrite": loaded = try await rewrite()
        case "read": return try await read()
        case let other: throw DriverError("no command is called \(other)")
        }
        return JSONObject([
            JSONObject.Member(key: "metadata", value: loaded.metadataLocation.map { .string($0) } ?? .null),
            JSONObject.Member(
                key: "snapshot", value: loaded.metadata.currentSnapshotID.map { JSONValue($0) } ?? .null),
        ])
    }

    // MARK: - Commits

    func loadTable() async throws -> TableMetadata { try await catalog.loadTable(table).metadata }

    func commit(_ operation: some TableOperation, on base: TableMetadata) async throws -> LoadedTable {
        let prepared = try await operation.prepare(base: base, loader: ManifestLoader(store: store))
        for object in prepared.objects { try await put(object.location, object.bytes) }
        return try await commit(prepared.updates, prepared.requirements)
    }

    func commit(_ updates: [TableUpdate], _ requirements: [TableRequirement] = []) async throws -> LoadedTable {
        switch await catalog.commit(table, requirements: requirements, updates: updates) {
        case .committed(let loaded): return loaded
        case .rejected(let error): throw error
        case .unknown(let message): throw DriverError("the outcome is unknown: \(message)")
        }
    }

    func put(_ location: ObjectLocation, _ bytes: [UInt8]) async throws {
        guard try await store.putIfAbsentProved(location, bytes) != .differs else {
            throw DriverError("\(location) exists with other content")
        }
    }
}
