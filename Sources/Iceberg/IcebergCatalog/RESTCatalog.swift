import Bytes
import Clocks
import HTTP
import IcebergSpec
import JSONFormat
import Synchronization

/// A client of any Iceberg REST catalog: this suite's, Cloudflare's R2 Data Catalog, or another.
///
/// The configuration (`GET /v1/config`) is asked once, at the first call, and kept.
public final class RESTCatalog: TableCatalog {
    private static let pagesMax = 10_000

    private let transport: CatalogTransport
    private let warehouse: String?
    private let asksForCredentials: Bool
    private let clock: any WallClock
    private let configuration = Mutex<RESTCatalogConfiguration?>(nil)

    /// - Parameter asksForCredentials: for the objects of each table that is loaded (`vended-credentials`); the catalog
    ///   need not give any.
    public init(
        transport: CatalogTransport, warehouse: String? = nil, asksForCredentials: Bool = false,
        clock: any WallClock = SystemClock()
    ) {
        self.transport = transport
        self.warehouse = warehouse
        self.asksForCredentials = asksForCredentials
        self.clock = clock
    }

    // MARK: - Namespaces

    public func listNamespaces(under parent: NamespaceName?) async throws(CatalogError) -> [NamespaceName] {
        let query = parent.map { "parent=\($0.urlComponent)&" } ?? ""
        let items = try await listPages("namespaces?\(query)", member: "namespaces", on: .namespace)
        return try items.map { (cursor) throws(CatalogError) in
            guard let levels = cursor.value.array else {
                throw CatalogError(.internalError, "the catalog's list of namespaces holds \(cursor.value.kind)")
            }
            return try NamespaceName(jsonLevels: levels)
        }.sorted()
    }

    public func namespaceExists(_ name: NamespaceName) async throws(CatalogError) -> Bool {
        try await exists(.get, "namespaces/\(name.urlComponent)", on: .namespace)
    }

    public func createNamespace(_ name: NamespaceName, properties: [String: String]) async throws(CatalogError) {
        let body: JSONValue = [
            "namespace": .array(name.levels.map(JSONValue.string)), "properties": JSONValue(properties),
        ]
        try await mutate(.post, "namespaces", body, on: .namespace)
    }

    public func dropNamespace(_ name: NamespaceName) async throws(CatalogError) {
        try await mutate(.delete, "namespaces/\(name.urlComponent)", nil, on: .drop)
    }

    // MARK: - Tables

    public func listTables(in namespace: NamespaceName) async throws(CatalogError) -> [TableIdentifier] {
        let path = "namespaces/\(namespace.urlComponent)/tables?"
        let items = try await listPages(path, member: "identifiers", on: .namespace)
        return try items.map { (cursor) throws(CatalogError) in
            let name: String
            do { name = try cursor.member("name").string() } catch {
                throw CatalogError(.internalError, "the catalog's list of tables: \(error)")
            }
            return try TableIdentifier(namespace, name)
        }.sorted()
    }

    public func tableExists(_ table: TableIdentifier) async throws(CatalogError) -> Bool {
        try await exists(.head, table.urlPath, on: .table)
    }

    public func loadTable(_ table: TableIdentifier) async throws(CatalogError) -> LoadedTable {
        let response = try await read(.get, "\(table.urlPath)?snapshots=all", on: .table)
        return try CatalogResponse.table(in: response)
    }

    /// New credentials for the table's objects; none from a catalog that gives none.
    public func loadCredentials(_ table: TableIdentifier) async throws(CatalogError) -> [StorageCredential] {
        let response = try await read(.get, "\(table.urlPath)/credentials", on: .table)
        do {
            return try StorageCredential.list(in: JSONCursor(try JSONValue.parse(response.body)))
        } catch {
            throw CatalogError(.internalError, "the catalog's credentials: \(error)")
        }
    }

    public func createTable(
        _ table: TableIdentifier, _ creation: TableCreation
    ) async throws(CatalogError) -> LoadedTable {
        let path = "namespaces/\(table.namespace.urlComponent)/tables"
        let response = try await mutate(.post, path, creation.json(name: table.name), on: .newTable)
        do {
            return try CatalogResponse.table(in: response)
        } catch {
            throw CatalogError(.commitStateUnknown, "creating \(table): \(error.message)")
        }
    }

    public func dropTable(_ table: TableIdentifier, purge: Bool) async throws(CatalogError) {
        try await mutate(.delete, "\(table.urlPath)?purgeRequested=\(purge)", nil, on: .table)
    }

    public func renameTable(
        _ source: TableIdentifier, to destination: TableIdentifier
    ) async throws(CatalogError) {
        try await mutate(.post, "tables/rename", ["source": source.json, "destination": destination.json], on: .table)
    }

    // MARK: - Commit

    public func commit(
        _ table: TableIdentifier, requirements: [TableRequirement], updates: [TableUpdate]
    ) async -> CommitOutcome {
        let body: JSONValue = [
            "identifier": table.json,
            "requirements": .array(requirements.map(\.json)),
            "updates": .array(updates.map(\.json)),
        ]
        let response: HTTPResponse
        do {
            let prefix = try await currentConfiguration().pathPrefix
            response = try await transport.send(request(.post, prefix + table.urlPath, body))
        } catch let error as HTTPClientError {
            switch error.stage {
            case .notSent: return .rejected(CatalogError(.serviceUnavailable, error.message))
            case .maybeSent: return .unknown(error.message)
            }
        } catch let error as CatalogError {
            // Only the configuration was asked for: the commit was not sent.
            return .rejected(error)
        } catch {
            return .unknown("\(error)")
        }
        switch CatalogResponse.verdict(response, on: .commit) {
        case .rejected(let error): return .rejected(error)
        case .unknown(let reason): return .unknown(reason)
        case .done: break
        }
        do {
            return .committed(try CatalogResponse.table(in: response))
        } catch {
            return .unknown(error.message)
        }
    }

    // MARK: - Requests

    @discardableResult
    private func mutate(
        _ method: HTTPMethod, _ path: String, _ body: JSONValue?, on subject: CatalogSubject
    ) async throws(CatalogError) -> HTTPResponse {
        let prefix = try await currentConfiguration().pathPrefix
        let response: HTTPResponse
        do {
            response = try await transport.send(request(method, prefix + path, body))
        } catch {
            throw CatalogError(error.stage == .notSent ? .serviceUnavailable : .commitStateUnknown, error.message)
        }
        switch CatalogResponse.verdict(response, on: subject) {
        case .done: return response
        case .rejected(let error): throw error
        case .unknown(let reason): throw CatalogError(.commitStateUnknown, reason)
        }
    }

    private func read(
        _ method: HTTPMethod, _ path: String, on subject: CatalogSubject
    ) async throws(CatalogError) -> HTTPResponse {
        let prefix = try await currentConfiguration().pathPrefix
        let response = try await send(delegated(HTTPRequest(method: method, target: prefix + path)))
        guard (200..<300).contains(response.status) else { throw CatalogResponse.readError(response, on: subject) }
        return response
    }

    private func exists(
        _ method: HTTPMethod, _ path: String, on subject: CatalogSubject
    ) async throws(CatalogError) -> Bool {
        let prefix = try await currentConfiguration().pathPrefix
        let response = try await send(HTTPRequest(method: method, target: prefix + path))
        switch response.status {
        case 200..<300: return true
        case 404: return false
        default: throw CatalogResponse.readError(response, on: subject)
        }
    }

    private func listPages(
        _ path: String, member: String, on subject: CatalogSubject
    ) async throws(CatalogError) -> [JSONCursor] {
        var items: [JSONCursor] = []
        var token = ""
        for _ in 0..<Self.pagesMax {
            let page = "\(path)pageToken=\(PercentEncoding.encode(token))&pageSize=1000"
            let response = try await read(.get, page, on: subject)
            do {
                let body = JSONCursor(try JSONValue.parse(response.body))
                items += try body.optional(member)?.elements() ?? []
                guard let next = try body.optional("next-page-token")?.string(), !next.isEmpty, next != token else {
                    return items
                }
                token = next
            } catch {
                throw CatalogError(.internalError, "the catalog's answer to \(path): \(error)")
            }
        }
        throw CatalogError(.internalError, "the catalog's answer to \(path) does not end")
    }

    /// The service's configuration; two first callers may both ask, with the same result.
    private func currentConfiguration() async throws(CatalogError) -> RESTCatalogConfiguration {
        if let known = configuration.withLock({ $0 }) { return known }
        let query = warehouse.map { "?warehouse=\(PercentEncoding.encode($0))" } ?? ""
        let response = try await send(HTTPRequest(method: .get, target: "/v1/config\(query)"))
        guard response.status == 200 else { throw CatalogResponse.readError(response, on: .namespace) }
        let asked = try RESTCatalogConfiguration(body: response.body)
        configuration.withLock { $0 = asked }
        return asked
    }

    private func send(_ request: HTTPRequest) async throws(CatalogError) -> HTTPResponse {
        do {
            return try await transport.send(request)
        } catch {
            throw CatalogError(.serviceUnavailable, error.message)
        }
    }

    private func delegated(_ request: HTTPRequest) -> HTTPRequest {
        guard asksForCredentials else { return request }
        var request = request
        request.headers["X-Iceberg-Access-Delegation"] = "vended-credentials"
        return request
    }

    /// A mutation, with a key by which the service recognises a repeat.
    private func request(_ method: HTTPMethod, _ target: String, _ body: JSONValue?) -> HTTPRequest {
        var request = delegated(HTTPRequest(method: method, target: target))
        request.headers["Idempotency-Key"] = UUID.timeOrdered(at: clock.now()).description
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = body.serialized()
        }
        return request
    }
}
