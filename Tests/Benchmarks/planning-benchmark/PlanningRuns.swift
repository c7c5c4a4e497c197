import IcebergSpec
import IcebergTable
import JSONFormat
import ObjectStore

/// Plans the same scans again and again.
struct PlanningRuns {
    let root: String
    let metadata: String
    let runs: Int

    func run() async throws -> JSONValue {
        let store = try LocalObjectStore(root: root)
        let bytes = try await store.get(try store.location(of: metadata), range: nil).bytes
        let clock = ContinuousClock()
        var loads: [Double] = []
        var table = try TableMetadataFile.decode(bytes)
        for _ in 0..<min(runs, 5) {
            let start = clock.now
            table = try TableMetadataFile.decode(bytes)
            loads.append((clock.now - start) / .milliseconds(1))
        }
        let last = table.snapshots.count / TableBuilder.commitsPerHour / 2
        let hour = Int64(TableBuilder.firstHour) + Int64(last)
        let filter = Predicate.and([
            .equal("type", .string(TableBuilder.types[3])),
            .atLeast("time", .timestamptz(hour * 3_600_000_000)),
            .less("time", .timestamptz((hour + 1) * 3_600_000_000)),
        ])
        return [
            "load_metadata_ms": .double(Statistics.median(loads)),
            "hour": JSONValue(hour), "type": .string(TableBuilder.types[3]),
            "all": try await measure(table, nil, store), "filter": try await measure(table, filter, store),
        ]
    }

    private func measure(
        _ table: TableMetadata, _ predicate: Predicate?, _ store: LocalObjectStore
    ) async throws -> JSONValue {
        let clock = ContinuousClock()
        var (cold, warm): ([Double], [Double]) = ([], [])
        var manifestsRead = 0
        var files = 0
        for _ in 0..<runs {
            let planner = ScanPlanner(loader: ManifestLoader(store: store))
            for isWarm in [false, true] {
                let start = clock.now
                let plan = try await planner.plan(table, predicate: predicate)
                let time = (clock.now - start) / .milliseconds(1)
                if isWarm { warm.append(time) } else { cold.append(time) }
                files = plan.files.count
                manifestsRead = plan.counts.manifestsRead
            }
        }
        return [
            "files": JSONValue(files), "manifests_read": JSONValue(manifestsRead),
            "cold_ms": .double(Statistics.median(cold)), "cold_min_ms": .double(cold.min() ?? 0),
            "warm_ms": .double(Statistics.median(warm)), "warm_min_ms": .double(warm.min() ?? 0),
        ]
    }
}
