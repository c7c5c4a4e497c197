import Clocks
import IcebergCatalog
import JSONFormat

extension CatalogService {
    /// What the warehouse costs: storage by table as it is now, and the requests of this replica since its start.
    ///
    /// - Parameters:
    ///   - milliseconds: tables that are not measured by then are listed without numbers.
    func costs(
        prices: StoragePrices, requests: (counts: CountingStore.Counts, seconds: Int64)?, milliseconds: Int,
        clock timer: any MonotonicClock = SystemClock()
    ) async throws(CatalogError) -> JSONValue {
        let end = timer.nanoseconds() + UInt64(max(0, milliseconds)) * 1_000_000
        var sum = TableStorage()
        var tables: [JSONValue] = []
        var isComplete = true
        for table in try await registeredTables() where table.state != nil {
            var row = JSONObject([.init(key: "table", value: table.identifier.json)])
            if timer.nanoseconds() < end {
                do throws(CatalogError) {
                    let storage = try await storage(of: try await loadTable(table.identifier).file.metadata)
                    sum = sum + storage
                    for member in Self.json(storage, prices) { row[member.key] = member.value }
                } catch {
                    guard error.code == .internalError || error.code == .noSuchTable else { throw error }
                    row["problem"] = .string(error.message)
                    isComplete = false
                }
            } else {
                row["problem"] = "there was no time to measure it"
                isComplete = false
            }
            tables.append(.object(row))
        }
        let stored = Double(sum.total) / 1e9 * prices.storage
        var monthly = stored
        var object = JSONObject([
            .init(key: "currency", value: "USD"), .init(key: "time", value: .string(clock.now().rfc3339())),
            .init(key: "complete", value: .bool(isComplete)),
            .init(key: "storage", value: .object(JSONObject(Self.json(sum, prices)))),
            .init(key: "tables", value: .array(tables)),
        ])
        if let requests {
            let month = Self.projected(requests, prices)
            monthly += month.cost
            object["requests"] = month.json
            object["compute"] = [
                "scope":
                    "a catalog knows the requests that it makes itself; those of the other workers are not counted anywhere",
                "workers": [["worker": "catalog", "requests": month.json]],
            ]
            object["bandwidth"] = [
                "scope": "this replica and the object store", "bytes-read": JSONValue(requests.counts.bytesRead),
                "bytes-written": JSONValue(requests.counts.bytesWritten),
            ]
        }
        object["projected-monthly-cost"] = JSONValue(monthly)
        object["prices"] = [
            "storage-gb-month": JSONValue(prices.storage), "class-a-million": JSONValue(prices.classA),
            "class-b-million": JSONValue(prices.classB), "egress-gb": JSONValue(prices.egress),
        ]
        return .object(object)
    }

    private static func json(_ storage: TableStorage, _ prices: StoragePrices) -> [JSONObject.Member] {
        [
            .init(key: "bytes", value: JSONValue(storage.total)),
            .init(key: "live-bytes", value: JSONValue(storage.live)),
            .init(key: "superseded-bytes", value: JSONValue(storage.superseded)),
            .init(key: "orphan-bytes", value: JSONValue(storage.orphan)),
            .init(key: "metadata-bytes", value: JSONValue(storage.metadata)),
            .init(key: "monthly-cost", value: JSONValue(Double(storage.total) / 1e9 * prices.storage)),
        ]
    }

    /// As if a month went on as the time since the start.
    private static func projected(
        _ requests: (counts: CountingStore.Counts, seconds: Int64), _ prices: StoragePrices
    ) -> (json: JSONValue, cost: Double) {
        let factor = 30.0 * 86_400 / Double(max(1, requests.seconds))
        let counts = requests.counts
        let cost =
            (Double(counts.classA) * prices.classA + Double(counts.classB) * prices.classB) / 1e6 * factor
        let json: JSONValue = [
            "scope": "this replica since its start",
            "seconds": JSONValue(requests.seconds), "class-a": JSONValue(counts.classA),
            "class-b": JSONValue(counts.classB), "free": JSONValue(counts.free), "monthly-cost": JSONValue(cost),
        ]
        return (json, cost)
    }
}
