import Clocks
import HTTP
import IcebergCatalog
import IcebergSpec
import JSONFormat
import Synchronization
import Testing

/// A catalog that answers the configuration, and everything else with one answer.
private final class AnsweringCatalog: Sendable {
    let answer: @Sendable (HTTPRequest) throws(HTTPClientError) -> HTTPResponse
    let seen = Mutex<[HTTPRequest]>([])
    let configuration: JSONValue

    init(
        configuration: JSONValue = ["defaults": [:], "overrides": [:]],
        answer: @escaping @Sendable (HTTPRequest) throws(HTTPClientError) -> HTTPResponse
    ) {
        self.configuration = configuration
        self.answer = answer
    }

    var catalog: RESTCatalog {
        RESTCatalog(
            transport: CatalogTransport { (request) async throws(HTTPClientError) -> HTTPResponse in
                if request.path == "/v1/config" {
                    return HTTPResponse(status: 200, body: self.configuration.serialized())
                }
                self.seen.withLock { $0.append(request) }
                return try self.answer(request)
            }, warehouse: "analytics")
    }
}

@Suite struct RESTCatalogTests {
    let table: TableIdentifier
    let metadata: TableMetadata

    init() throws {
        table = try TableIdentifier(dotted: "analytics.events")
        let creation = TableCreation(schema: try Schema(fields: [.required(1, "id", .string)]))
        metadata = try creation.metadata(location: "s3://b/t", at: Timestamp(milliseconds: 1))
    }

    private var tableBody: [UInt8] {
        let body: JSONValue = ["metadata-location": "s3://b/t/metadata/0.metadata.json", "metadata": metadata.json]
        return body.serialized()
    }

    private func commit(_ answering: AnsweringCatalog) async -> CommitOutcome {
        await answering.catalog.commit(table, requirements: [], updates: [.setProperties(["a": "b"])])
    }

    enum Body: CaseIterable {
        case table, error, html, empty

        func bytes(_ test: RESTCatalogTests, status: Int) -> [UInt8] {
            switch self {
            case .table: test.tableBody
            case .error: CatalogError(.commitFailed, "no", status: status).json.serialized()
            case .html: Array("<html>Bad Gateway</html>".utf8)
            case .empty: []
            }
        }
    }

    @Test(arguments: Body.allCases)
    func `every status but an explicit refusal and a whole success is unknown`(body: Body) async {
        for status in 100..<600 {
            let bytes = body.bytes(self, status: status)
            let outcome = await commit(AnsweringCatalog { _ in HTTPResponse(status: status, body: bytes) })
            let isSuccess = (200..<300).contains(status) && body == .table
            let isRefusal = (400..<500).contains(status) && ![408, 425, 429, 499].contains(status) && body == .error
            switch outcome {
            case .committed: #expect(isSuccess, "\(status) with \(body)")
            case .rejected(let error):
                #expect(isRefusal, "\(status) with \(body)")
                #expect(error.status == status)
            case .unknown: #expect(!isSuccess && !isRefusal, "\(status) with \(body)")
            }
        }
    }

    @Test func `a refusal that says the state is unknown is unknown`() async {
        let body = CatalogError(.commitStateUnknown, "who knows", status: 409).json.serialized()
        let outcome = await commit(AnsweringCatalog { _ in HTTPResponse(status: 409, body: body) })
        guard case .unknown = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test(arguments: [HTTPClientError.Stage.notSent, .maybeSent])
    func `a request that was never sent is rejected, one that may have been is unknown`(
        stage: HTTPClientError.Stage
    ) async {
        let outcome = await commit(
            AnsweringCatalog { (_) throws(HTTPClientError) in throw HTTPClientError(stage: stage, message: "down") })
        switch outcome {
        case .rejected(let error): #expect(stage == .notSent && error.code == .serviceUnavailable)
        case .unknown: #expect(stage == .maybeSent)
        case .committed: Issue.record("committed without an answer")
        }
    }

    @Test func `a truncated success is unknown at every length`() async {
        let whole = tableBody
        for length in 0..<whole.count {
            let outcome = await commit(
                AnsweringCatalog { _ in HTTPResponse(status: 200, body: Array(whole.prefix(length))) })
            guard case .unknown = outcome else {
                Issue.record("\(length) bytes of \(whole.count) were taken for an answer")
                return
            }
        }
    }

    @Test func `the prefix of the configuration, the identifier and a key go into the request`() async throws {
        let body = tableBody
        let answering = AnsweringCatalog(
            configuration: ["defaults": ["prefix": "no"], "overrides": ["prefix": "wh"]]
        ) { _ in HTTPResponse(status: 200, body: body) }
        guard case .committed(let loaded) = await commit(answering) else {
            Issue.record("not committed")
            return
        }
        #expect(loaded.metadata == metadata)
        let request = try #require(answering.seen.withLock { $0.first })
        #expect(request.target == "/v1/wh/namespaces/analytics/tables/events")
        #expect(request.headers["Idempotency-Key"].flatMap { UUID($0) } != nil)
        let sent = try JSONValue.parse(request.body)
        #expect(sent["identifier"]?["name"]?.string == "events")
        #expect(sent["updates"]?.array?.count == 1)
    }

    @Test func `a page at a time is asked for until the last`() async throws {
        let namespace = table.namespace
        let answering = AnsweringCatalog { request in
            let isFirst = request.parameter("pageToken") == ""
            let name = isFirst ? "b" : "a"
            var body = JSONObject()
            body["identifiers"] = [["namespace": ["analytics"], "name": .string(name)]]
            body["next-page-token"] = isFirst ? "more" : .null
            return HTTPResponse(status: 200, body: JSONValue.object(body).serialized())
        }
        let tables = try await answering.catalog.listTables(in: namespace)
        #expect(tables.map(\.name) == ["a", "b"])
    }

    @Test func `reads tell a missing table from a service that is away`() async throws {
        let missing = CatalogError(.noSuchTable, "gone").json.serialized()
        let catalog = AnsweringCatalog { _ in HTTPResponse(status: 404, body: missing) }.catalog
        await #expect(throws: CatalogError(.noSuchTable, "gone")) { try await catalog.loadTable(table) }
        #expect(try await catalog.tableExists(table) == false)
        let down = AnsweringCatalog { _ in HTTPResponse(status: 503) }.catalog
        await #expect(throws: CatalogError.self) { try await down.tableExists(table) }
    }
}
