import Clocks
import Configuration
import HTTP
import JSONFormat
import ServiceHost
import Telemetry

/// Tells webhooks of changes, in order, again after a failure.
package struct WebhookNotifier: Sendable {
    /// Notifications waiting; beyond this the oldest are dropped: the newest say how it is.
    package static let queueMax = 200
    private static let firstDelayMilliseconds = 500
    private static let delayMillisecondsMax = 60_000

    private let urls: [EndpointURL]
    private let client: any HTTPClient
    private let triesMax: Int
    private let logger: Logger
    private let clock: any MonotonicClock
    private let queue: AsyncStream<JSONValue>
    private let input: AsyncStream<JSONValue>.Continuation

    package init(
        urls: [EndpointURL], client: any HTTPClient, triesMax: Int, logger: Logger,
        clock: any MonotonicClock = SystemClock()
    ) {
        self.urls = urls
        self.client = client
        self.triesMax = triesMax
        self.logger = logger
        self.clock = clock
        (queue, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.queueMax))
    }

    package func notify(_ change: HealthChange, overall: HealthStatus) {
        let body: JSONValue = [
            "event": "health.changed", "overall": .string(overall.rawValue), "change": change.json,
            "text": .string(
                "\(change.component) is \(change.to.rawValue)" + (change.error.map { ": \($0)" } ?? "")),
        ]
        let result = input.yield(body)
        if case .dropped = result { logger.warn("a notification was dropped: the webhooks are too slow") }
    }

    /// Delivers until cancelled.
    package func run() async {
        for await body in queue {
            await withTaskGroup(of: Void.self) { group in
                for url in urls { group.addTask { await deliver(body, to: url) } }
            }
        }
    }

    private func deliver(_ body: JSONValue, to url: EndpointURL) async {
        var delay = Self.firstDelayMilliseconds
        for attempt in 1...triesMax {
            guard let failure = await post(body, to: url) else { return }
            logger.warn(
                "a webhook could not be told",
                ["host": url.host, "attempt": attempt, "of": triesMax, "error": failure])
            guard attempt < triesMax else { return }
            do { try await clock.sleep(milliseconds: delay) } catch { return }
            delay = min(delay * 2, Self.delayMillisecondsMax)
        }
    }

    /// Why it failed; nil when it was taken.
    private func post(_ body: JSONValue, to url: EndpointURL) async -> String? {
        var options = HTTPRequestOptions()
        options.timeoutMilliseconds = 10_000
        options.responseBytesMax = 1 << 20
        let request = HTTPRequest(
            method: .post, target: url.text, headers: ["Content-Type": "application/json"], body: body.serialized())
        do throws(HTTPClientError) {
            let response = try await client.send(request, options: options)
            return (200..<300).contains(response.status) ? nil : "HTTP \(response.status)"
        } catch {
            return error.message
        }
    }
}
