import Clocks
import ServiceHost

/// The status page: one HTML text without anything from elsewhere.
enum StatusPage {
    private static let changesShown = 25
    private static let daysShown = 90

    static func render(_ ledger: HealthLedger, at now: Timestamp) -> String {
        let rows = Component.allCases.map { row(ledger.record(of: $0), now) }.joined()
        let changes = Component.allCases.flatMap { ledger.record(of: $0).changes }
            .sorted { $0.at > $1.at }.prefix(changesShown).map(line).joined()
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escape(headline(ledger.status)))</title><style>\(style)</style></head><body><main>
            <h1 class="\(ledger.status.rawValue)">\(escape(headline(ledger.status)))</h1>
            <p class="time">\(escape(second(now))) &middot; objective 99.9 %</p>
            <table><thead><tr><th>Component</th><th>Status</th><th>Since</th><th>Latency</th><th>30 days</th>
            <th>Last \(daysShown) days</th></tr></thead><tbody>\(rows)</tbody></table>
            <h2>Changes</h2><ul>\(changes.isEmpty ? "<li>none</li>" : changes)</ul>
            </main></body></html>

            """
    }

    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A time for people: to the second.
    private static func second(_ time: Timestamp) -> String {
        let text = time.rfc3339()
        return (text.firstIndex(of: ".").map { text[..<$0] + "Z" }).map(String.init) ?? text
    }

    private static func headline(_ status: HealthStatus) -> String {
        switch status {
        case .healthy: "All systems operational"
        case .degraded: "Some systems are degraded"
        case .unhealthy: "Some systems are down"
        }
    }

    private static func row(_ record: ComponentRecord, _ now: Timestamp) -> String {
        let error = record.latest?.error.map { "<div class=\"error\">\(escape($0))</div>" } ?? ""
        let latency = record.latest.map { "\(Int($0.latencyMilliseconds.rounded())) ms" } ?? "–"
        return """
            <tr><td>\(escape(record.component.rawValue))</td>
            <td><b class="\(record.status.rawValue)">\(record.status.rawValue)</b>\(error)</td>
            <td>\(escape(record.since.map(second) ?? "–"))</td><td>\(latency)</td>
            <td>\(percent(record.availability(days: 30, until: now)))</td><td class="days">\(days(record, now))</td></tr>
            """
    }

    /// A bar a day, oldest first.
    private static func days(_ record: ComponentRecord, _ now: Timestamp) -> String {
        let byDay = Dictionary(record.days.map { ($0.day, $0) }) { _, last in last }
        return (0..<Int64(daysShown)).reversed().map { ago in
            guard let day = byDay[now.days - ago], day.observedMilliseconds > 0 else { return "<i></i>" }
            let ratio = Double(day.availableMilliseconds) / Double(day.observedMilliseconds)
            let status: HealthStatus =
                ratio >= HealthLedger.objective ? .healthy : ratio >= 0.99 ? .degraded : .unhealthy
            return "<i class=\"\(status.rawValue)\"></i>"
        }
        .joined()
    }

    private static func percent(_ time: (available: Int64, observed: Int64)) -> String {
        guard time.observed > 0 else { return "–" }
        // Rounded down, so that 100 % means without any gap.
        let thousandths = time.available * 100_000 / time.observed
        let fraction = String(thousandths % 1000 + 1000).dropFirst()
        return "\(thousandths / 1000).\(fraction) %"
    }

    private static func line(_ change: HealthChange) -> String {
        let error = change.error.map { ": \(escape($0))" } ?? ""
        return "<li><time>\(escape(second(change.at)))</time> \(escape(change.component.rawValue)) "
            + "<b class=\"\(change.to.rawValue)\">\(change.to.rawValue)</b>\(error)</li>"
    }

    private static let style = """
        :root{color-scheme:light dark;--good:#1a7f37;--fair:#9a6700;--bad:#cf222e}
        @media(prefers-color-scheme:dark){:root{--good:#3fb950;--fair:#d29922;--bad:#f85149}}
        body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:70rem;margin:auto;padding:1.5rem}
        h1.healthy,b.healthy{color:var(--good)}h1.degraded,b.degraded{color:var(--fair)}
        h1.unhealthy,b.unhealthy{color:var(--bad)}.time,.error,time{color:gray}.error{font-size:.85em;max-width:24rem}
        table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem;border-bottom:1px solid #8884;
        vertical-align:top}.days{white-space:nowrap}i{display:inline-block;width:3px;height:1.2em;margin-right:1px;
        background:#8884}i.healthy{background:var(--good)}i.degraded{background:var(--fair)}
        i.unhealthy{background:var(--bad)}ul{list-style:none;padding:0}
        """
}
