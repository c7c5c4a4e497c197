import Clocks
import Concurrency
import IcebergCatalog
import JSONFormat

extension CatalogService {
    /// What the warehouse costs: storage by table as it is now, and the requests of the workers since their starts.
    ///
    /// - Parameters:
    ///   - workers: asked for their requests; one that does not answer is unknown, with the reason.
    ///   - milliseconds: tables that are not measured by then are listed without numbers.
    func costs(
        prices: StoragePrices, workers: [WorkerSource], milliseconds: Int,
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
        var monthly = Double(sum.total) / 1e9 * prices.storage
        var object = JSONObject([
            .init(key: "currency", value: "USD"), .init(key: "time", value: .string(clock.now().rfc3339())),
            .init(key: "complete", value: .bool(isComplete)),
            .init(key: "storage", value: .object(JSONObject(Self.json(sum, prices)))),
            .init(key: "tables", value: .array(tables)),
        ])
        if !workers.isEmpty {
            let now = clock.now()
            let asked = await mapConcurrently(workers, limit: workers.count) { (worker) async throws(Never) in
                await worker.requests(at: now)
            }
            let compute = ComputeCosts(asked, prices)
            monthly += compute.cost
            for member in compute.json { object[member.key] = member.value }
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
}
