import Clocks
import Configuration
import Foundation
import HTTP
import JSONFormat
import Synchronization
import Telemetry
import Testing

@testable import ServiceHost

private func worker(_ environment: [String: String], _ identity: WorkerIdentity = .catalog) throws -> Worker {
    var reader = ConfigurationReader(
        Environment(environment.merging(["PORT": "0", "SHUTDOWN_GRACE_SECONDS": "10"]) { given, _ in given }))
    let configuration = WorkerConfiguration(identity, from: &reader)
    try reader.finish()
    return Worker(configuration: configuration, logger: .disabled)
}

/// Runs a worker while `body` talks to it, then stops it.
private func serving(
    _ worker: Worker, _ router: Router, _ body: (Int) async throws -> Void
) async throws -> Bool {
    let (ports, found) = AsyncStream.makeStream(of: Int.self)
    let running = Task {
        do {
            return try await worker.run(router) { found.yield($0.first ?? 0) }
        } catch {
            found.finish()
            throw error
        }
    }
    var iterator = ports.makeAsyncIterator()
    if let port = await iterator.next() {
        do { try await body(port) } catch {
            worker.requestShutdown()
            _ = try await running.value
            throw error
        }
    }
    worker.requestShutdown()
    return try await running.value
}

private func write(_ text: String, _ name: String) throws -> String {
    let directory = "/tmp/host-\(Foundation.UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
    return "\(directory)/\(name)"
}

@Suite struct `Workers` {
    @Test func `a worker answers health, readiness and metrics by itself`() async throws {
        let worker = try worker([:])
        worker.health.register("store") { .degraded("slow") }
        let client = try CurlClient()
        let done = try await serving(worker, Router()) { port in
            func get(_ path: String, _ headers: HTTPHeaders = [:]) async throws -> HTTPResponse {
                let target = "http://127.0.0.1:\(port)\(path)"
                return try await client.send(
                    HTTPRequest(method: .get, target: target, headers: headers), options: HTTPRequestOptions())
            }
            let health = try await get("/health")
            let body = try JSONValue.parse(health.body)
            #expect(health.status == 200 && body["status"]?.string == "degraded")
            #expect(body["checks"]?["store"]?["message"]?.string == "slow")
            #expect(body["version"]?.string == Release.version && body["uptime_seconds"]?.double != nil)
            #expect(try await get("/health/live").status == 200)
            #expect(try await get("/health/ready").status == 200)
            let metrics = try await get("/metrics")
            #expect(metrics.headers["Content-Type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(String(decoding: metrics.body, as: UTF8.self).contains("process_resident_memory_bytes"))
            let json = try await get("/metrics", ["Accept": "application/json"])
            #expect(try JSONValue.parse(json.body)["http_requests_total"] != nil)
            worker.health.register("log") { .unhealthy("cannot be written") }
            #expect(try await get("/health").status == 503)
            #expect(try await get("/health/ready").status == 503)
        }
        #expect(done)
    }

    @Test func `workers call each other over sockets and over signed HTTP`() async throws {
        let directory = "/tmp/host-\(Foundation.UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let sockets = try write(
            #"{"services":[{"binding":"ANALYTICS_CATALOG","service":"analytics-catalog-production","url":"unix:\#(directory)/c.sock"}]}"#,
            "bindings.json")
        let secret = "0123456789abcdef0123"
        let catalog = try worker(
            [
                "ICEBERG_ENV": "production", "ANALYTICS_API_KEY": "k", "BIND_ADDRESS": "127.0.0.1",
                "BINDINGS_FILE": sockets,
                "BINDING_SECRET": secret,
            ])
        var router = Router()
        router.post("/who") { context in
            .text("\(context.caller) \(context.requestID) \(String(decoding: context.request.body, as: UTF8.self))")
        }
        _ = try await serving(catalog, router) { port in
            let call = { (worker: Worker) async throws -> HTTPResponse in
                let binding = try #require(try worker.binding("ANALYTICS_CATALOG"))
                return try await binding.send(HTTPRequest(method: .post, target: "/who?x=1", body: Array("hi".utf8)))
            }
            let near = try worker(["BINDINGS_FILE": sockets], .api)
            let overSocket = try await call(near)
            #expect(overSocket.status == 200)
            let said = String(decoding: overSocket.body, as: UTF8.self)
            #expect(said.hasPrefix("binding:analytics-api-development ") && said.hasSuffix(" hi"))
            let urls = try write(
                #"{"services":[{"binding":"ANALYTICS_CATALOG","service":"c","url":"http://127.0.0.1:\#(port)"}]}"#,
                "remote.json")
            let far = try worker(["BINDINGS_FILE": urls, "BINDING_SECRET": secret], .api)
            #expect(try await call(far).status == 200)
            let stranger = try worker(["BINDINGS_FILE": urls, "BINDING_SECRET": "another-secret-123"], .api)
            #expect(try await call(stranger).status == 401)
            let unsigned = try worker(["BINDINGS_FILE": urls], .api)
            #expect(try await call(unsigned).status == 401)
        }
    }

    @Test func `the stop ends the server, then the background, then what was opened first last`() async throws {
        let order = Journal()
        let worker = try worker([:])
        worker.onShutdown("store") { order.add("store") }
        worker.onShutdown("log") { order.add("log") }
        worker.background("loop") {
            do { try await Task.sleep(nanoseconds: 60_000_000_000) } catch { order.add("background") }
        }
        let isDone = try await serving(worker, Router()) { _ in }
        #expect(isDone)
        #expect(order.entries == ["background", "log", "store"])
    }

    @Test func `a check that hangs is unhealthy in time`() async {
        let registry = HealthRegistry()
        registry.register("stuck", timeoutMilliseconds: 1) {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    sleep(3)
                    continuation.resume()
                }
            }
            return .healthy
        }
        let report = await registry.report()
        #expect(report.status == .unhealthy)
        #expect(report.checks.first?.check.message == "no answer within 1 ms")
    }

    @Test(arguments: [
        ([], CommandLineOptions.run), (["--help"], .help), (["--version"], .version),
        (["--check-config"], .checkConfiguration), (["--frob"], .unknown("--frob")), (["--help", "x"], .unknown("x")),
        (["--make-key", "web"], .makeKey("web")), (["--make-key"], .unknown("--make-key")),
    ])
    func `the command line is one option or none`(arguments: [String], expected: CommandLineOptions) {
        #expect(CommandLineOptions(arguments) == expected)
    }

    @Test func `bodies together must have room for one`() {
        var reader = ConfigurationReader(Environment(["MAX_BODY_BYTES": "4096", "MAX_BODIES_BYTES": "4095"]))
        _ = WorkerConfiguration(.collector, from: &reader)
        #expect(reader.problems.map(\.variable) == ["MAX_BODIES_BYTES"])
    }

    @Test(arguments: [
        ("BINDINGS_FILE", "/nowhere/b.json"), ("TLS_CERT_FILE", "/nowhere/c.pem"), ("BINDING_SECRET", "short"),
        ("LOG_LEVEL", "loud"), ("PORT", "70000"), ("MAX_BODY_BYTES", "-1"),
    ])
    func `a wrong variable stops the start and is named`(variable: String, value: String) {
        var reader = ConfigurationReader(Environment([variable: value]))
        _ = WorkerConfiguration(.collector, from: &reader)
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        let names = error?.problems.map(\.variable) ?? []
        #expect(names.contains(variable) || variable == "TLS_CERT_FILE" && names == ["TLS_KEY_FILE"])
    }

    @Test func `a file without a key is named where production lacks one`() throws {
        let path = try temporaryFile("[]")
        var reader = ConfigurationReader(Environment(["ICEBERG_ENV": "production", "WRITE_KEYS_FILE": path]))
        _ = WorkerConfiguration(.collector, from: &reader)
        let problem = try #require(reader.problems.first { $0.variable == "ANALYTICS_API_KEY" })
        #expect(problem.message.contains("WRITE_KEYS_FILE has no key in it"), "\(problem)")
        #expect(problem.message.contains("ALLOWED_WRITE_KEYS"), "\(problem)")
    }
}

private final class Journal: Sendable {
    private let state = Mutex<[String]>([])
    func add(_ entry: String) { state.withLock { $0.append(entry) } }
    var entries: [String] { state.withLock { $0 } }
}
