import Bytes
import JSONFormat

extension MetricsRegistry {
    /// The content type of `prometheusText()`.
    public static let prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Every metric in Prometheus' text format 0.0.4.
    public func prometheusText() -> [UInt8] {
        var text: [UInt8] = []
        for metric in all {
            text.append(utf8: "# HELP \(metric.name) \(Self.escapeHelp(metric.help))\n")
            text.append(utf8: "# TYPE \(metric.name) \(metric.body.type)\n")
            Self.append(metric, to: &text)
        }
        return text
    }

    /// Every metric as JSON: `{"name":{"type":…,"help":…,"values":[{"labels":{…},"value":…}]}}`.
    public func json() -> JSONValue {
        var members: [JSONObject.Member] = []
        for metric in all {
            let values = metric.body.jsonValues
            members.append(
                JSONObject.Member(
                    key: metric.name,
                    value: [
                        "type": .string(metric.body.type), "help": .string(metric.help), "values": .array(values),
                    ]))
        }
        return .object(JSONObject(members))
    }

    private static func append(_ metric: Metric, to text: inout [UInt8]) {
        let name = metric.name
        switch metric.body {
        case .counters(let family):
            for (values, counter) in family.all {
                text.append(utf8: "\(name)\(labels(family.labelNames, values)) \(counter.value)\n")
            }
        case .gauges(let family):
            for (values, gauge) in family.all {
                text.append(utf8: "\(name)\(labels(family.labelNames, values)) \(number(gauge.value))\n")
            }
        case .computed(_, let names, let read):
            for (values, value) in read() {
                text.append(utf8: "\(name)\(labels(names, values)) \(number(value))\n")
            }
        case .histograms(let family):
            for (values, histogram) in family.all {
                append(histogram, name: name, family.labelNames, values, to: &text)
            }
        }
    }

    private static func append(
        _ histogram: Histogram, name: String, _ names: [String], _ values: [String], to text: inout [UInt8]
    ) {
        let contents = histogram.snapshot
        var cumulative: UInt64 = 0
        for (index, count) in contents.counts.enumerated() {
            cumulative += count
            let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
            text.append(utf8: "\(name)_bucket\(labels(names + ["le"], values + [bound])) \(cumulative)\n")
        }
        text.append(utf8: "\(name)_sum\(labels(names, values)) \(number(contents.sum))\n")
        text.append(utf8: "\(name)_count\(labels(names, values)) \(cumulative)\n")
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map(String.init) ?? value.description
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        guard !names.isEmpty else { return "" }
        return "{" + zip(names, values).map { "\($0)=\"\(escapeLabel($1))\"" }.joined(separator: ",") + "}"
    }

    private static func escapeLabel(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 == 0x0A }) else { return text }
        return escape(text, quotes: true)
    }

    private static func escapeHelp(_ text: String) -> String { escape(text, quotes: false) }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x5C: bytes.append(utf8: "\\\\")
            case 0x0A: bytes.append(utf8: "\\n")
            case 0x22 where quotes: bytes.append(utf8: "\\\"")
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension MetricsRegistry.Body {
    var type: String {
        switch self {
        case .counters: "counter"
        case .gauges: "gauge"
        case .histograms: "histogram"
        case .computed(let type, _, _): type
        }
    }

    var jsonValues: [JSONValue] {
        switch self {
        case .counters(let family):
            family.all.map {
                ["labels": Self.labels(family.labelNames, $0.values), "value": JSONValue($0.instrument.value)]
            }
        case .gauges(let family):
            family.all.map {
                ["labels": Self.labels(family.labelNames, $0.values), "value": Self.number($0.instrument.value)]
            }
        case .computed(_, let names, let read):
            read().map { ["labels": Self.labels(names, $0.values), "value": Self.number($0.value)] }
        case .histograms(let family):
            family.all.map { values, histogram in
                [
                    "labels": Self.labels(family.labelNames, values), "count": JSONValue(histogram.count),
                    "sum": Self.number(histogram.sum),
                ]
            }
        }
    }

    private static func labels(_ names: [String], _ values: [String]) -> JSONValue {
        JSONValue(Dictionary(uniqueKeysWithValues: zip(names, values)))
    }

    private static func number(_ value: Double) -> JSONValue {
        Int64(exactly: value).map { .integer($0) } ?? .double(value)
    }
}
