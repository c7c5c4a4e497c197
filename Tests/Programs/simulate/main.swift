import Clocks
import Glibc
import Simulation

// Runs worlds of the collector's road from seeds: simulate [count] [first seed]. `SIMULATION_SEEDS=17,42` runs these and
// prints what happens in them; `SIMULATION_SCENARIO=catalog` runs worlds of the catalog. Exits 1 when anything is found.

func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(STDOUT_FILENO, bytes, bytes.count)
}

func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
let count = arguments.first ?? variable("SIMULATION_COUNT").flatMap { UInt64($0) } ?? 2000
let first = arguments.dropFirst().first ?? 0
let bug = variable("SIMULATION_BUG").flatMap { Mistake(rawValue: $0) }
let mistake = variable("SIMULATION_BUG").flatMap { CatalogMistake(rawValue: $0) }
let isOfCatalog = variable("SIMULATION_SCENARIO") == "catalog"
let replayed = variable("SIMULATION_SEEDS").map { $0.split(separator: ",").compactMap { UInt64($0) } }

let clock = SystemClock()
let begin = clock.nanoseconds()
var (ran, bad) = (0, 0)
var (steps, acknowledged, snapshots) = (0, 0, 0)
let scenarios =
    (bug?.scenario ?? variable("SIMULATION_SCENARIO").flatMap { Scenario(rawValue: $0) }).map { [$0] }
    ?? Scenario.allCases
for seed in replayed ?? Array(first..<first + count) {
    let result =
        isOfCatalog
        ? try CatalogSimulation.run(seed: seed, mistake: mistake, tracing: replayed != nil)
        : try Simulation.run(
            scenarios[Int(seed) % scenarios.count], seed: seed, bug: bug, tracing: replayed != nil)
    for line in result.trace { say(line) }
    ran += 1
    steps += result.steps
    acknowledged += result.acknowledged
    snapshots += result.snapshots
    if ran % 10_000 == 0 { say("\(ran) seeds so far, \(steps) steps") }
    guard !result.findings.isEmpty else { continue }
    bad += 1
    say("seed \(seed): \(result.findings.joined(separator: "; "))")
    if bad >= 10 && replayed == nil { break }
}
let milliseconds = Double(clock.nanoseconds() - begin) / 1e6
say(
    "\(ran) seeds, \(bad) with findings, \(steps) steps, \(acknowledged) \(isOfCatalog ? "answers" : "events"), "
        + "\(snapshots) \(isOfCatalog ? "versions" : "snapshots"), \(Int(milliseconds)) ms")
exit(bad == 0 ? 0 : 1)
