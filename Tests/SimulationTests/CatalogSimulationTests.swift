import Glibc
import Simulation
import Testing

/// The catalog in worlds that a seed decides: `SIMULATION_COUNT` of them, or `SIMULATION_SEEDS=17,42`.
@Suite(.serialized)
struct CatalogSimulationTests {
    private static var seeds: [UInt64] {
        if let list = variable("SIMULATION_SEEDS") { return list.split(separator: ",").compactMap { UInt64($0) } }
        return Array(0..<(variable("SIMULATION_COUNT").flatMap { UInt64($0) } ?? 100))
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    @Test func `histories are one line, all or nothing, and nothing acknowledged is lost`() throws {
        var (acknowledged, versions) = (0, 0)
        for seed in Self.seeds {
            let result = try CatalogSimulation.run(seed: seed)
            acknowledged += result.acknowledged
            versions += result.snapshots
            guard !result.findings.isEmpty else { continue }
            let again = try CatalogSimulation.run(seed: seed, tracing: true)
            Issue.record(
                """
                seed \(seed) of the catalog: \(result.findings.joined(separator: "; "))
                again: SIMULATION_SEEDS=\(seed) swift test --filter CatalogSimulation
                \(again.trace.suffix(400).joined(separator: "\n"))
                """)
            return
        }
        #expect(acknowledged > Self.seeds.count * 3 && versions > Self.seeds.count * 3)
    }

    @Test func `a seed decides everything in the catalog's worlds`() throws {
        for seed in 0..<6 as Range<UInt64> {
            let first = try CatalogSimulation.run(seed: seed)
            let second = try CatalogSimulation.run(seed: seed)
            #expect(first.digest == second.digest && first.steps == second.steps)
        }
    }

    @Test(arguments: CatalogMistake.allCases)
    func `every mistake of the catalog's zoo is found within 2,000 seeds`(mistake: CatalogMistake) throws {
        var found: UInt64?
        for seed in (mistake.known.map { [$0] } ?? []) + Array(0..<2000) where found == nil {
            if try !CatalogSimulation.run(seed: seed, mistake: mistake).findings.isEmpty { found = seed }
        }
        let seed = try #require(found, "2,000 seeds do not show \(mistake)")
        #expect(try CatalogSimulation.run(seed: seed).findings.isEmpty)
    }
}
