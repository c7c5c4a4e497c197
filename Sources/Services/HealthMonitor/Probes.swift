import Bytes
import Clocks
import Configuration
import HTTP
import JSONFormat
import Lifecycle
import ObjectStore
import ServiceHost

/// Looks at one component once. Never throws: whatever goes wrong is what it saw.
package protocol HealthProbe: Sendable {
    func observe() async -> Observation
}

/// Asks a worker's `/health`.
package struct WorkerProbe: HealthProbe {
    package typealias Send =
        @Sendable (HTTPRequest, _ timeoutMilliseconds: Int) async throws(HTTPClientError) -> HTTPResponse

    private let send: Send
    private let timeoutMilliseconds: Int
    private let clock: any MonotonicClock

    package init(timeoutMilliseconds: Int, clock: any MonotonicClock = SystemClock(), send: @escaping Send) {
        self.timeoutMilliseconds = timeoutMilliseconds
        self.clock = clock
        self.send = send
    }

    /// Over a binding.
    package init(_ binding: ServiceBinding, timeoutMilliseconds: Int) {
        self.init(timeoutMilliseconds: timeoutMilliseconds) {
            (request, timeout) async throws(HTTPClientError) -> HTTPResponse in
            try await binding.send(request, timeoutMilliseconds: timeout)
        }
    }

    /// At a URL: `/health` needs no key.
    package init(_ url: EndpointURL, client: any HTTPClient, timeoutMilliseconds: Int) {
        self.init(timeoutMilliseconds: timeoutMilliseconds) {
            (request, timeout) async throws(HTTPClientError) -> HTTPResponse in
            var request = request
            request.target = url.text + request.target
            var options = HTTPRequestOptions()
            options.timeoutMilliseconds = timeout
            options.connectTimeoutMilliseconds = timeout
            return try await client.send(request, options: options)
        }
    }

    package func observe() async -> Observation {
        let start = clock.nanoseconds()
        let elapsed = { Double(clock.nanoseconds() &- start) / 1e6 }
        do throws(HTTPClientError) {
            let response = try await send(HTTPRequest(method: .get, target: "/health"), timeoutMilliseconds)
            return Self.read(response, latencyMilliseconds: elapsed())
        } catch {
            return Observation(.unhealthy, latencyMilliseconds: elapsed(), error: error.message)
        }
    }

    static func read(_ response: HTTPResponse, latencyMilliseconds: Double) -> Observation {
        let body: JSONValue
        do throws(JSONError) {
            body = try JSONValue.parse(response.body)
        } catch {
            return Observation(
                .unhealthy, latencyMilliseconds: latencyMilliseconds,
                error: "HTTP \(response.status) without a health report")
        }
        let checks = body["checks"]?.object ?? JSONObject()
        guard let status = body["status"]?.string.flatMap({ HealthStatus(rawValue: $0) }),
            response.status == 200 || status == .unhealthy
        else {
            return Observation(
                .unhealthy, latencyMilliseconds: latencyMilliseconds,
                error: "HTTP \(response.status) without a health status", checks: checks)
        }
        return Observation(
            status, latencyMilliseconds: latencyMilliseconds, error: status == .healthy ? nil : reason(checks),
            checks: checks)
    }

    /// The checks that are not healthy, with their messages.
    private static func reason(_ checks: JSONObject) -> String {
        let reasons = checks.members.compactMap { member -> String? in
            guard let status = member.value["status"]?.string, status != HealthStatus.healthy.rawValue else {
                return nil
            }
            return "\(member.key): \(member.value["message"]?.string ?? status)"
        }
        return reasons.isEmpty ? "the worker says so without a reason" : reasons.joined(separator: "; ")
    }
}

/// Writes, reads back and deletes a small object below `health/`.
package struct ObjectStoreHealthProbe: HealthProbe {
    private let store: any ObjectStore
    private let bucket: BucketName
    private let timeoutMilliseconds: Int
    /// One name per process: what a killed one leaves behind is one small object.
    private let name: String
    private let clock: any MonotonicClock

    package init(
        _ store: any ObjectStore, bucket: BucketName, timeoutMilliseconds: Int, instance: UUID = UUID.random(),
        clock: any MonotonicClock = SystemClock()
    ) {
        self.store = store
        self.bucket = bucket
        self.timeoutMilliseconds = timeoutMilliseconds
        self.clock = clock
        name = "health/probe-\(instance)"
    }

    package func observe() async -> Observation {
        let start = clock.nanoseconds()
        let outcome = await withAbandonment(milliseconds: timeoutMilliseconds) {
            () -> Result<JSONObject, ObjectStoreError> in
            do throws(ObjectStoreError) {
                return .success(try await exercise())
            } catch {
                return .failure(error)
            }
        }
        let latency = Double(clock.nanoseconds() &- start) / 1e6
        switch outcome {
        case .success(let checks): return Observation(.healthy, latencyMilliseconds: latency, checks: checks)
        case .failure(let error): return Observation(.unhealthy, latencyMilliseconds: latency, error: error.message)
        case nil:
            return Observation(
                .unhealthy, latencyMilliseconds: latency,
                error: "no write, read and delete within \(timeoutMilliseconds) ms")
        }
    }

    private func exercise() async throws(ObjectStoreError) -> JSONObject {
        let location = ObjectLocation(bucket: bucket, key: try ObjectKey(name))
        let bytes = Array("\(name) \(clock.nanoseconds())".utf8)
        var checks = JSONObject()
        var before = clock.nanoseconds()
        func lap(_ step: String) {
            let now = clock.nanoseconds()
            checks[step] = [
                "status": .string(HealthStatus.healthy.rawValue),
                "latency_ms": .double(Double((now &- before) / 1000) / 1000),
            ]
            before = now
        }
        _ = try await store.put(location, bytes, condition: .always, contentType: "text/plain")
        lap("write")
        let found = try await store.get(location, range: nil)
        lap("read")
        guard found.bytes == bytes else {
            throw ObjectStoreError(.failed, "\(location) holds other bytes than were written a moment before")
        }
        try await store.delete(bucket, [location.key])
        lap("delete")
        return checks
    }
}

/// A component nobody has told the monitor how to reach.
package struct UnreachableProbe: HealthProbe {
    let reason: String

    package func observe() async -> Observation { Observation(.unhealthy, latencyMilliseconds: 0, error: reason) }
}
