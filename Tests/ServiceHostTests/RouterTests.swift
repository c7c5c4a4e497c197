import Clocks
import Configuration
import HTTP
import HTTPServer
import JSONFormat
import Telemetry
import Testing

@testable import ServiceHost

private let ok: Router.Handler = { context in
    .text(context.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ","))
}

private func pipeline(
    _ environment: Environment = [:], identity: WorkerIdentity = .collector, router: Router = sampleRouter(),
    logger: Logger = .disabled, metrics: MetricsRegistry = MetricsRegistry()
) throws -> RequestPipeline {
    var reader = ConfigurationReader(environment)
    let configuration = WorkerConfiguration(identity, from: &reader)
    try reader.finish()
    return RequestPipeline(configuration: configuration, router: router, logger: logger, metrics: metrics)
}

private func sampleRouter() -> Router {
    var router = Router()
    router.get("/open", access: .open, ok)
    router.get("/a/{x}", ok)
    router.get("/a/all", ok)
    router.get("/a/{x}/b", ok)
    router.get("/a/all/c", ok)
    router.post("/a/{x}", ok)
    router.get("/files/{path...}", ok)
    router.get("/debug", access: .keyOutsideDevelopment, ok)
    router.get("/inner", access: .binding, ok)
    router.post("/echo") { context in HTTPResponse(status: 200, body: context.request.body) }
    router.post("/fail") { _ in throw Odd(secret: "hunter2") }
    router.post("/known") { _ in throw ServiceError.conflict("taken") }
    return router
}

private struct Odd: Error { let secret: String }

private func request(
    _ method: HTTPMethod, _ target: String, _ headers: HTTPHeaders = [:], body: String = "",
    peer: HTTPPeer = .address("10.0.0.9")
) -> HTTPRequest {
    HTTPRequest(method: method, target: target, headers: headers, body: Array(body.utf8), peer: peer)
}

private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

private func errorType(_ response: HTTPResponse) throws -> String {
    let error = try JSONCursor(try JSONValue.parse(response.body)).member("error")
    #expect(try error.member("code").integer() == Int64(response.status))
    #expect(try !error.member("message").string().isEmpty)
    return try error.member("type").string()
}

@Suite struct `Routes` {
    @Test(arguments: [
        ("/a/1", "x=1"), ("/a/all", ""), ("/a/all/", ""), ("/a/%61ll", ""), ("/a/all/b", "x=all"), ("/a/all/c", ""),
        ("/a/x%2Fy%1F", "x=x/y\u{1F}"), ("/a/1?x=2", "x=1"), ("/files/a/b%20c/d", "path=a/b c/d"), ("/a/+", "x=+"),
    ])
    func `the most literal route is found, its parameters decoded`(target: String, expected: String) async throws {
        let response = try await pipeline().respond(to: request(.get, target))
        #expect(response.status == 200)
        #expect(text(response) == expected)
    }

    @Test(arguments: [
        ("/nothing", 404), ("/a", 404), ("/a//b", 404), ("/", 404), ("//", 404), ("/a/%zz", 400), ("/a/%ff", 400),
        ("/a/%", 400),
    ])
    func `what is not there is an error with a body`(target: String, status: Int) async throws {
        let response = try await pipeline().respond(to: request(.get, target))
        #expect(response.status == status)
        _ = try errorType(response)
    }

    @Test func `a path with another method says which are allowed`() async throws {
        let response = try await pipeline().respond(to: request(.delete, "/a/1"))
        #expect(response.status == 405 && response.headers["Allow"] == "GET, HEAD, OPTIONS, POST")
        #expect(try errorType(response) == "MethodNotAllowedException")
        let options = try await pipeline().respond(to: request(.options, "/a/1"))
        #expect(options.status == 204 && options.headers["Allow"] == "GET, HEAD, OPTIONS, POST")
        #expect(try await pipeline().respond(to: request(.head, "/a/1")).status == 200)
    }

    @Test func `a thousand segments are not followed`() async throws {
        let target = String(repeating: "/a", count: 1000)
        #expect(try await pipeline().respond(to: request(.get, target)).status == 404)
    }
}

@Suite struct `Requests` {
    @Test func `an unexpected error is a 500 with the request id, its cause in the log only`() async throws {
        let memory = MemoryLogDestination()
        let logger = Logger(service: "s", format: .json, destination: memory)
        let response = try await pipeline(logger: logger).respond(
            to: request(.post, "/fail", ["X-Request-Id": "r-1"]))
        #expect(response.status == 500)
        #expect(try errorType(response) == "InternalServerErrorException")
        #expect(text(response).contains("r-1") && !text(response).contains("hunter2"))
        #expect(memory.lines.contains { $0.contains("hunter2") && $0.contains("r-1") })
    }

    @Test func `a thrown service error is the answer`() async throws {
        let response = try await pipeline().respond(to: request(.post, "/known"))
        #expect(response.status == 409)
        #expect(try errorType(response) == "ConflictException")
    }

    @Test func `the service's own errors are mapped`() async throws {
        var router = sampleRouter()
        router.errorMapper = { $0 is Odd ? ServiceError(status: 507, "full") : nil }
        #expect(try await pipeline(router: router).respond(to: request(.post, "/fail")).status == 507)
    }

    @Test func `request id and trace are accepted, or made`() async throws {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let given = try await pipeline().respond(
            to: request(.get, "/open", ["X-Request-Id": "abc", "traceparent": trace]))
        #expect(given.headers["X-Request-Id"] == "abc" && given.headers["traceparent"] == trace)
        let long = String(repeating: "x", count: 129)
        for bad in ["", "a b", long] {
            let made = try await pipeline().respond(
                to: request(.get, "/open", ["X-Request-Id": bad, "traceparent": "00-0-0-0"]))
            #expect(made.headers["X-Request-Id"]?.utf8.count == 32)
            #expect(made.headers["traceparent"].flatMap { TraceParent($0) } != nil)
        }
    }

    @Test func `calls to other workers carry the request's id and trace on, one span further`() async throws {
        var router = Router()
        router.get("/relay", access: .open) { _ in
            var call = HTTPRequest(method: .get, target: "/v1/config")
            CallTrace.carry(into: &call)
            let seen = [call.headers["X-Request-Id"] ?? "", call.headers["traceparent"] ?? ""]
            return .text(seen.joined(separator: " "))
        }
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let response = try await pipeline(router: router).respond(
            to: request(.get, "/relay", ["X-Request-Id": "abc", "traceparent": trace]))
        let words = text(response).split(separator: " ")
        #expect(words.count == 2 && words[0] == "abc")
        let carried = try #require(TraceParent(String(words[1])))
        #expect(carried.traceID == "0af7651916cd43dd8448eb211c80319c" && carried.parentID != "b7ad6b7169203331")
        var alone = HTTPRequest(method: .get, target: "/")
        CallTrace.carry(into: &alone)
        #expect(alone.headers["traceparent"].flatMap { TraceParent($0) } != nil)
    }

    @Test(arguments: [
        ("POST", "/echo", "", true), ("POST", "/echo", "wrong", false),
        ("POST", "/nothing", "k-k-k-k-k-k-k-k-k", false),
        ("PUT", "/echo", "k-k-k-k-k-k-k-k-k", false), ("POST", "/echo", "k-k-k-k-k-k-k-k-k", true),
    ])
    func `what its head alone condemns needs no body`(
        method: String, target: String, key: String, expected: Bool
    ) throws {
        let pipeline = try pipeline(key.isEmpty ? [:] : ["ANALYTICS_API_KEY": "k-k-k-k-k-k-k-k-k"])
        let head = request(HTTPMethod(rawValue: method), target, key.isEmpty ? [:] : ["X-API-Key": key])
        #expect(pipeline.needsBody(head) == expected)
    }

    @Test func `only small plain requests to short routes are short`() throws {
        var router = sampleRouter()
        router.on(.post, "/short", isShort: true, ok)
        let pipeline = try pipeline(router: router)
        #expect(pipeline.isShort(request(.post, "/short", body: "{}")))
        #expect(!pipeline.isShort(request(.post, "/echo", body: "{}")))
        #expect(!pipeline.isShort(request(.post, "/short", body: String(repeating: " ", count: 20_000))))
        #expect(!pipeline.isShort(request(.post, "/short", ["Content-Encoding": "gzip"], body: "x")))
        #expect(!pipeline.isShort(request(.post, "/short", body: "\u{1F}\u{8B}")))
    }

    @Test func `small requests to short routes with parameters are short`() throws {
        var router = sampleRouter()
        router.on(.get, "/short/{name}", isShort: true, ok)
        router.on(.put, "/short/{name}", isShort: true, ok)
        let pipeline = try pipeline(router: router)
        #expect(pipeline.isShort(request(.get, "/short/a?b=c")))
        #expect(pipeline.isShort(request(.put, "/short/a", body: "{}")))
        #expect(!pipeline.isShort(request(.put, "/short/a", body: String(repeating: " ", count: 20_000))))
        #expect(!pipeline.isShort(request(.put, "/short/a", ["Content-Encoding": "gzip"], body: "x")))
        #expect(!pipeline.isShort(request(.get, "/short/a/b")))
        #expect(!pipeline.isShort(request(.post, "/short/a")))
    }

    @Test func `what a lenient server lets through is refused`() async throws {
        let pipeline = try pipeline()
        let good = request(.get, "/open", ["Host": "a", "X-Odd.~name": ""])
        #expect(await pipeline.respond(to: good).status == 200)
        for bad in [
            request(.get, "/open", ["Host": "a", "host": "a"]), request(.get, "/open", ["X ": "a"]),
            request(.get, "/open", ["": "a"]), request(HTTPMethod(rawValue: "\u{16}GET"), "/open"),
            request(HTTPMethod(rawValue: ""), "/open"), request(.get, "http://h/open"), request(.get, "*"),
            request(HTTPMethod(rawValue: String(repeating: "A", count: 33)), "/open"),
        ] {
            let response = await pipeline.respond(to: bad)
            #expect(response.status == 400, "\(bad.method) \(bad.target) \(bad.headers)")
            #expect(try errorType(response) == "BadRequestException")
        }
    }

    @Test(arguments: [400, 408, 413, 414, 417, 431, 501, 503, 505])
    func `what the server refuses is refused in the one shape of errors`(status: Int) throws {
        let metrics = MetricsRegistry()
        let response = try pipeline(metrics: metrics).refuse(HTTPRefusal(status, "why"))
        #expect(response.status == status && response.headers["X-Request-Id"] != nil)
        #expect((response.headers["Retry-After"] != nil) == (status == 503))
        #expect(try errorType(response).hasSuffix("Exception"))
        #expect(
            String(decoding: metrics.prometheusText(), as: UTF8.self).contains("http_requests_refused_total{reason="))
    }

    @Test func `mutating calls are audited with who, what, from where and the outcome`() async throws {
        let memory = MemoryLogDestination()
        let logger = Logger(service: "s", level: .error, format: .json, destination: memory)
        let pipeline = try pipeline(["ANALYTICS_API_KEY": "k"], logger: logger)
        _ = await pipeline.respond(to: request(.post, "/a/1", ["X-API-Key": "k"]))
        _ = await pipeline.respond(to: request(.post, "/a/2", ["X-API-Key": "wrong"]))
        _ = await pipeline.respond(to: request(.get, "/a/1", ["X-API-Key": "k"]))
        #expect(memory.lines.count == 2)
        #expect(memory.lines[0].contains(#""who":"key:"#) && memory.lines[0].contains(#""from":"10.0.0.9""#))
        #expect(memory.lines[0].contains(#""outcome":"done""#) && memory.lines[0].contains("POST /a/{x}"))
        #expect(memory.lines[1].contains(#""outcome":"refused""#) && memory.lines[1].contains("401"))
    }

    @Test func `requests are counted by route, not by path`() async throws {
        let metrics = MetricsRegistry()
        let pipeline = try pipeline(metrics: metrics)
        for number in 0..<3 { _ = await pipeline.respond(to: request(.get, "/a/\(number)")) }
        _ = await pipeline.respond(to: request(HTTPMethod(rawValue: "BREW"), "/a/1"))
        let text = String(decoding: metrics.prometheusText(), as: UTF8.self)
        #expect(text.contains(#"http_requests_total{method="GET",route="/a/{x}",status="200"} 3"#))
        #expect(text.contains(#"method="other""#))
    }
}

@Suite struct `Access` {
    @Test func `development without a key lets everybody in`() async throws {
        #expect(try await pipeline().respond(to: request(.get, "/a/1")).status == 200)
        #expect(try await pipeline().respond(to: request(.get, "/inner")).status == 403)
    }

    @Test(arguments: ["staging", "production"])
    func `elsewhere the start is refused without a key`(environment: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try pipeline(["ICEBERG_ENV": environment]) }
        #expect(error?.problems.map(\.variable) == ["ANALYTICS_API_KEY"])
        _ = try pipeline(["ICEBERG_ENV": environment, "ALLOWED_WRITE_KEYS": "a,b"])
        // A worker with tokens of its own starts without a key, and lets in by those and bindings only.
        _ = try pipeline(["ICEBERG_ENV": environment, "CATALOG_TOKENS": "s"], identity: .catalog)
        for identity in [WorkerIdentity.catalog, .compaction, .api, .health] {
            #expect(throws: ConfigurationError.self) { try pipeline(["ICEBERG_ENV": environment], identity: identity) }
        }
    }

    @Test(
        arguments: [
            (["X-API-Key": "k1"], 200), (["x-api-key": "k2"], 200), (["Authorization": "Bearer k2"], 200),
            (["authorization": "bearer k1"], 200), (["X-API-Key": "k"], 401), (["X-API-Key": ""], 401),
            (["Authorization": "Basic k1"], 401), (["Authorization": "Bearer k3"], 401), ([:], 401),
        ] as [(HTTPHeaders, Int)])
    func `a key is needed, in either header`(headers: HTTPHeaders, status: Int) async throws {
        let pipeline = try pipeline([
            "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k1", "ALLOWED_WRITE_KEYS": "k2",
        ])
        #expect(await pipeline.respond(to: request(.get, "/a/1", headers)).status == status)
        #expect(await pipeline.respond(to: request(.get, "/open")).status == 200)
    }

    @Test func `a peer on the Unix socket needs no key`() async throws {
        let pipeline = try pipeline(["ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k1"])
        #expect(await pipeline.respond(to: request(.get, "/a/1", peer: .unixSocket)).status == 200)
        #expect(await pipeline.respond(to: request(.get, "/inner", peer: .unixSocket)).status == 200)
    }

    @Test func `the service's own authenticator is asked about what is no key`() async throws {
        var router = sampleRouter()
        router.authenticator = { request in
            switch AccessPolicy.bearerToken(request) {
            case "good": Caller(kind: .principal, name: "ann", roles: ["reader"])
            case "bad": throw ServiceError.notAuthorized("revoked")
            default: nil
            }
        }
        let pipeline = try pipeline(
            ["ICEBERG_ENV": "production", "CATALOG_TOKENS": "s"], identity: .catalog, router: router)
        for (token, status) in [("good", 200), ("bad", 401), ("other", 401)] {
            let response = await pipeline.respond(to: request(.get, "/a/1", ["Authorization": "Bearer \(token)"]))
            #expect(response.status == status)
        }
    }

    @Test func `pages of other origins are refused, preflights answered`() async throws {
        let pipeline = try pipeline([
            "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k", "ALLOWED_ORIGINS": "https://shop.example",
        ])
        let allowed = await pipeline.respond(
            to: request(.get, "/a/1", ["Origin": "https://shop.example", "X-API-Key": "k"]))
        #expect(allowed.status == 200 && allowed.headers["Access-Control-Allow-Origin"] == "https://shop.example")
        let refused = await pipeline.respond(
            to: request(.get, "/a/1", ["Origin": "https://evil.example", "X-API-Key": "k"]))
        #expect(refused.status == 403 && refused.headers["Access-Control-Allow-Origin"] == nil)
        let same = await pipeline.respond(
            to: request(.get, "/a/1", ["Origin": "https://me:8", "Host": "me:8", "X-API-Key": "k"]))
        #expect(same.status == 200)
        let preflight = await pipeline.respond(
            to: request(
                .options, "/a/1",
                [
                    "Origin": "https://shop.example", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "x-api-key",
                ]))
        #expect(preflight.status == 204)
        #expect(preflight.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS, POST")
        #expect(preflight.headers["Access-Control-Allow-Headers"] == "x-api-key")
    }
}

@Suite struct `Limits on callers` {
    @Test func `requests beyond the limit are 429, each caller counted apart`() async throws {
        let pipeline = try pipeline(["RATE_LIMIT_MAX_REQUESTS": "2", "ANALYTICS_API_KEY": "k"])
        let withKey = request(.get, "/a/1", ["X-API-Key": "k"])
        #expect(await pipeline.respond(to: withKey).headers["RateLimit-Remaining"] == "1")
        #expect(await pipeline.respond(to: withKey).headers["RateLimit-Remaining"] == "0")
        let refused = await pipeline.respond(to: withKey)
        #expect(refused.status == 429 && refused.headers["Retry-After"] != nil)
        #expect(try errorType(refused) == "TooManyRequestsException")
        // Guessing keys is counted by address.
        let guess = request(.get, "/a/1", ["X-API-Key": "x"])
        for expected in [401, 401, 429] { #expect(await pipeline.respond(to: guess).status == expected) }
        #expect(await pipeline.respond(to: request(.get, "/a/1", peer: .unixSocket)).status == 200)
    }
}
