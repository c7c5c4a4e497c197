import Bytes
import JSONFormat
import Telemetry
import Testing

@Suite struct `Metrics` {
    @Test func `the text format is exact`() {
        let metrics = MetricsRegistry()
        metrics.counter("a_total", "Counts\nthings.").increment(by: 3)
        metrics.gauge("b", "Level.", labels: ["path"]).with("x\"\\\n").set(1.5)
        let histogram = metrics.histogram("c_seconds", "Time.", bounds: [0.1, 1], labels: ["m"]).with("GET")
        for value in [0.05, 0.1, 0.5, 7] { histogram.observe(value) }
        metrics.computedGauge("d", "Read late.") { 42 }
        metrics.computedGauge("e", "Read late, by table.", labels: ["table"]) { [(["x"], 1), (["y"], 2)] }
        #expect(
            String(decoding: metrics.prometheusText(), as: UTF8.self) == #"""
                # HELP a_total Counts\nthings.
                # TYPE a_total counter
                a_total 3
                # HELP b Level.
                # TYPE b gauge
                b{path="x\"\\\n"} 1.5
                # HELP c_seconds Time.
                # TYPE c_seconds histogram
                c_seconds_bucket{m="GET",le="0.1"} 2
                c_seconds_bucket{m="GET",le="1"} 3
                c_seconds_bucket{m="GET",le="+Inf"} 4
                c_seconds_sum{m="GET"} 7.65
                c_seconds_count{m="GET"} 4
                # HELP d Read late.
                # TYPE d gauge
                d 42
                # HELP e Read late, by table.
                # TYPE e gauge
                e{table="x"} 1
                e{table="y"} 2

                """#)
    }

    @Test func `JSON holds the same values`() throws {
        let metrics = MetricsRegistry()
        metrics.counter("a_total", "A.", labels: ["k"]).with("v").increment()
        #expect(
            metrics.json().serializedString()
                == #"{"a_total":{"type":"counter","help":"A.","values":[{"labels":{"k":"v"},"value":1}]}}"#)
    }

    @Test func `the same name is the same metric`() {
        let metrics = MetricsRegistry()
        metrics.counter("a_total", "A.").increment()
        metrics.counter("a_total", "A.").increment()
        #expect(metrics.counter("a_total", "A.").value == 2)
    }

    @Test func `label values beyond the limit share one series`() {
        let family = MetricsRegistry().counter("a_total", "A.", labels: ["k"])
        let count = MetricFamily<Counter>.seriesMax + 500
        for number in 0..<count { family.with("\(number)").increment() }
        #expect(family.with("other").value == 500)
        #expect(family.with("0").value == 1)
    }

    @Test func `concurrent additions are all counted`() async {
        let metrics = MetricsRegistry()
        let counter = metrics.counter("a_total", "A.")
        let gauge = metrics.gauge("b", "B.")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        gauge.add(1)
                    }
                }
            }
        }
        #expect(counter.value == 80_000 && gauge.value == 80_000)
    }

    @Test func `the process knows its memory, descriptors and start`() throws {
        let metrics = MetricsRegistry()
        metrics.registerProcessMetrics()
        let json = metrics.json()
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            #expect(try #require(json[name]?["values"]?.array?.first?["value"]?.double) > 0, "\(name)")
        }
    }
}
