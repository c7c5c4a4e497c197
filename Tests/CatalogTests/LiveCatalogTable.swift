import Clocks
import HTTP
import IcebergCatalog
import IcebergData
import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

@testable import Catalog

/// A table of real files in a catalog in memory: written and read as engines do.
struct LiveCatalogTable {
    let fixture: ServiceFixture
    let store = MemoryObjectStore()
    let service: CatalogService
    let harness: CatalogHarness
    let table: TableIdentifier

    init(formatVersion: Int = 2, properties: [String: String] = [:]) async throws {
        fixture = try ServiceFixture()
        service = try fixture.service(store)
        harness = CatalogHarness(service: service, vending: CredentialVending(config: nil))
        table = fixture.events
        _ = try await service.createNamespace(fixture.namespace, properties: [:], CatalogService.Request())
        try await create(table, formatVersion: formatVersion, properties: properties)
    }

    func create(
        _ table: TableIdentifier, formatVersion: Int = 2, properties: [String: String] = [:], location: String? = nil
    ) async throws {
        var creation = TableCreation(
            schema: try Schema(fields: [
                .required(1, "id", .long), .required(2, "type", .string), .required(3, "time", .timestamptz),
            ]), location: location, properties: properties)
        creation.properties["format-version"] = String(formatVersion)
        creation.partitionSpec = UnboundPartitionSpec(fields: [
            .init(sourceID: 2, name: "type", transform: .identity), .init(sourceID: 3, name: "hour", transform: .hour),
        ])
        _ = try await service.createTable(
            table, CatalogService.Creation(creation: creation, isStaged: false), CatalogService.Request())
    }

    // MARK: - Writing and reading

    func metadata(_ table: TableIdentifier? = nil) async throws -> TableMetadata {
        try await service.loadTable(table ?? self.table).file.metadata
    }

    /// Appends rows with these ids, of one type within one hour, as one file.
    @discardableResult
    func append(
        _ ids: Range<Int64>, type: String = "view", hour: Int64 = 1, to table: TableIdentifier? = nil
    ) async throws -> [DataFile] {
        let files = try await write(ids, type: type, hour: hour, to: table)
        try await commit(Append(files: files), to: table)
        return files
    }

    func write(
        _ ids: Range<Int64>, type: String = "view", hour: Int64 = 1, to table: TableIdentifier? = nil
    ) async throws -> [DataFile] {
        var writer = try TableWriter(try await metadata(table), options: TableWriterOptions())
        for id in ids {
            try writer.append([
                .primitive(.long(id)), .primitive(.string(type)),
                .primitive(.timestamptz(hour * 3_600_000_000 + id)),
            ])
        }
        let written = try writer.finish()
        for file in written { try await put(file.file.path, file.bytes) }
        return written.map(\.file)
    }

    func commit(_ operation: some TableOperation, to table: TableIdentifier? = nil) async throws {
        _ = try await service.commit(
            try await prepare(operation, on: try await metadata(table), of: table), CatalogService.Request())
    }

    /// Writes what an operation on a state of the table writes, and gives the commit.
    func prepare(
        _ operation: some TableOperation, on base: TableMetadata, of table: TableIdentifier? = nil
    ) async throws -> CatalogService.TableChange {
        let prepared = try await operation.prepare(base: base, loader: ManifestLoader(store: store))
        for object in prepared.objects {
            _ = try await store.put(object.location, object.bytes, condition: .always, contentType: nil)
        }
        return CatalogService.TableChange(
            identifier: table ?? self.table, requirements: prepared.requirements, updates: prepared.updates)
    }

    /// The ids of all rows, sorted, read from the store and not from any cache.
    func ids(_ table: TableIdentifier? = nil) async throws -> [Int64] {
        let fresh = try fixture.service(store)
        let metadata = try await fresh.loadTable(table ?? self.table).file.metadata
        let scan = TableScan(metadata, loader: ManifestLoader(store: store), columns: ["id"])
        var ids: [Int64] = []
        for try await batch in scan.batches() {
            for row in 0..<batch.rowCount {
                if case .primitive(.long(let id))? = batch.row(row).first { ids.append(id) }
            }
        }
        return ids.sorted()
    }

    // MARK: - Damage

    func manifests() async throws -> [ManifestFile] {
        guard let snapshot = try await metadata().currentSnapshot else { return [] }
        return try await ManifestLoader(store: store).manifests(of: snapshot)
    }

    func put(_ uri: String, _ bytes: [UInt8]) async throws {
        _ = try await store.put(try store.location(of: uri), bytes, condition: .always, contentType: nil)
    }

    func bytes(_ uri: String) async throws -> [UInt8] {
        try await store.get(try store.location(of: uri), range: nil).bytes
    }

    func delete(_ uri: String) async throws {
        let place = try store.location(of: uri)
        try await store.delete(place.bucket, [place.key])
    }

    func rewrite(_ uri: String, _ change: (inout [UInt8]) -> Void) async throws {
        var bytes = try await bytes(uri)
        change(&bytes)
        try await put(uri, bytes)
    }

    /// Every object of a bucket below a prefix.
    func keys(_ bucket: BucketName, _ prefix: String = "") async throws -> [ObjectKey] {
        var found: [ObjectKey] = []
        var after: String?
        repeat {
            let page = try await store.list(bucket, prefix: prefix, delimiter: nil, startAfter: after, limit: 1000)
            found += page.objects.map(\.key)
            after = page.next
        } while after != nil
        return found
    }

    // MARK: - Asking

    /// What a catalog that was just started answers: nothing of it is in memory.
    func ask(_ method: HTTPMethod, _ path: String, _ body: String = "") async throws -> (status: Int, json: JSONValue) {
        let harness = CatalogHarness(
            service: try fixture.service(store), vending: CredentialVending(config: nil))
        let request = HTTPRequest(method: method, target: path, headers: [:], body: Array(body.utf8))
        let response = await HarnessTests.dispatch(harness, CatalogAccess(tokens: [], clients: [:]), request)
        return (response.status, response.body.isEmpty ? .null : try JSONValue.parse(response.body))
    }

    func ask(_ operation: String, _ body: String = "") async throws -> (status: Int, json: JSONValue) {
        try await ask(.post, "/v1/namespaces/\(table.namespace)/tables/\(table.name)/\(operation)", body)
    }

    /// The codes of what `validate` finds.
    func findings(_ level: String = "checksums") async throws -> [String] {
        let answer = try await ask("validate", #"{"level": "\#(level)"}"#)
        return answer.json["findings"]?.array?.compactMap { $0["code"]?.string } ?? ["status \(answer.status)"]
    }
}
