import Clocks
import JSONFormat
import ServiceHost
import Testing

@testable import HealthMonitor

private let start = Timestamp(microseconds: 1_705_276_800_000_000)  // 2024-01-15T00:00:00Z
private func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: start.microseconds + seconds * 1_000_000) }
private let up = Observation(.healthy, latencyMilliseconds: 1)
private let slow = Observation(.degraded, latencyMilliseconds: 900, error: "store: slow")
private let down = Observation(.unhealthy, latencyMilliseconds: 0, error: "refused")

private func ledger(_ steps: [(Int64, Observation)]) -> HealthLedger {
    var ledger = HealthLedger(intervalMilliseconds: 10_000)
    for component in Component.allCases where component != .api {
        for (seconds, _) in steps { _ = ledger.observe(component, up, at: at(seconds)) }
    }
    for (seconds, observation) in steps { _ = ledger.observe(.api, observation, at: at(seconds)) }
    return ledger
}

@Suite struct `Health ledger` {
    @Test(arguments: [
        ([up], HealthStatus.healthy), ([up, slow], .degraded), ([slow, down], .unhealthy), ([down, up], .healthy),
    ])
    func `the whole is as well as its worst part`(observations: [Observation], expected: HealthStatus) {
        let steps = observations.enumerated().map { (Int64($0.offset) * 10, $0.element) }
        #expect(ledger(steps).status == expected)
    }

    @Test func `what was never seen is not healthy`() {
        #expect(HealthLedger(intervalMilliseconds: 1000).status == .unhealthy)
    }

    @Test func `a change is told once, with what it was before, since when and why`() {
        var ledger = HealthLedger(intervalMilliseconds: 10_000)
        #expect(ledger.observe(.api, up, at: at(0))?.from == nil)
        #expect(ledger.observe(.api, up, at: at(10)) == nil)
        let change = ledger.observe(.api, down, at: at(20))
        #expect(change == HealthChange(component: .api, from: .healthy, to: .unhealthy, at: at(20), error: "refused"))
        #expect(ledger.observe(.api, down, at: at(30)) == nil)
        #expect(ledger.record(of: .api).since == at(20))
        #expect(ledger.record(of: .api).consecutiveFailures == 2)
        #expect(ledger.observe(.api, up, at: at(40))?.from == .unhealthy)
        #expect(ledger.record(of: .api).consecutiveFailures == 0)
        #expect(ledger.record(of: .api).lastError == "refused" && ledger.record(of: .api).latest?.error == nil)
    }

    @Test func `time counts by the status it began with, degraded as available, gaps not at all`() {
        let record = ledger([(0, up), (10, down), (30, slow), (40, up), (4000, up), (4010, up)]).record(of: .api)
        let (available, observed) = record.availability(days: 1, until: at(4010))
        #expect(observed == 50_000)
        #expect(available == 30_000)
    }

    @Test func `uptime is kept by day and compared with the objective`() throws {
        let day: Int64 = 86_400
        let record = ledger([(0, up), (20, up), (day, up), (day + 10, up), (day + 20, down), (day + 30, up)]).record(
            of: .api)
        #expect(record.days.map(\.observedMilliseconds) == [20_000, 30_000])
        let windows = try #require(record.uptime(at: at(day + 30))["windows"])
        #expect(windows["1d"]?["observed_seconds"]?.double == 30)
        #expect(windows["7d"]?["observed_seconds"]?.double == 50)
        #expect(windows["7d"]?["availability"]?.double == 0.8)
        #expect(windows["7d"]?["objective_met"]?.bool == false)
        #expect(
            ledger([(0, up), (10, up)]).record(of: .api).uptime(at: at(10))["windows"]?["30d"]?["objective_met"]?.bool
                == true)
    }

    @Test func `history is bounded`() {
        var ledger = HealthLedger(intervalMilliseconds: 10_000)
        for step in 0..<1000 { _ = ledger.observe(.api, step % 2 == 0 ? up : down, at: at(Int64(step) * 86_400)) }
        for day in 0..<200 {
            _ = ledger.observe(.r2, up, at: at(Int64(day) * 86_400))
            _ = ledger.observe(.r2, up, at: at(Int64(day) * 86_400 + 10))
        }
        #expect(ledger.record(of: .api).changes.count == ComponentRecord.changesMax)
        #expect(ledger.record(of: .r2).days.count == ComponentRecord.daysMax)
    }

    @Test func `the summary has exactly the documented shape`() throws {
        let summary = ledger([(0, up), (10, down)]).summary(at: at(10))
        #expect(
            summary.object?.members.prefix(3).map { "\($0.key)=\($0.value.serializedString())" } == [
                #"status="unhealthy""#,
                #"components={"collector":"healthy","catalog":"healthy","compaction":"healthy","api":"unhealthy","r2":"healthy"}"#,
                #"timestamp="2024-01-15T00:00:10Z""#,
            ])
    }

    @Test func `state is restored, and the same status again is no change`() throws {
        let before = ledger([(0, up), (10, down), (20, down)])
        var after = HealthLedger(intervalMilliseconds: 10_000)
        try after.restore(try JSONValue.parse(before.state.serialized()))
        #expect(after.record(of: .api).days == before.record(of: .api).days)
        #expect(after.record(of: .api).changes == before.record(of: .api).changes)
        #expect(after.observe(.api, down, at: at(500)) == nil)
        #expect(after.record(of: .api).since == at(10))
        #expect(after.observe(.collector, down, at: at(500))?.from == .healthy)
    }

    @Test func `a damaged state changes nothing, wherever it is damaged`() throws {
        let text = ledger([(0, up), (10, down)]).state.serializedString()
        let broken = [
            "{}", #"{"format":2,"components":{}}"#, text.replacing("\"unhealthy\"", with: "\"odd\""),
            text.replacing("2024-01-15T00:00:10Z", with: "then"), text.replacing("[19737,", with: "["),
        ]
        for text in broken {
            var ledger = HealthLedger(intervalMilliseconds: 10_000)
            #expect(throws: JSONError.self) { try ledger.restore(try JSONValue.parse(text)) }
            #expect(Component.allCases.allSatisfy { ledger.record(of: $0).changes.isEmpty })
        }
    }

    @Test func `the page shows what happened and lets no markup in`() {
        let evil = Observation(.unhealthy, latencyMilliseconds: 3, error: "<script>alert('x')</script>&\"")
        let page = StatusPage.render(ledger([(0, up), (10, up), (20, evil)]), at: at(20))
        #expect(page.contains("Some systems are down"))
        #expect(
            !page.contains("<script") && page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;"))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("src="))
        #expect(page.contains("100.000 %"))
    }
}
