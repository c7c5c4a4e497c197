import JSONFormat
import ObjectStore

/// What the workers' requests cost, as if a month went on as the time since each worker's start.
struct ComputeCosts {
    private(set) var cost = 0.0
    private var sum = StoreRequests.Counts()
    private var rows: [JSONValue] = []
    private var unknown: [JSONValue] = []

    init(_ workers: [WorkerRequests], _ prices: StoragePrices) {
        for worker in workers { add(worker, prices) }
    }

    private mutating func add(_ worker: WorkerRequests, _ prices: StoragePrices) {
        var row = JSONObject([.init(key: "worker", value: .string(worker.worker))])
        switch worker.answer {
        case .unknown(let reason):
            row["requests"] = "unknown"
            row["reason"] = .string(reason)
            unknown.append(.string(worker.worker))
        case .counted(let counts, let seconds):
            let month = 30.0 * 86_400 / Double(max(1, seconds))
            let cost =
                (Double(counts.classA) * prices.classA + Double(counts.classB) * prices.classB) / 1e6 * month
            self.cost += cost
            sum.add(counts)
            row["seconds"] = JSONValue(seconds)
            row["requests"] = .object(Self.json(counts, cost: cost))
            row["bytes-read"] = JSONValue(counts.bytesRead)
            row["bytes-written"] = JSONValue(counts.bytesWritten)
        }
        rows.append(.object(row))
    }

    private static func json(_ counts: StoreRequests.Counts, cost: Double) -> JSONObject {
        JSONObject([
            .init(key: "class-a", value: JSONValue(counts.classA)),
            .init(key: "class-b", value: JSONValue(counts.classB)), .init(key: "free", value: JSONValue(counts.free)),
            .init(key: "monthly-cost", value: JSONValue(cost)),
        ])
    }

    /// The members `requests` and `bandwidth`, of all workers that are known, and `compute`, of each.
    var json: [JSONObject.Member] {
        var requests = Self.json(sum, cost: cost)
        requests["unknown"] = .array(unknown)
        return [
            .init(key: "requests", value: .object(requests)),
            .init(
                key: "compute",
                value: [
                    "scope": "each worker since its start; of several behind one binding the one that answered",
                    "complete": .bool(unknown.isEmpty), "workers": .array(rows),
                ]),
            .init(
                key: "bandwidth",
                value: [
                    "scope": "between the workers and the object store", "bytes-read": JSONValue(sum.bytesRead),
                    "bytes-written": JSONValue(sum.bytesWritten),
                ]),
        ]
    }
}
