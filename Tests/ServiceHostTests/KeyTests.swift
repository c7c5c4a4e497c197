import Bytes
import Clocks
import Configuration
import Foundation
import HTTP
import JSONFormat
import Telemetry
import Testing

@testable import ServiceHost

private let time = Timestamp(microseconds: 1_700_000_000_000_000)

@Suite struct `Keys` {
    @Test func `a key of the file is found by its hash, in its time`() throws {
        let keys = try KeyFile.parse(
            Array(
                keyFile(
                    ("web", "one", ""), ("old", "two", #","expires":"2023-11-14T22:13:20Z""#),
                    ("new", "three", #","not_before":"2023-11-14T22:13:21Z""#)
                ).utf8))
        let ring = KeyRing(fixed: [], fromFile: keys)
        #expect(ring.find("one", at: time) == .key(keys[0]))
        #expect(ring.find("two", at: time) == .expired(keys[1]))
        #expect(ring.find("two", at: Timestamp(microseconds: time.microseconds - 1)) == .key(keys[1]))
        #expect(ring.find("three", at: time) == .early(keys[2]))
        #expect(ring.find("four", at: time) == .unknown)
        #expect(ring.find(sha256("one"), at: time) == .unknown)
    }

    @Test(arguments: [
        ("{}", "$"), ("[1]", "$[0]"), ("[{}]", "name"), (#"[{"name":"a b","sha256":""}]"#, "name"),
        (#"[{"name":"a","sha256":"12"}]"#, "sha256"), (#"[{"name":"a"}]"#, "sha256"), ("[", ""),
        (keyFile(("a", "k", ""), ("b", "k", "")), "twice"), (keyFile(("a", "k", #","scope":{}"#)), "scope"),
        (keyFile(("a", "k", #","scopes":{"route":["write"]}"#)), "route"),
        (keyFile(("a", "k", #","scopes":{"routes":["root"]}"#)), "routes"),
        (keyFile(("a", "k", #","scopes":{"routes":[]}"#)), "routes"),
        (keyFile(("a", "k", #","scopes":{"origins":["shop.example"]}"#)), "origins"),
        (keyFile(("a", "k", #","scopes":{"origins":[]}"#)), "origins"),
        (keyFile(("a", "k", #","scopes":{"types":["*.view"]}"#)), "types"),
        (keyFile(("a", "k", #","scopes":{"rate":{"requests":0}}"#)), "requests"),
        (keyFile(("a", "k", #","scopes":{"rate":{"per_second":5}}"#)), "per_second"),
        (keyFile(("a", "k", #","expires":"tomorrow""#)), "expires"),
        (keyFile(("a", "k", #","not_before":"2026-01-01T00:00:00Z","expires":"2026-01-01T00:00:00Z""#)), "expires"),
    ])
    func `a file that is wrong is refused, naming the place`(text: String, place: String) {
        let error = #expect(throws: JSONError.self) { try KeyFile.parse(Array(text.utf8)) }
        let said = error?.description ?? ""
        #expect(!said.isEmpty && (place.isEmpty || said.contains(place)), "\(said)")
    }

    @Test func `keys have roles where the service knows of roles, and nowhere else`() throws {
        let text = keyFile(("etl", "one", #","scopes":{"roles":["writer","night_jobs"]}"#), ("bi", "two", ""))
        let keys = try KeyFile.parse(Array(text.utf8), hasRoles: true)
        #expect(keys.map(\.roles) == [["writer", "night_jobs"], []])
        #expect(throws: JSONError.self) { try KeyFile.parse(Array(text.utf8)) }
        for role in ["", "a b", "cap:1", String(repeating: "r", count: 64)] {
            let wrong = keyFile(("a", "k", #","scopes":{"roles":["\#(role)"]}"#))
            #expect(throws: JSONError.self, "\(role)") { try KeyFile.parse(Array(wrong.utf8), hasRoles: true) }
        }
        #expect(KeyFile.newKey(name: "etl", hasRoles: true)["entry"]?["scopes"]?["roles"] == ["reader"])
    }

    @Test func `the file may hold so many keys and no more`() throws {
        let entry = { (number: Int) in
            let digits = String(number)
            let zeros = String(repeating: "0", count: 64 - digits.count)
            return #"{"name":"k","sha256":"\#(zeros)\#(digits)"}"#
        }
        let most = (0..<KeyFile.keysMax).map(entry).joined(separator: ",")
        #expect(try KeyFile.parse(Array("[\(most)]".utf8)).count == KeyFile.keysMax)
        let more = "[\(most),\(entry(KeyFile.keysMax))]"
        #expect(throws: JSONError.self) { try KeyFile.parse(Array(more.utf8)) }
    }

    @Test func `a made key is random, long, and its entry is one of a file`() throws {
        let made = KeyFile.newKey(name: "web")
        let key = try #require(made["key"]?.string)
        #expect(key.hasPrefix("ak_") && key.utf8.count == 46)
        #expect(key != KeyFile.newKey(name: "web")["key"]?.string)
        let entry = try #require(made["entry"])
        let keys = try KeyFile.parse(JSONValue.array([entry]).serialized())
        #expect(KeyRing(fixed: [], fromFile: keys).find(key, at: time) == .key(keys[0]))
        #expect(keys[0].name == "web" && keys[0].scopes == .write)
    }

    @Test func `a changed file is taken, a broken one is not`() throws {
        let path = try temporaryFile(keyFile(("a", "one", "")))
        let ring = KeyRing(fixed: [AccessKey(plain: "fixed", scopes: .all)], path: path)
        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
        func isGood(_ key: String) -> Bool { if case .key = ring.find(key, at: time) { true } else { false } }
        #expect(ring.reload() && isGood("one") && isGood("fixed") && ring.count == 2)
        #expect(!ring.reload())
        try write(keyFile(("a", "one", ""), ("a", "two", "")))
        #expect(ring.reload() && isGood("one") && isGood("two"))
        try write(#"[{"name":"a""#)
        #expect(ring.reload() && ring.problem?.contains(path) == true)
        #expect(isGood("one") && isGood("two") && isGood("fixed"))
        #expect(!ring.reload(), "the same problem is not told again")
        try FileManager.default.removeItem(atPath: path)
        #expect(ring.reload() && isGood("two"))
        try write(keyFile(("a", "two", "")))
        #expect(ring.reload() && ring.problem == nil && !isGood("one") && isGood("two") && isGood("fixed"))
        // A mounted secret is a link that is set to another file.
        let other = try temporaryFile(keyFile(("a", "three", "")))
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
        #expect(ring.reload() && isGood("three") && !isGood("two") && !ring.isFileEmpty)
        try Data("[]".utf8).write(to: URL(filePath: other))
        #expect(ring.reload() && ring.isFileEmpty && isGood("fixed") && !isGood("three"))
    }

    @Test(arguments: [
        ("page.view", "page.view", true), ("page.view", "page.views", false), ("page.*", "page.", true),
        ("page.*", "page.view", true), ("page.*", "page", false), ("*", "x", true), ("é*", "és", true),
    ])
    func `a pattern is a name or a beginning`(pattern: String, name: String, expected: Bool) throws {
        #expect(try #require(NamePattern(pattern)).matches(name) == expected)
        #expect(NamePattern(pattern)?.description == pattern)
    }

    @Test(arguments: [
        ("https://shop.example", "https://shop.example", true), ("https://shop.example/", "https://SHOP.example", true),
        ("https://shop.example", "http://shop.example", false),
        ("https://shop.example", "https://shop.example:8443", false),
        ("https://*.shop.example", "https://a.shop.example", true),
        ("https://*.shop.example", "https://a.b.shop.example", true),
        ("https://*.shop.example", "https://shop.example", false),
        ("https://*.shop.example", "https://.shop.example", false),
        ("https://*.shop.example", "https://evilshop.example", false),
        ("https://*.shop.example", "https://evil.example/.shop.example", false),
        ("https://*.shop.example", "https://a@evil.example?.shop.example", false),
        ("https://*.shop.example", "http://a.shop.example", false),
        ("https://*.shop.example:8443", "https://a.shop.example:8443", true),
        ("https://*.shop.example:8443", "https://a.shop.example", false), ("null", "null", true), ("*", "null", true),
    ])
    func `origins match whole or by subdomain`(pattern: String, origin: String, expected: Bool) throws {
        #expect(try #require(OriginPatterns([pattern])).matches(origin) == expected)
    }

    @Test(arguments: ["shop.example", "https://", "https://*", "https://*.", "https://a.*.b", "https://a/b", "://a"])
    func `what is no origin is refused`(text: String) {
        #expect(OriginPatterns([text]) == nil)
        var reader = ConfigurationReader(Environment(["ALLOWED_ORIGINS": text]))
        _ = WorkerConfiguration(.collector, from: &reader)
        #expect(reader.problems.map(\.variable) == ["ALLOWED_ORIGINS"])
    }
}

@Suite struct `Keys in requests` {
    private let production: [String: String] = ["ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "root"]

    @Test(
        arguments: [
            ("/events", ["X-API-Key": "w"], 200), ("/events", ["Authorization": "Bearer w"], 200),
            ("/events", ["Authorization": "Basic dzo="], 200), ("/events", ["Authorization": "basic dzpwdw=="], 200),
            ("/events", ["Authorization": "Basic dw=="], 200), ("/events", ["Authorization": "Basic eDo="], 401),
            ("/events", ["Authorization": "Basic !"], 401), ("/events?key=w", [:], 200),
            ("/events?a=b&key=w", [:], 200),
            ("/events?key=x", [:], 401), ("/events?key=", [:], 401), ("/events?key=root", [:], 403),
            ("/events?key=root", ["X-API-Key": "w"], 200), ("/events?key=w", ["X-API-Key": "x"], 401),
            ("/events", ["X-API-Key": "hashed"], 200), ("/events", ["X-API-Key": sha256("hashed")], 401),
            ("/events", ["X-API-Key": "root"], 200), ("/admin", ["X-API-Key": "root"], 200),
            ("/admin", ["X-API-Key": "w"], 403), ("/admin", ["X-API-Key": "hashed"], 403), ("/admin", [:], 401),
            ("/admin?key=w", [:], 401), ("/admin?key=root", [:], 401),
        ] as [(String, HTTPHeaders, Int)])
    func `a key is shown in a header, or a write key in the URL`(
        target: String, headers: HTTPHeaders, status: Int
    ) async throws {
        let pipeline = try accessPipeline(
            Environment(production.merging(["ALLOWED_WRITE_KEYS": "w,sha256:\(sha256("hashed"))"]) { $1 }))
        #expect(await pipeline.respond(to: post(target, headers)).status == status)
    }

    @Test func `development asks administrators for nothing, and senders only for a key that is known`() async throws {
        let pipeline = try accessPipeline(["ALLOWED_WRITE_KEYS": "w"])
        #expect(await pipeline.respond(to: post("/admin")).status == 200)
        #expect(await pipeline.respond(to: post("/admin", ["X-API-Key": "w"])).status == 200)
        #expect(await pipeline.respond(to: post("/events")).status == 401)
        #expect(await pipeline.respond(to: post("/events?key=w")).status == 200)
        let open = try accessPipeline([:])
        #expect(await open.respond(to: post("/events?key=any")).status == 200)
        // A file of keys, even an empty one, means that keys are asked for.
        let empty = try accessPipeline(["WRITE_KEYS_FILE": try temporaryFile("[]")])
        #expect(await empty.respond(to: post("/events")).status == 401)
    }

    @Test(arguments: ["staging", "production"])
    func `a file with keys lets it start, an empty one does not`(environment: String) throws {
        let full = try temporaryFile(keyFile(("web", "w", "")))
        _ = try accessPipeline(["ICEBERG_ENV": environment, "WRITE_KEYS_FILE": full])
        let empty = try temporaryFile("[]")
        #expect(throws: ConfigurationError.self) {
            try accessPipeline(["ICEBERG_ENV": environment, "WRITE_KEYS_FILE": empty])
        }
        let wrong = try temporaryFile("[{}]")
        let error = #expect(throws: ConfigurationError.self) {
            try accessPipeline(["ICEBERG_ENV": environment, "ANALYTICS_API_KEY": "k", "WRITE_KEYS_FILE": wrong])
        }
        #expect(error?.problems.map(\.variable) == ["WRITE_KEYS_FILE"])
        #expect(throws: ConfigurationError.self) { try accessPipeline(["ALLOWED_WRITE_KEYS": "sha256:12"]) }
    }

    @Test func `scopes say which routes, and refusals are counted by reason`() async throws {
        let file = try temporaryFile(
            keyFile(
                ("web", "w", ""), ("ops", "o", #","scopes":{"routes":["admin"]}"#),
                ("both", "b", #","scopes":{"routes":["write","admin"]}"#),
                ("gone", "g", #","expires":"2020-01-01T00:00:00Z""#),
                ("soon", "s", #","not_before":"2999-01-01T00:00:00Z""#)))
        let metrics = MetricsRegistry()
        let pipeline = try accessPipeline(
            ["ICEBERG_ENV": "production", "WRITE_KEYS_FILE": file], metrics: metrics)
        for (key, events, admin) in [
            ("w", 200, 403), ("o", 403, 200), ("b", 200, 200), ("g", 401, 401), ("s", 401, 401), ("x", 401, 401),
        ] {
            #expect(await pipeline.respond(to: post("/events", ["X-API-Key": key])).status == events, "\(key)")
            #expect(await pipeline.respond(to: post("/admin", ["X-API-Key": key])).status == admin, "\(key)")
        }
        _ = await pipeline.respond(to: post("/events"))
        _ = await pipeline.respond(to: post("/events?key=b"))
        let text = String(decoding: metrics.prometheusText(), as: UTF8.self)
        for (reason, count) in [
            ("scope", 2), ("key_expired", 2), ("key_not_yet_valid", 2), ("key_unknown", 2), ("key_missing", 1),
            ("key_in_url", 1),
        ] {
            #expect(text.contains(#"http_requests_refused_total{reason="\#(reason)"} \#(count)"#), "\(reason)")
        }
    }

    @Test func `no key appears in a log, an audit record or an answer`() async throws {
        let memory = MemoryLogDestination()
        let logger = Logger(service: "s", level: .trace, format: .json, destination: memory)
        let pipeline = try accessPipeline(
            Environment(production.merging(["ALLOWED_WRITE_KEYS": "hunter2"]) { $1 }), logger: logger)
        var said = ""
        for request in [
            post("/events?key=hunter2"), post("/events?key=hunter22"), post("/nothing?key=hunter2"),
            post("/admin", ["X-API-Key": "hunter2"]), post("/admin", ["Authorization": "Bearer hunter2"]),
        ] {
            said += String(decoding: await pipeline.respond(to: request).body, as: UTF8.self)
        }
        #expect(memory.lines.count >= 5 && said.contains("error"))
        #expect(!said.contains("hunter2") && !memory.lines.contains { $0.contains("hunter2") })
    }
}
