import Clocks
import HTTP
import ServiceHost

/// What costs are worked out from.
package struct CostSources: Sendable {
    var prices = StoragePrices()
    /// The suite's workers; none where nobody counts.
    var workers: [WorkerSource] = []

    package init() {}

    /// The catalog itself, and every worker that a binding leads to.
    package init(prices: StoragePrices, worker: Worker) throws(HTTPClientError) {
        self.prices = prices
        workers = [WorkerSource("catalog", worker.storeRequests, since: worker.clock.now())]
        for (name, identity) in [
            ("collector", WorkerIdentity.collector), ("compaction", .compaction), ("api", .api), ("health", .health),
        ] {
            guard let binding = try worker.binding(identity.binding) else {
                workers.append(WorkerSource(name, binding: identity.binding, send: nil))
                continue
            }
            workers.append(
                WorkerSource(name, binding: identity.binding) {
                    (request, milliseconds) async throws(HTTPClientError) in
                    try await binding.send(request, timeoutMilliseconds: milliseconds)
                })
        }
    }
}
