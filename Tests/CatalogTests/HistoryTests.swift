import Bytes
import HTTP
import IcebergCatalog
import JSONFormat
import ObjectStore
import Testing

@testable import Catalog

/// The audit and the events, as any replica tells them from the registers.
@Suite struct HistoryTests {
    private let harness: CatalogHarness
    private let replica: CatalogHarness

    init() throws {
        let fixture = try ServiceFixture()
        let store = MemoryObjectStore()
        harness = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
        replica = CatalogHarness(service: try fixture.service(store), vending: CredentialVending(config: nil))
    }

    @discardableResult
    private func change(
        _ method: HTTPMethod, _ path: String, _ body: String = "", by principal: String = "jane"
    ) async throws -> JSONValue {
        let origin = RequestOrigin(principal: principal, address: "10.0.0.7", requestID: "r-\(principal)")
        let request = HTTPRequest(method: method, target: "/v1/\(path)", body: Array(body.utf8))
        let response = await RequestOrigin.$current.withValue(origin) {
            await HarnessTests.dispatch(harness, CatalogAccess(tokens: [], clients: [:]), request)
        }
        #expect(response.status < 300, "\(String(decoding: response.body, as: UTF8.self))")
        return response.body.isEmpty ? .null : try JSONValue.parse(response.body)
    }

    private func read(
        _ path: String, headers: HTTPHeaders = [:], as principal: Principal = .developer
    ) async -> HTTPResponse {
        let request = HTTPRequest(method: .get, target: "/v1/\(path)", headers: headers)
        return await HarnessTests.dispatch(
            replica, CatalogAccess(tokens: [], clients: [:]), request, as: principal)
    }

    private func readJSON(_ path: String, as principal: Principal = .developer) async throws -> JSONValue {
        let response = await read(path, as: principal)
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return try JSONValue.parse(response.body)
    }

    private func makeTables() async throws {
        try await change(.post, "namespaces", #"{"namespace":["a"]}"#)
        try await change(.post, "namespaces/a/tables", #"{"name":"t","schema":{"type":"struct","fields":[]}}"#)
        try await set("k", "1", by: "joe")
        try await change(.post, "namespaces", #"{"namespace":["b"]}"#)
        try await change(
            .post, "tables/rename",
            #"{"source":{"namespace":["a"],"name":"t"},"destination":{"namespace":["b"],"name":"u"}}"#)
        try await change(.put, "permissions", #"{"permissions":[{"principal":"x","role":"reader"}]}"#, by: "root")
        try await change(.delete, "namespaces/b/tables/u")
    }

    private func set(_ key: String, _ value: String, by principal: String = "jane") async throws {
        let body = #"{"requirements":[],"updates":[{"action":"set-properties","updates":{"\#(key)":"\#(value)"}}]}"#
        try await change(.post, "namespaces/a/tables/t", body, by: principal)
    }

    private static func short(_ value: JSONValue) -> [String] {
        (value.array ?? []).map { entry in
            "\(entry["object"]?.string ?? "") \(entry["name"]?.string ?? "") \(entry["operation"]?.string ?? "")"
        }
    }

    // MARK: - Audit

    @Test func `every change is recorded with who made it, from where, in which request`() async throws {
        try await makeTables()
        let entries = try #require(try await readJSON("audit")["entries"])
        let commit = try #require(entries.array?.first { $0["operation"] == "commit" })
        #expect(commit["by"] == [["principal": "joe", "address": "10.0.0.7", "request-id": "r-joe"]])
        #expect(commit["namespace"] == ["a"])
        #expect(commit["outcome"] == "committed")
        #expect(entries.array?.allSatisfy { $0["by"]?.array?.isEmpty == false } == true)
        let lines = Self.short(entries)
        for line in [
            "namespace  create", "table t create", "table t commit", "table t rename", "table u rename",
            "permissions  grant",
            "table u drop",
        ] { #expect(lines.contains(line), "\(line) in \(lines)") }
    }

    static let filters: [(String, Set<String>)] = [
        ("?principal=joe", ["commit"]), ("?operation=rename", ["rename"]), ("?principal=root&operation=commit", []),
        ("?table=a.t", ["create", "commit", "rename"]), ("?namespace=a&table=t&principal=joe", ["commit"]),
        ("?since=2099-01-01", []), ("?until=2001-01-01&since=2000-01-01", []), ("?principal=root", ["grant"]),
    ]

    @Test(arguments: filters)
    func `the audit is filtered`(query: String, operations: Set<String>) async throws {
        try await makeTables()
        let entries = try await readJSON("audit\(query)")["entries"]?.array ?? []
        #expect(Set(entries.compactMap { $0["operation"]?.string }) == operations)
    }

    @Test func `pages of the audit follow each other without gap or repeat`() async throws {
        try await makeTables()
        let all = Self.short(try await readJSON("audit")["entries"] ?? .null)
        var paged: [String] = []
        var token: String?
        repeat {
            let page = try await readJSON("audit?limit=2" + (token.map { "&pageToken=\($0)" } ?? ""))
            paged += Self.short(page["entries"] ?? .null)
            token = page["next-page-token"]?.string
        } while token != nil
        #expect(paged == all)
        #expect(all.count >= 8)
    }

    @Test(arguments: [
        "audit?since=yesterday", "audit?limit=0", "audit?pageToken=x", "audit?table=t", "audit?namespace=",
        "events?after=x",
        "events?wait=99", "events?limit=0", "events?wait=-1",
    ])
    func `what is asked for wrongly is refused`(path: String) async {
        #expect(await read(path).status == 400)
    }

    @Test func `commits that were made together are told apart by who sent them`() async throws {
        try await makeTables()
        try await change(.post, "namespaces/a/tables", #"{"name":"t","schema":{"type":"struct","fields":[]}}"#)
        let names = (0..<8).map { "writer-\($0)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in names { group.addTask { try await set(name, "1", by: name) } }
            try await group.waitForAll()
        }
        let entries = try await readJSON("audit?table=a.t&operation=commit")["entries"]?.array ?? []
        let principals = entries.flatMap { $0["by"]?.array ?? [] }.compactMap { $0["principal"]?.string }
        #expect(principals.sorted() == (names + ["joe"]).sorted())
    }

    // MARK: - Events

    @Test func `events come in the order of each table, and go on where a reader left off`() async throws {
        try await makeTables()
        var after = "start"
        var seen: [String] = []
        var versions: [String: [Int64]] = [:]
        while true {
            let page = try await readJSON("events?after=\(after)&limit=2")
            let events = page["events"]?.array ?? []
            guard !events.isEmpty else { break }
            seen += Self.short(.array(events))
            for event in events {
                let name = "\(event["object"]?.string ?? "")\(event["namespace"] ?? .null)\(event["name"] ?? .null)"
                versions[name, default: []].append(try #require(event["version"]?.integer))
                #expect(event["by"] == nil)
            }
            after = try #require(page["next"]?.string)
        }
        #expect(seen.filter { $0.hasPrefix("table t") } == ["table t create", "table t commit", "table t rename"])
        #expect(seen.contains("table u drop"))
        for found in versions.values { #expect(found == found.sorted() && Set(found).count == found.count) }
        try await change(.post, "namespaces/a/tables", #"{"name":"new","schema":{"type":"struct","fields":[]}}"#)
        let page = try await readJSON("events?after=\(after)")
        #expect(Self.short(page["events"] ?? .null) == ["table new create"])
    }

    @Test func `a reader who begins now sees only what comes`() async throws {
        try await makeTables()
        let start = try await readJSON("events?table=a.t")
        #expect(start["events"]?.array == [])
        let next = try #require(start["next"]?.string)
        try await change(.post, "namespaces/a/tables", #"{"name":"t","schema":{"type":"struct","fields":[]}}"#)
        let page = try await readJSON("events?table=a.t&after=\(next)")
        #expect(Self.short(page["events"] ?? .null) == ["table t create"])
    }

    @Test func `a waiting reader is answered once there is something`() async throws {
        try await makeTables()
        let next = try #require(try await readJSON("events")["next"]?.string)
        async let waiting = readJSON("events?after=\(next)&wait=25")
        try await change(.post, "namespaces", #"{"namespace":["c"]}"#)
        let page = try await waiting
        #expect(Self.short(page["events"] ?? .null) == ["namespace  create"])
    }

    @Test func `one principal cannot take the places of all who wait`() async throws {
        try await makeTables()
        let next = try #require(try await readJSON("events")["next"]?.string)
        let (one, other) = (Principal(name: "one", role: .reader), Principal(name: "other", role: .reader))
        let limit = CatalogLimits.eventWaitersOfOneMax
        let answers = await withTaskGroup(of: Int.self) { group in
            for _ in 0...limit {
                group.addTask { await read("events?after=\(next)&wait=25", as: one).status }
            }
            // Whoever finds no place is answered at once.
            var answers = [await group.next() ?? 0]
            let stream = await read("events?after=\(next)", headers: ["Accept": "text/event-stream"], as: one)
            #expect(stream.status == 200, "EventSource gives up at any other")
            #expect(String(decoding: stream.body, as: UTF8.self).hasPrefix("retry: 10000\n"))
            group.addTask { await read("events?after=\(next)&wait=25", as: other).status }
            do { try await change(.post, "namespaces", #"{"namespace":["c"]}"#) } catch { Issue.record(error) }
            for await status in group { answers.append(status) }
            return answers
        }
        #expect(answers.first == 429)
        #expect(answers.dropFirst().allSatisfy { $0 == 200 } && answers.count == limit + 2, "\(answers)")
    }

    @Test func `a stream goes on from the last event that was read`() async throws {
        try await makeTables()
        let headers: HTTPHeaders = ["Accept": "text/event-stream"]
        let first = await read("events?after=start&limit=3", headers: headers)
        #expect(first.headers["Content-Type"] == "text/event-stream")
        let text = String(decoding: first.body, as: UTF8.self)
        #expect(text.components(of: "event: change\n") == 3)
        let ids = text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.map { String($0.dropFirst(4)) }
        // Cut off after the second event.
        var resumed = headers
        resumed["Last-Event-ID"] = ids[1]
        let again = await read("events?after=start&limit=1", headers: resumed)
        let third = text.split(separator: "\n").filter { $0.hasPrefix("data: ") }[2]
        #expect(String(decoding: again.body, as: UTF8.self).contains(third))
    }

    @Test func `events of what a reader may not see are left out`() async throws {
        try await makeTables()
        let jane = Principal(name: "jane", role: nil)
        try await change(
            .put, "namespaces/a/permissions", #"{"permissions":[{"principal":"jane","role":"reader"}]}"#)
        let events = try await readJSON("events?after=start", as: jane)["events"]?.array ?? []
        #expect(!events.isEmpty)
        #expect(events.allSatisfy { $0["namespace"] == ["a"] })
        let nobody = try await readJSON("events?after=start", as: Principal(name: "nobody", role: nil))
        #expect(nobody["events"]?.array == [])
        #expect(EventCursor(nobody["next"]?.string ?? "")?.count == 0)
    }

    @Test func `a cursor is read back, and nothing else is`() throws {
        var cursor = EventCursor(catalog: .max - 5)
        cursor[RegisterChain(prefix: "tables/a/t")] = 12
        cursor[RegisterChain(prefix: "tables/a/u")] = (1 << 40) - 1
        #expect(EventCursor(cursor.text) == cursor)
        #expect(EventCursor(EventCursor(catalog: 7).text) == EventCursor(catalog: 7))
        for text in ["", "x", String(cursor.text.dropLast(2)), Base64.encode([2], alphabet: .urlSafe), "🙂"] {
            #expect(EventCursor(text) == nil, "\(text)")
        }
    }

    @Test func `a cursor of before the catalog was lost is refused`() async throws {
        try await makeTables()
        let next = try #require(try await readJSON("events?after=start")["next"]?.string)
        let rebuilt = CatalogHarness(
            service: try ServiceFixture().service(MemoryObjectStore()), vending: CredentialVending(config: nil))
        let request = HTTPRequest(method: .get, target: "/v1/events?after=\(next)")
        let response = await HarnessTests.dispatch(rebuilt, CatalogAccess(tokens: [], clients: [:]), request)
        #expect(response.status == 400)
        #expect(String(decoding: response.body, as: UTF8.self).contains("go on from"))
    }

    @Test func `the longest cursor fits into the head of a request with room to spare`() {
        var cursor = EventCursor(catalog: 1)
        for number in 0..<CatalogLimits.eventRegistersMax {
            cursor[RegisterChain(prefix: "tables/a/t\(number)")] = (1 << 40) - 1
        }
        #expect(cursor.count == CatalogLimits.eventRegistersMax)
        #expect(cursor.text.utf8.count <= 13 << 10)
        #expect(EventCursor(cursor.text) == cursor)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
