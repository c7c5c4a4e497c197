import Bytes
import Clocks
import Configuration
import Foundation
import HTTP
import JSONFormat
import ObjectStore
import ServiceHost
import Synchronization
import Telemetry
import Testing

@testable import HealthMonitor

private func directory() throws -> String {
    let path = "/tmp/health-\(Foundation.UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}

private func worker(_ identity: WorkerIdentity, _ values: [String: String]) throws -> Worker {
    var reader = ConfigurationReader(Environment(values.merging(["PORT": "0"]) { given, _ in given }))
    let configuration = WorkerConfiguration(identity, from: &reader)
    try reader.finish()
    return Worker(configuration: configuration, logger: .disabled)
}

/// A worker that runs until `stop`.
private final class Running: Sendable {
    let worker: Worker
    private let task: Task<Bool, any Error>

    init(_ worker: Worker, _ router: Router) async {
        self.worker = worker
        let (started, input) = AsyncStream.makeStream(of: Void.self)
        task = Task {
            defer { input.finish() }
            return try await worker.run(router) { _ in input.yield() }
        }
        for await _ in started { break }
    }

    func stop() async throws {
        worker.requestShutdown()
        _ = try await task.value
    }
}

/// Answers the first requests with what the plan says, then with 200.
private final class PlannedClient: HTTPClient {
    private let state: Mutex<(plan: [Int?], requests: [HTTPRequest])>
    init(_ plan: [Int?]) { state = Mutex((plan, [])) }
    var requests: [HTTPRequest] { state.withLock { $0.requests } }
    func send(_ request: HTTPRequest, options: HTTPRequestOptions) async throws(HTTPClientError) -> HTTPResponse {
        let status = state.withLock { state -> Int? in
            state.requests.append(request)
            return state.plan.isEmpty ? 200 : state.plan.removeFirst()
        }
        guard let status else { throw HTTPClientError(stage: .maybeSent, message: "cut off") }
        return HTTPResponse(status: status)
    }
}

private struct QuickClock: MonotonicClock {
    func nanoseconds() -> UInt64 { 0 }
    func sleep(milliseconds: Int) async throws { try Task.checkCancellation() }
}

@Suite struct `Health probes` {
    @Test(
        arguments: [
            (200, #"{"status":"healthy","checks":{}}"#, HealthStatus.healthy, nil),
            (
                200, #"{"status":"degraded","checks":{"wal":{"status":"degraded","message":"90 % full"}}}"#, .degraded,
                "wal: 90 % full"
            ),
            (
                503, #"{"status":"unhealthy","checks":{"a":{"status":"healthy"},"b":{"status":"unhealthy"}}}"#,
                .unhealthy, "b: unhealthy"
            ),
            (503, #"{"status":"healthy"}"#, .unhealthy, "HTTP 503 without a health status"),
            (500, "oops", .unhealthy, "HTTP 500 without a health report"),
            (200, "[]", .unhealthy, "HTTP 200 without a health status"),
            (200, #"{"status":"splendid"}"#, .unhealthy, "HTTP 200 without a health status"),
        ] as [(Int, String, HealthStatus, String?)])
    func `an answer is read as it is meant`(code: Int, body: String, status: HealthStatus, error: String?) {
        let seen = WorkerProbe.read(HTTPResponse(status: code, body: Array(body.utf8)), latencyMilliseconds: 1)
        #expect(seen.status == status && seen.error == error)
    }

    @Test func `the store is written, read and cleaned up`() async throws {
        let store = MemoryObjectStore()
        let bucket = try BucketName("analytics-catalog")
        let seen = await ObjectStoreHealthProbe(store, bucket: bucket, timeoutMilliseconds: 10_000).observe()
        #expect(seen.status == .healthy && seen.checks.keys == ["write", "read", "delete"])
        let left = try await store.list(bucket, prefix: "", delimiter: nil, startAfter: nil, limit: 10)
        #expect(left.objects.isEmpty)
    }

    @Test func `a store that cannot be written is unhealthy, with its reason`() async throws {
        let store = try LocalObjectStore(root: try directory())
        // A file where the bucket's directory would be.
        let bucket = try BucketName("analytics-catalog")
        let root = try directory()
        try Data().write(to: URL(filePath: root + "/analytics-catalog"))
        let broken = try LocalObjectStore(root: root)
        let seen = await ObjectStoreHealthProbe(broken, bucket: bucket, timeoutMilliseconds: 10_000).observe()
        #expect(seen.status == .unhealthy && seen.error?.isEmpty == false)
        let fine = await ObjectStoreHealthProbe(store, bucket: bucket, timeoutMilliseconds: 10_000).observe()
        #expect(fine.status == .healthy)
    }
}

@Suite struct `Webhooks` {
    @Test func `a notification is sent until it is taken`() async throws {
        let client = PlannedClient([500, nil, 429])
        let url = try #require(EndpointURL("http://hooks.example/x"))
        let notifier = WebhookNotifier(urls: [url], client: client, triesMax: 6, logger: .disabled, clock: QuickClock())
        let change = HealthChange(
            component: .api, from: .healthy, to: .unhealthy, at: Timestamp(microseconds: 0), error: "refused")
        notifier.notify(change, overall: .unhealthy)
        let running = Task { await notifier.run() }
        while client.requests.count < 4 { await Task.yield() }
        running.cancel()
        await running.value
        #expect(client.requests.count == 4)
        let body = try JSONValue.parse(client.requests[3].body)
        #expect(body["change"]?["component"]?.string == "api" && body["overall"]?.string == "unhealthy")
        #expect(body["text"]?.string == "api is unhealthy: refused")
    }

    @Test func `what is never taken is given up`() async throws {
        let client = PlannedClient([Int?](repeating: nil, count: 3))
        let url = try #require(EndpointURL("http://hooks.example/x"))
        let notifier = WebhookNotifier(urls: [url], client: client, triesMax: 3, logger: .disabled, clock: QuickClock())
        for status in [HealthStatus.unhealthy, .healthy] {
            notifier.notify(
                HealthChange(component: .r2, from: nil, to: status, at: Timestamp(microseconds: 0), error: nil),
                overall: status)
        }
        let running = Task { await notifier.run() }
        while client.requests.count < 4 { await Task.yield() }
        running.cancel()
        await running.value
        #expect(client.requests.count == 4)
        #expect(String(decoding: client.requests[3].body, as: UTF8.self).contains("r2 is healthy"))
    }
}

@Suite struct `Health monitor` {
    @Test func `a worker that stops is reported and recovers by itself, and history outlives the monitor`() async throws
    {
        let directory = try directory()
        let entries = Component.workers.compactMap(\.identity).map { identity in
            #"{"binding":"\#(identity.binding)","service":"\#(identity.service)-development","url":"unix:\#(directory)/\#(identity.binding).sock"}"#
        }
        let bindings = "\(directory)/bindings.json"
        try Data("{\"services\":[\(entries.joined(separator: ","))]}".utf8).write(to: URL(filePath: bindings))
        let values = [
            "BINDINGS_FILE": bindings, "OBJECT_STORE": "file://\(directory)/store",
            "HEALTH_INTERVAL_SECONDS": "0.1", "HEALTH_STATE_FILE": "\(directory)/health.json",
            // However busy the machine: a slow answer is not a stopped worker.
            "HEALTH_TIMEOUT_MS": "60000", "HEALTH_STORE_TIMEOUT_MS": "60000",
        ]
        var others: [Component: Running] = [:]
        for component in Component.workers {
            let identity = try #require(component.identity)
            others[component] = await Running(try worker(identity, values), Router())
        }
        func monitor() async throws -> (HealthMonitorService, Running) {
            let worker = try worker(.health, values)
            let configuration = try HealthMonitorConfiguration(environment: Environment(values))
            let service = try await HealthMonitorService.assemble(configuration, worker)
            return (service, await Running(worker, HealthMonitorHarness(service).router()))
        }
        let (service, running) = try await monitor()
        #expect(service.snapshot.status == .healthy)
        let client = try running.worker.httpClient()
        func get(_ path: String) async throws -> HTTPResponse {
            let port = try #require(running.worker.ports.first)
            return try await client.send(
                HTTPRequest(method: .get, target: "http://127.0.0.1:\(port)\(path)"), options: HTTPRequestOptions())
        }
        #expect(try await get("/health").status == 200)
        try await others[.catalog]?.stop()
        while service.snapshot.record(of: .catalog).status == .healthy { try await Task.sleep(nanoseconds: 5_000_000) }
        let sick = try await get("/health")
        let body = try JSONValue.parse(sick.body)
        #expect(sick.status == 503 && body["status"]?.string == "unhealthy")
        #expect(
            body["components"]?["catalog"]?.string == "unhealthy" && body["components"]?["api"]?.string == "healthy")
        let details = try JSONValue.parse(try await get("/health/catalog").body)
        #expect(details["status"]?.string == "unhealthy" && details["error"]?.string?.isEmpty == false)
        #expect(try await get("/health/nothing").status == 404)
        #expect(try await get("/health/live").status == 200)
        #expect(try await get("/").headers["Content-Type"] == "text/html; charset=utf-8")
        others[.catalog] = await Running(try worker(.catalog, values), Router())
        while service.snapshot.status != .healthy { try await Task.sleep(nanoseconds: 5_000_000) }
        #expect(try await get("/health").status == 200)
        try await running.stop()
        let (next, again) = try await monitor()
        let changes = next.snapshot.record(of: .catalog).changes
        // A machine that is short of everything may add an outage of its own behind these.
        #expect(changes.prefix(3).map(\.to) == [.healthy, .unhealthy, .healthy], "\(changes)")
        #expect(changes.last?.to == .healthy, "\(changes)")
        try await again.stop()
        for other in others.values { try await other.stop() }
    }
}
