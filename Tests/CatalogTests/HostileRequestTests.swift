import Bytes
import Foundation
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// Whatever is sent to whichever route: an answer below 500, an error that can be read, and nothing written outside of its place.
/// Each route gets a part of what there is to send; with ANALYTICS_LONG=1 all of it.
@Suite struct HostileRequestTests {
    private let fixture: ServiceFixture
    private let store = MemoryObjectStore()
    private let harness: CatalogHarness

    init() throws {
        fixture = try ServiceFixture()
        harness = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
    }

    private static let isLong = ProcessInfo.processInfo.environment["ANALYTICS_LONG"] != nil

    private static func part<Element>(_ all: [Element], of route: Int, oneIn count: Int) -> [Element] {
        guard !isLong else { return all }
        return stride(from: route % count, to: all.count, by: count).map { all[$0] }
    }

    private static let names = [
        "", " ", ".", "..", "../..", "../../etc/passwd", "a/b", "a\\b", "/", "%2e%2e", "%", "%00", "\u{0}", "\u{7F}",
        "\u{1F}",
        "a\u{1F}", "a\u{1F}b", "\u{1F}\u{1F}", "\u{202E}x", "名前", "é", "e\u{301}", "'; DROP TABLE t; --",
        "${jndi:ldap://x}", "CON",
        String(repeating: "x", count: 240), String(repeating: "x", count: 241), String(repeating: "é", count: 121),
        String(repeating: "a\u{1F}", count: 20), String(repeating: "y", count: 70_000), "t", "latest", "-1",
        "99999999999999999999",
    ]

    private static let values = [
        "null", "true", "-1", "1e400", "99999999999999999999999", "\"\"", "\"..\"", "\"s3://elsewhere/x\"",
        "\"s3://analytics-source/../analytics-catalog/x\"", "\"http://169.254.169.254/latest\"",
        "\"file:///etc/passwd\"",
        "\"\\u0000\"", "\"\\ud800\"", "[]", "{}", "[[[[]]]]", "[null]", #"{"a":1,"a":2}"#,
        "\"\(String(repeating: "z", count: 5_000))\"",
    ]

    private static let parameters = [
        "namespace": "n", "table": "t", "view": "v", "function": "f", "subject": "s", "version": "1",
    ]

    private static let bodies = [
        #"{"namespace":["m"],"properties":{"a":"b"}}"#,
        #"{"name":"x","location":"s3://analytics-source/n/x","schema":{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"a","required":false,"type":"long"}]},"partition-spec":{"spec-id":0,"fields":[]},"write-order":{"order-id":0,"fields":[]},"stage-create":false,"properties":{"a":"b"}}"#,
        #"{"name":"x","metadata-location":"s3://analytics-source/n/x.json","overwrite":true}"#,
        #"{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}],"updates":[{"action":"set-properties","updates":{"a":"b"}},{"action":"remove-snapshots","snapshot-ids":[1]},{"action":"set-location","location":"s3://analytics-source/n/t"}]}"#,
        #"{"source":{"namespace":["n"],"name":"no"},"destination":{"namespace":["n"],"name":"x"}}"#,
        #"{"table-changes":[{"identifier":{"namespace":["n"],"name":"t"},"requirements":[],"updates":[]}]}"#,
        #"{"removals":["a"],"updates":{"b":"c"}}"#, #"{"permissions":[{"principal":"p","role":"reader"}]}"#,
        #"{"older_than_days":7,"retain_last":1}"#, #"{"snapshot_id":1}"#,
        #"{"as_of_timestamp":"2024-01-01T00:00:00Z"}"#,
        #"{"schema":{"type":"object","properties":{"a":{"type":"string"}}},"strict":true,"compatibility":"none","table":null}"#,
        #"{"samples":[{"a":1}]}"#, #"{"level":"metadata","snapshots":"current","max_findings":5,"timeout_seconds":5}"#,
        #"{"snapshot-id":1,"select":["a"],"filter":{"type":"eq","term":"a","value":1},"case-sensitive":true}"#,
        #"{"method":"GET","uri":"http://localhost/analytics-source/n/t","region":"auto","headers":{"a":["b"]}}"#,
    ]

    private func answer(
        _ endpoint: CatalogHarness.Endpoint, _ parameters: [String: String], _ body: [UInt8], query: String = ""
    ) async -> HTTPResponse {
        let request = HTTPRequest(method: endpoint.method, target: "/v1/\(endpoint.path)\(query)", body: body)
        let rights = Rights(principal: .developer, service: harness.service)
        do throws(CatalogError) {
            return try await harness.answer(endpoint, CatalogCall(request, parameters, rights: rights))
        } catch {
            return CatalogReply.error(error)
        }
    }

    private func check(_ response: HTTPResponse, _ what: String) {
        #expect(response.status < 500, "\(what): \(String(decoding: response.body.prefix(300), as: UTF8.self))")
        guard response.status >= 400 else { return }
        do {
            let error = try JSONValue.parse(response.body)["error"]
            #expect(error?["message"]?.string?.isEmpty == false && error?["type"]?.string != nil, "\(what)")
            #expect(response.body.count < 10_000, "\(what): a long error")
        } catch {
            Issue.record("\(what): \(error)")
        }
    }

    private func makeTable() async throws {
        let service = harness.service
        let request = CatalogService.Request()
        let namespace = try NamespaceName(["n"])
        _ = try await service.createNamespace(namespace, properties: [:], request)
        _ = try await service.createTable(try TableIdentifier(namespace, "t"), try fixture.creation(), request)
    }

    /// Every key lies where keys of the catalog or of the table's files lie, and no segment of it leads elsewhere.
    private func checkKeys() async throws {
        let places = [
            fixture.catalogBucket: [
                "tables", "namespaces", "schemas", "functions", "grants", "transactions", "locations", "dropped",
                "idempotency", "keys", "uuids",
            ]
        ]
        for bucket in [fixture.catalogBucket, fixture.sourceBucket] {
            var after: String?
            repeat {
                let page = try await store.list(bucket, prefix: "", delimiter: nil, startAfter: after, limit: 1000)
                for object in page.objects {
                    let segments = object.key.rawValue.split(separator: "/", omittingEmptySubsequences: false)
                    #expect(!segments.contains { $0.isEmpty || $0 == "." || $0 == ".." }, "\(object.key)")
                    if let known = places[bucket], let first = segments.first { #expect(known.contains(String(first))) }
                }
                after = page.next
            } while after != nil
        }
    }

    @Test func `no name leads out of its place or breaks a route`() async throws {
        try await makeTable()
        for (number, endpoint) in harness.endpoints.enumerated() where endpoint.path != "purges" {
            for key in ["namespace", "table", "view", "function", "subject", "version"]
            where endpoint.path.contains("{\(key)}") {
                for name in Self.part(Self.names, of: number, oneIn: 3) where !(name == "t" && key == "table") {
                    var parameters = Self.parameters
                    parameters[key] = name
                    let body = endpoint.method == .post || endpoint.method == .put ? Array("{}".utf8) : []
                    check(
                        await answer(endpoint, parameters, body),
                        "\(endpoint.method) \(endpoint.path) \(key)=\(name.prefix(40))")
                }
            }
        }
        try await checkKeys()
        #expect(try await harness.service.tableExists(try TableIdentifier(try NamespaceName(["n"]), "t")))
    }

    @Test func `no body breaks a route`() async throws {
        try await makeTable()
        let deep = String(repeating: "[", count: 100_000)
        var bodies: [[UInt8]] = [
            Array(deep.utf8), Array((#"{"a":"# + String(repeating: #"{"a":"#, count: 5_000)).utf8), [0xFF, 0xFE], [0],
            Array("{".utf8),
            Array("{}x".utf8), Array("\u{FEFF}{}".utf8), Array("null".utf8), Array("[]".utf8), Array("\"x\"".utf8),
        ]
        for body in Self.bodies { bodies += try Self.mutations(of: body) }
        for (number, endpoint) in harness.endpoints.enumerated()
        where endpoint.method == .post || endpoint.method == .put {
            for body in Self.part(bodies, of: number, oneIn: 41) {
                let what = "\(endpoint.method) \(endpoint.path) \(String(decoding: body.prefix(300), as: UTF8.self))"
                check(await answer(endpoint, Self.parameters, body), what)
            }
        }
        try await checkKeys()
    }

    @Test func `no query breaks a route`() async throws {
        try await makeTable()
        let names = [
            "pageToken", "pageSize", "parent", "warehouse", "snapshots", "min_size", "max_size", "partition", "after",
            "limit", "since",
            "until", "table", "namespace", "principal", "operation", "purgeRequested", "planId", "referenced-by",
        ]
        for (number, endpoint) in harness.endpoints.enumerated() where endpoint.method == .get {
            for name in names {
                for value in Self.part(Self.names, of: number, oneIn: 11) {
                    let query = "?\(name)=\(PercentEncoding.encode(value))"
                    check(
                        await answer(endpoint, Self.parameters, [], query: query), "\(endpoint.path)\(query.prefix(80))"
                    )
                }
            }
        }
    }

    /// The body with each of its values replaced by each hostile one, each member doubled, and cut at some places.
    private static func mutations(of body: String) throws -> [[UInt8]] {
        var found = [Array(body.utf8)]
        for path in paths(of: try JSONValue.parse(Array(body.utf8))) {
            for value in values { found.append(Array(replaced(body, path, by: value).utf8)) }
        }
        for end in stride(from: 1, to: body.utf8.count, by: 37) { found.append(Array(body.utf8.prefix(end))) }
        found.append(Array((body.dropLast() + "," + body.dropFirst()).utf8))
        return found
    }

    /// The texts of all values within, as they stand in the body: the bodies here are written without spaces.
    private static func paths(of value: JSONValue) -> [String] {
        var found: [String] = []
        for member in value.object?.members ?? [] {
            found.append(member.value.serializedString())
            found += paths(of: member.value)
        }
        for element in value.array ?? [] {
            found.append(element.serializedString())
            found += paths(of: element)
        }
        return Array(Set(found)).sorted()
    }

    private static func replaced(_ body: String, _ text: String, by value: String) -> String {
        guard let range = body.firstRange(of: ":" + text) ?? body.firstRange(of: text) else { return body }
        let prefix = body[range].hasPrefix(":") && !text.hasPrefix(":") ? ":" : ""
        return body.replacingCharacters(in: range, with: prefix + value)
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        var copy = self
        copy.replaceSubrange(range, with: text)
        return copy
    }
}
