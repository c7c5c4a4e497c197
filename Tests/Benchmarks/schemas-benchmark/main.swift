import Clocks
import Glibc
import JSONFormat
import Schemas

// How long it takes to judge an event's data, in nanoseconds: best of several rounds, one thread.
//
//   schemas-benchmark [ROUNDS]    prints {"page_view": …, "page_view_unknown_fields": …, "nested": …, "scan": …} as JSON

func nanoseconds(_ rounds: Int, _ body: () -> Bool) -> JSONValue {
    let clock = SystemClock()
    var best = Double.infinity
    for _ in 0..<rounds {
        let start = clock.nanoseconds()
        for _ in 0..<10_000 where !body() { return .null }
        best = min(best, Double(clock.nanoseconds() - start) / 10_000)
    }
    return .double(best.rounded())
}

func emit(_ text: String, to descriptor: Int32) {
    let bytes = Array((text + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}

let pageView = #"""
    {"session_id":"0f8fad5b-d9cb-469f-a165-70867728950e","project_id":"shop","environment":"production","version":"1.0.0",
     "page_url":"https://shop.example/products/4711?utm_source=mail","page_title":"A product","referrer":"https://mail.example/",
     "utm_source":"mail","browser":"Firefox","os":"Linux","device_type":"desktop","time_on_page":12.5}
    """#
let nested =
    #"{"order":{"id":4711,"lines":[{"sku":"a","count":1},{"sku":"b","count":2},{"sku":"c","count":3}]},"total":12.5}"#
let nestedSchema = #"""
    {"type":"object","required":["order","total"],"properties":{"total":{"type":"number","minimum":0},"order":{"type":"object",
     "required":["id"],"properties":{"id":{"type":"integer"},"lines":{"type":"array","maxItems":100,"items":{"type":"object",
     "required":["sku"],"properties":{"sku":{"type":"string","minLength":1,"pattern":"^[a-z]+$"},"count":{"type":"integer"}}}}}}}}
    """#

do {
    let rounds = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1]) ?? 20 : 20
    guard let schema = PredefinedSchemas.schema(named: "page_view") else { exit(1) }
    let compiled = try CompiledEventSchema(schema)
    let deep = try SchemaProgram(JSONValue.parse(nestedSchema))
    var validator = SchemaValidator()
    let view = Array(pageView.utf8)
    // As it comes from a sender whose fields are not all declared.
    let unknown = Array(pageView.dropLast().utf8) + Array(#","theme":"dark","ab":[1,2,3]}"#.utf8)
    let order = Array(nested.utf8)
    func judge(_ text: [UInt8], _ validator: inout SchemaValidator) -> Bool {
        text.withUnsafeBytes { compiled.violation(&validator, data: $0, hasSubject: true) == nil }
    }
    var tape = JSONTape()
    let report: JSONValue = [
        "page_view": nanoseconds(rounds) { judge(view, &validator) },
        "page_view_unknown_fields": nanoseconds(rounds) { judge(unknown, &validator) },
        "nested": nanoseconds(rounds) { validator.violation(of: deep, in: order) == nil },
        "scan": nanoseconds(rounds) { view.withUnsafeBytes { tape.read($0) } },
    ]
    emit(report.serializedString(), to: 1)
} catch {
    emit("schemas-benchmark: \(error)", to: 2)
    exit(1)
}
