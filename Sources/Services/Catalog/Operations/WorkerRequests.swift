import Clocks
import HTTP
import JSONFormat
import ObjectStore

/// What one of the suite's workers has asked of the object store since its start, as far as that is known.
struct WorkerRequests: Sendable {
    enum Answer: Sendable {
        case counted(StoreRequests.Counts, seconds: Int64)
        /// Why it is not known.
        case unknown(String)
    }

    let worker: String
    let answer: Answer
}

/// A worker that can be asked for its requests.
package struct WorkerSource: Sendable {
    private static let answerMillisecondsMax = 2_000

    let worker: String
    private let ask: @Sendable (_ now: Timestamp) async -> WorkerRequests.Answer

    /// This process.
    init(_ worker: String, _ requests: StoreRequests, since start: Timestamp) {
        self.worker = worker
        ask = { .counted(requests.counts, seconds: max(1, ($0.milliseconds - start.milliseconds) / 1000)) }
    }

    /// Another worker, by its `/metrics`: the one process that its binding leads to.
    ///
    /// - Parameter send: nil where there is no binding.
    init(
        _ worker: String, binding: String,
        send: (@Sendable (HTTPRequest, _ milliseconds: Int) async throws(HTTPClientError) -> HTTPResponse)?
    ) {
        self.worker = worker
        guard let send else {
            ask = { _ in .unknown("BINDINGS_FILE has no binding \(binding)") }
            return
        }
        ask = { now in
            do throws(HTTPClientError) {
                let request = HTTPRequest(
                    method: .get, target: "/metrics", headers: ["Accept": "application/json"])
                return Self.read(try await send(request, Self.answerMillisecondsMax), at: now)
            } catch {
                return .unknown(error.message)
            }
        }
    }

    func requests(at now: Timestamp) async -> WorkerRequests {
        WorkerRequests(worker: worker, answer: await ask(now))
    }

    private static func read(_ response: HTTPResponse, at now: Timestamp) -> WorkerRequests.Answer {
        guard response.status == 200 else { return .unknown("its /metrics answered HTTP \(response.status)") }
        let metrics: JSONValue
        do throws(JSONError) { metrics = try JSONValue.parse(response.body) } catch {
            return .unknown("its /metrics are no JSON: \(error)")
        }
        let value = { (name: String) in metrics[name]?["values"]?.array?.first?["value"]?.double }
        guard let counts = StoreRequests.Counts(metrics: { value($0).flatMap { Int64(exactly: $0) } }),
            let start = value("process_start_time_seconds"), start.isFinite
        else { return .unknown("its /metrics do not count requests: another version runs there") }
        let seconds = max(1, Double(now.milliseconds) / 1000 - start)
        return .counted(counts, seconds: Int64(seconds.rounded()))
    }
}
