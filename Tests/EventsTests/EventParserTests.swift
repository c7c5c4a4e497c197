import Bytes
import Clocks
import JSONFormat
import Testing

@testable import Events

private let now = Timestamp(microseconds: 1_705_329_000_000_000)

private struct Seeded: RandomSource {
    func next() -> UInt64 { 42 }
}

private func parse(
    _ body: String, _ contentType: String? = "application/json", strict: Bool = false,
    limits: EventLimits = EventLimits(), attributes: [(String, String)] = [], origin: String? = nil
) throws -> EventBatch {
    let parser = EventParser(limits: limits, strict: strict, secret: EventKeySecret(low: 1, high: 2))
    let request = EventRequest(
        contentType: contentType, attributes: attributes.map { (name: $0.0, value: $0.1) }, origin: origin,
        body: Array(body.utf8))
    return try parser.parse(request, at: now, Seeded())
}

private func events(_ batch: EventBatch) throws -> [Event] {
    try EventRecord.events(batch.record(context: EventContext(receivedAt: now)))
}

private let minimal = #"{"specversion":"1.0","id":"a","type":"t","source":"s"}"#

struct EventParserTests {
    @Test func `a structured event keeps every attribute and the text of its data`() throws {
        let good = #"""
            {"specversion":"1.0","id":"1","type":"page.view","source":"web","time":"2024-01-15T15:30:00.25+01:00",
             "subject":"u\u00e9\ud83d\ude00","datacontenttype":"application/json","dataschema":"https://x/y",
             "data": {"n": 123456789012345678901234567890, "a" : [1.50,null]} , "ext1":true,"ext2":-7,"ext3":"x"}
            """#
        let event = try #require(try events(parse(good, "application/cloudevents+json; charset=utf-8")).first)
        #expect(event.id == "1" && event.type == "page.view" && event.source == "web")
        #expect(event.time == Timestamp(rfc3339: "2024-01-15T14:30:00.250Z"))
        #expect(event.subject == "ué😀")
        #expect(event.dataContentType == "application/json" && event.dataSchema == "https://x/y")
        #expect(event.data == #"{"n": 123456789012345678901234567890, "a" : [1.50,null]}"#)
        #expect(event.extensions == [.init("ext1", "true"), .init("ext2", "-7"), .init("ext3", "x")])
        #expect(!event.isBase64)
    }

    @Test(arguments: [
        ("", ""), ("YQ==", "YQ=="), ("YQ", "YQ=="), ("YWI", "YWI="), ("YWJj", "YWJj"), ("_-8", "/+8="),
        ("_-__", "/+//"),
    ])
    func `base64 is stored in the standard alphabet, padded`(sent: String, stored: String) throws {
        let body = #"{"specversion":"1.0","id":"a","type":"t","source":"s","data_base64":"\#(sent)"}"#
        let event = try #require(try events(parse(body)).first)
        #expect(event.isBase64 && event.data == stored)
    }

    @Test(arguments: ["[\(minimal)]", "{\"events\":[\(minimal)]}", "[]", "5", "\(minimal),\(minimal)"])
    func `what is to be one event is no list of them`(body: String) throws {
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        func accepted(_ text: String) throws -> Int {
            let request = EventRequest(contentType: "application/json", body: Array(text.utf8), isOneEvent: true)
            return try parser.parse(request, at: now, Seeded()).accepted.count
        }
        do { #expect(try accepted(body) == 0) } catch { #expect(error is EventBodyError) }
        #expect(try accepted(minimal) == 1 && accepted(#"{"event_type":"x"}"#) == 1)
    }

    @Test(arguments: [
        ("[\(minimal),\(minimal)]", "application/json", 2),
        ("[\(minimal)]", "application/cloudevents-batch+json", 1),
        ("[]", "application/cloudevents-batch+json", 0),
        (" {\"events\" : [\(minimal), \(minimal),\(minimal)] }", "application/json", 3),
        ("\(minimal)\n\n  \(minimal)\r\n\(minimal)", "application/x-ndjson", 3),
        (minimal, "text/plain;charset=UTF-8", 1),
        (minimal, "application/cloudevents+json", 1),
        ("\u{FEFF}\(minimal)", "application/json", 1),
    ])
    func `every framing gives its events`(body: String, contentType: String, count: Int) throws {
        let batch = try parse(body, contentType)
        #expect(batch.accepted.count == count && batch.rejections.isEmpty)
        #expect(try events(batch).count == count)
    }

    @Test func `a bare event becomes a CloudEvent`() throws {
        let body = #"""
            {"event_type":"page_view","timestamp":"2024-01-15T14:30:00Z","event_id":"e1","user_id":17,
             "page_url":"https://x/","project_id":"p", "n": 1.0}
            """#
        let event = try #require(try events(parse(body)).first)
        #expect(event.type == "page_view" && event.id == "e1" && event.subject == "17" && event.source == "p")
        #expect(event.time == Timestamp(rfc3339: "2024-01-15T14:30:00Z"))
        #expect(event.data == #"{"page_url":"https://x/","project_id":"p","n": 1.0}"#)
    }

    @Test func `what a bare event does not say is filled in`() throws {
        let event = try #require(try events(parse(#"{"event_type":"x"}"#)).first)
        #expect(event.source == "/bare" && event.time == now && event.data == nil && event.subject == nil)
        let id = try #require(UUID(event.id))
        #expect(id.high >> 12 & 15 == 7 && id.low >> 62 == 2)
        #expect(Int64(id.high >> 16) == now.milliseconds)
        let fromPage = try #require(try events(parse(#"{"event_type":"x"}"#, origin: "https://page")).first)
        #expect(fromPage.source == "https://page")
    }

    @Test func `made-up ids differ within a request`() throws {
        let body = "[" + [String](repeating: #"{"event_type":"x"}"#, count: 100).joined(separator: ",") + "]"
        #expect(Set(try events(parse(body)).map(\.id)).count == 100)
    }

    @Test(arguments: [
        (#"{"specversion":"1.0","id":"a","type":"t"}"#, EventRejection.Reason.missingAttribute, "source"),
        (#"{"specversion":"1.0","id":"a","source":"t"}"#, .missingAttribute, "type"),
        (#"{"specversion":"0.3","id":"a","type":"t","source":"s"}"#, .specVersion, "specversion"),
        (#"{"specversion":"1.0","id":5,"type":"t","source":"s"}"#, .wrongType, "id"),
        (#"{"specversion":"1.0","id":"","type":"t","source":"s"}"#, .emptyAttribute, "id"),
        (#"{"specversion":"1.0","id":"a","id":"b","type":"t","source":"s"}"#, .duplicateAttribute, "id"),
        (#"{"specversion":"1.0","id":"a","type":"t\u0000","source":"s"}"#, .invalidValue, "type"),
        (#"{"specversion":"1.0","id":"a","type":"\ud800","source":"s"}"#, .invalidValue, "type"),
        (#"{"specversion":"1.0","id":"a","type":"t\u0085","source":"s"}"#, .invalidValue, "type"),
        ("{\"specversion\":\"1.0\",\"id\":\"a\u{9F}\",\"type\":\"t\",\"source\":\"s\"}", .invalidValue, "id"),
        (
            #"{"specversion":"1.0","id":"a","type":"t","source":"s","time":"2024-02-30T00:00:00Z"}"#, .invalidTime,
            "time"
        ),
        (
            #"{"specversion":"1.0","id":"a","type":"t","source":"s","time":"9999-12-31T23:59:59-01:00"}"#, .invalidTime,
            "time"
        ),
        (#"{"specversion":"1.0","id":"a","type":"t","source":"s","myExt":"x"}"#, .invalidName, "myExt"),
        (#"{"specversion":"1.0","id":"a","type":"t","source":"s","ext":1.5}"#, .wrongType, "ext"),
        (#"{"specversion":"1.0","id":"a","type":"t","source":"s","ext":[1]}"#, .wrongType, "ext"),
        (
            #"{"specversion":"1.0","id":"a","type":"t","source":"s","data":1,"data_base64":"YQ=="}"#, .dataConflict,
            "data_base64"
        ),
        (#"{"specversion":"1.0","id":"a","type":"t","source":"s","data_base64":"Y!"}"#, .invalidBase64, "data_base64"),
        (
            #"{"specversion":"1.0","id":"a","type":"t","source":"s","datacontenttype":"xyz"}"#, .invalidValue,
            "datacontenttype"
        ),
        (#"{"type":"t","source":"s"}"#, .notAnEvent, ""),
        ("3", .notAnObject, ""),
    ])
    func `an event that is none is refused with its reason`(
        event: String, reason: EventRejection.Reason, attribute: String
    ) throws {
        let batch = try parse("[\(minimal),\(event),\(minimal)]")
        #expect(batch.accepted.map(\.index) == [0, 2])
        let rejection = try #require(batch.rejections.first)
        #expect(batch.rejections.count == 1 && rejection.index == 1)
        #expect(rejection.reason == reason && rejection.attribute == attribute)
        let body = Array("[\(minimal),\(event),\(minimal)]".utf8)
        #expect(String(decoding: body[rejection.text], as: UTF8.self) == event)
        #expect(!rejection.message.isEmpty && !rejection.type.isEmpty)
    }

    @Test func `a refused event is named by its id`() throws {
        let batch = try parse(#"{"specversion":"1.0","id":"order-7","type":"t"}"#)
        #expect(batch.rejections.map(\.id) == ["order-7"])
    }

    @Test func `strict fills nothing in`() throws {
        let reasons = try parse(
            #"[{"event_type":"x"},{"event_type":"x","event_id":"1"},{"event_type":"x","event_id":"1","timestamp":"2024-01-15T14:30:00Z"}]"#,
            strict: true)
        #expect(reasons.rejections.map(\.attribute) == ["id", "time"] && reasons.accepted.count == 1)
    }

    @Test func `a broken line costs only itself`() throws {
        let batch = try parse("\(minimal)\n{\"specversion\":\n[1]\n\(minimal)", "application/x-ndjson")
        #expect(batch.accepted.map(\.index) == [0, 3])
        #expect(batch.rejections.map(\.reason) == [.notJSON, .notAnObject])
    }

    @Test func `a line that is not UTF-8 costs only itself, too`() throws {
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let line = Array(minimal.utf8)
        // In a value of an event that is whole otherwise, and a scalar that the end of the line cuts.
        let event = Array(#"{"specversion":"1.0","id":"b","type":"t","source":""#.utf8) + [0xFF] + Array(#""}"#.utf8)
        let body = line + [0x0A] + event + [0x0A, 0xC3, 0x0A] + line
        let batch = try parser.parse(EventRequest(contentType: "application/x-ndjson", body: body), at: now, Seeded())
        #expect(batch.accepted.map(\.index) == [0, 3])
        #expect(batch.rejections.map(\.reason) == [.notJSON, .notJSON])
        #expect(batch.rejections.map { Array(body[$0.text]) } == [event, [0xC3]])
        #expect(try events(batch).map(\.id) == ["a", "a"])
    }

    @Test(arguments: [
        ("", "application/json"), ("{", "application/json"), ("[\(minimal)", "application/json"),
        ("[\(minimal)]x", "application/json"), ("nul", "application/json"), ("7", "application/json"),
        ("[\(minimal),]", "application/json"), (minimal, "application/cloudevents-batch+json"),
        (#"{"events":[\#(minimal)]"#, "application/json"),
        (#"{"events":[\#(minimal)],"events":[\#(minimal)]}"#, "application/json"),
    ])
    func `a body that is not what it says is refused whole`(body: String, contentType: String) {
        #expect { try parse(body, contentType) } throws: { ($0 as? EventBodyError)?.code == .malformed }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        let parser = EventParser(secret: EventKeySecret(low: 0, high: 0))
        let request = EventRequest(contentType: "application/json", body: Array(minimal.utf8) + [0xFF])
        #expect(throws: EventBodyError(.malformed, "the body is not UTF-8")) { try parser.parse(request, at: now) }
    }

    @Test(arguments: [
        "application/xml", "image/png", "application/cloudevents+avro", "application/x-www-form-urlencoded",
    ])
    func `an unknown content type is refused`(contentType: String) {
        #expect { try parse(minimal, contentType) } throws: { ($0 as? EventBodyError)?.code == .unsupportedMediaType }
    }

    @Test func `limits hold at the limit and one beyond`() throws {
        var limits = EventLimits()
        limits.eventBytesMax = minimal.utf8.count
        limits.eventsMax = 2
        limits.depthMax = 4
        #expect(try parse("[\(minimal),\(minimal)]", limits: limits).accepted.count == 2)
        #expect { try parse("[\(minimal),\(minimal),\(minimal)]", limits: limits) } throws: {
            ($0 as? EventBodyError)?.code == .tooLarge
        }
        let longer = minimal.replacing("\"t\"", with: "\"tt\"")
        #expect(try parse(longer, limits: limits).rejections.map(\.reason) == [.eventTooLarge])
        limits.eventBytesMax = 1000
        func nested(_ depth: Int) -> String {
            let open = String(repeating: "[", count: depth), close = String(repeating: "]", count: depth)
            return minimal.dropLast() + ",\"data\":\(open)\(close)}"
        }
        #expect(try parse(nested(3), limits: limits).accepted.count == 1)
        #expect(throws: EventBodyError.self) { try parse(nested(4), limits: limits) }
        let deep = String(repeating: "[", count: 1_000_000)
        #expect(throws: EventBodyError.self) { try parse(deep) }
    }

    @Test(arguments: [1024, 1025])
    func `a type has at most 1024 bytes`(count: Int) throws {
        let batch = try parse(minimal.replacing("\"t\"", with: "\"\(String(repeating: "x", count: count))\""))
        #expect(batch.rejections.map(\.reason) == (count > 1024 ? [.attributeTooLong] : []))
    }

    @Test(
        arguments: [
            (#""text""#, nil, #""text""#), (#""text\n""#, "text/plain", "text\n"),
            (#"{"a":1}"#, "text/plain", #"{"a":1}"#),
            (#""<x/>""#, "application/problem+json", #""<x/>""#), (" 12 ", nil, "12"), ("\"\"", "text/plain", ""),
        ] as [(String, String?, String)])
    func `data is its JSON text, or its text when it is not JSON`(data: String, type: String?, stored: String) throws {
        let declared = type.map { #","datacontenttype":"\#($0)""# } ?? ""
        let event = try #require(try events(parse(minimal.dropLast() + "\(declared),\"data\":\(data)}")).first)
        #expect(event.data == stored && !event.isBase64)
    }

    @Test func `what follows the control characters is text`() throws {
        let body = "{\"specversion\":\"1.0\",\"id\":\"\\u00a0\",\"type\":\"é\u{A0}\",\"source\":\"~\"}"
        #expect(try events(parse(body)).first?.type == "é\u{A0}")
    }

    @Test func `a lone surrogate in data, as browsers send it, is kept`() throws {
        let event = try #require(try events(parse(minimal.dropLast() + #","data":{"t":"cut\ud83d"}}"#)).first)
        #expect(event.data == #"{"t":"cut\ud83d"}"#)
    }

    @Test func `base64 data stays base64 and is marked`() throws {
        let event = try #require(try events(parse(minimal.dropLast() + #","data_base64":"TWE="}"#)).first)
        #expect(event.data == "TWE=" && event.isBase64)
    }

    @Test func `null is absent`() throws {
        let body = minimal.dropLast() + #","time":null,"subject":null,"data":null,"ext":null}"#
        let event = try #require(try events(parse(String(body))).first)
        #expect(event.time == now && event.subject == nil && event.data == nil && event.extensions.isEmpty)
    }

    @Test func `binary mode takes attributes from fields`() throws {
        let attributes = [
            ("specversion", "1.0"), ("type", "com.example.someevent"), ("time", "2018-04-05T03:56:24Z"),
            ("id", "1234"), ("source", "/my%20context/%E2%82%AC"), ("ext", "\"a \\\"b\\\"\""),
        ]
        let event = try #require(
            try events(parse(" {\"m\": 1}\n", "application/json; charset=utf-8", attributes: attributes)).first)
        #expect(
            event.source == "/my context/€" && event.data == "{\"m\": 1}"
                && event.extensions == [.init("ext", "a \"b\"")])
        #expect(event.dataContentType == "application/json; charset=utf-8")
        let text = try #require(try events(parse("a\"b", "text/plain", attributes: attributes)).first)
        #expect(text.data == "a\"b" && !text.isBase64)
        let image = try #require(try events(parse("abc", "image/png", attributes: attributes)).first)
        #expect(image.data == "YWJj" && image.isBase64)
        #expect(try parse("{", "application/json", attributes: attributes).rejections.map(\.reason) == [.notJSON])
        let broken = attributes + [("other", "%FF")]
        #expect(try parse("{}", attributes: broken).rejections.map(\.reason) == [.invalidValue])
    }

    @Test func `equal pairs have equal keys and others do not`() throws {
        func key(_ source: String, _ id: String) throws -> EventKey {
            let body = #"{"specversion":"1.0","id":"\#(id)","type":"t","source":"\#(source)"}"#
            return try #require(try parse(body).accepted.first).key
        }
        #expect(try key("ab", "c") == key("ab", "c"))
        #expect(try key("ab", "c") != key("a", "bc"))
        #expect(try key("x", "1") == key("x", "\\u0031"))
    }

    @Test func `the key is SipHash-2-4-128`() throws {
        let secret = EventKeySecret(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)
        let body = Array(#"{"specversion":"1.0","id":"123","type":"t","source":"website"}"#.utf8)
        let batch = try EventParser(secret: secret).parse(
            EventRequest(contentType: "application/json", body: body), at: now)
        // From the reference algorithm, checked against its published vectors.
        #expect(batch.accepted.map(\.key) == [EventKey(low: 0x966a_9970_621d_1745, high: 0xcf12_9aba_3bfd_f384)])
    }

    @Test func `a record leaves out what is excluded and keeps its context`() throws {
        let ids = ["a", "b", "c", "d"]
        let body = "[" + ids.map { minimal.replacing("\"a\"", with: "\"\($0)\"") }.joined(separator: ",") + "]"
        var context = EventContext(receivedAt: now)
        context[.country] = "NL"
        context[.tlsCipher] = "AES"
        let record = try parse(body).record(context: context, excluding: [0, 2])
        #expect(try EventRecord.events(record).map(\.id) == ["b", "d"])
        let head = try record.withUnsafeBytes { try EventRecord($0) }
        #expect(head.context == context && head.count == 2)
        for cut in 0..<record.count {
            #expect(throws: EventBodyError.self) { try EventRecord.events(Array(record[..<cut])) }
        }
    }
}
