import Bytes
import Clocks
import Compression
import JSONFormat
import Testing

@testable import Events

private let form = "application/x-www-form-urlencoded"
private let event = #"{"event_type":"click","event_id":"1"}"#

private func gzip(_ text: String) throws -> [UInt8] {
    try Deflate.compress(Array(text.utf8))
}

private func escaped(_ text: String) -> String { PercentEncoding.encode(text) }

private func unwrapped(_ body: [UInt8], _ contentType: String?, bytesMax: Int = 1 << 20) throws -> EventRequest {
    try EventRequest(contentType: contentType, body: body).unwrapped(bytesMax: bytesMax)
}

private func events(_ request: EventRequest) throws -> [Event] {
    let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
    let now = Timestamp(microseconds: 0)
    let batch = try parser.parse(request, at: now)
    #expect(batch.rejections.isEmpty)
    return try EventRecord.events(batch.record(context: EventContext(receivedAt: now)))
}

struct BeaconFormTests {
    @Test(arguments: [
        "data=" + escaped(event), "e=" + escaped(event), "events=" + escaped("[\(event)]"),
        "data=" + escaped(" \(event)\n"),
        "v=2&data=" + escaped(event), "data=" + escaped(Base64.encode(Array(event.utf8))),
        "data=" + Base64.encode(Array(event.utf8), alphabet: .urlSafe), event, " \n[\(event)]",
        "data=" + escaped(#"{"events":[\#(event)]}"#),
    ])
    func `a field of a form holds the events, as JSON or base64`(body: String) throws {
        let request = try unwrapped(Array(body.utf8), "\(form); charset=UTF-8")
        #expect(request.contentType == "application/json" || request.contentType?.hasPrefix(form) == true)
        let found = try events(EventRequest(contentType: "application/json", body: request.body))
        #expect(found.map(\.id) == ["1"] && found.map(\.type) == ["click"])
    }

    @Test func `a plus sign of base64 that was not escaped is one`() throws {
        // The ids make base64 text with both + and /.
        let text = #"[{"event_type":"click","event_id":"~~~???>>>"}]"#
        let base64 = Base64.encode(Array(text.utf8))
        #expect(base64.contains("+") || base64.contains("/"))
        let request = try unwrapped(Array("data=\(base64)".utf8), form)
        #expect(try events(request).map(\.id) == ["~~~???>>>"])
    }

    @Test func `fields are the members of one event`() throws {
        let body = "event_type=click&event_id=7&user_id=u%201&tag=a&tag=b+c&data=x&empty="
        let found = try #require(events(unwrapped(Array(body.utf8), form)).first)
        #expect(found.id == "7" && found.subject == "u 1")
        let data = try JSONValue.parse(Array(try #require(found.data).utf8))
        #expect(data == ["tag": ["a", "b c"], "data": "x", "empty": ""])
        let cloudEvent = "specversion=1.0&id=8&type=t&source=s&data=" + escaped(#"{"a":1}"#)
        let other = try #require(events(unwrapped(Array(cloudEvent.utf8), form)).first)
        #expect(other.id == "8" && other.data == #"{"a":1}"#)
    }

    @Test(arguments: ["data=%zz", "%", "data=!!", "data=a"])
    func `a form that is broken is malformed`(body: String) {
        let error = #expect(throws: EventBodyError.self) { try unwrapped(Array(body.utf8), form) }
        #expect(error?.code == .malformed)
    }

    @Test func `a form has so many fields and no more`() throws {
        let most = (0..<EventRequest.formFieldsMax).map { "f\($0)=1" }.joined(separator: "&")
        _ = try unwrapped(Array(most.utf8), form)
        let error = #expect(throws: EventBodyError.self) { try unwrapped(Array("\(most)&g=1".utf8), form) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: [nil, "text/plain", "application/json", "application/x-ndjson", "application/cloudevents+json"])
    func `compression that nobody announced is undone, within the limit`(contentType: String?) throws {
        let text = #"{"specversion":"1.0","id":"1","type":"click","source":"s"}"#
        let bytes = Array(text.utf8)
        for packed in [try gzip(text), try Zstandard.compress(bytes)] {
            #expect(try events(unwrapped(packed, contentType)).map(\.id) == ["1"])
            #expect(try unwrapped(packed, contentType, bytesMax: bytes.count).body == bytes)
            let bomb = #expect(throws: EventBodyError.self) {
                try unwrapped(packed, contentType, bytesMax: bytes.count - 1)
            }
            #expect(bomb?.code == .tooLarge)
            let cut = #expect(throws: EventBodyError.self) { try unwrapped(Array(packed.dropLast(9)), contentType) }
            #expect(cut?.code == .malformed)
        }
    }

    @Test func `a form may hold compressed base64, and be compressed itself`() throws {
        let inner = "data=" + escaped(Base64.encode(try gzip(event)))
        #expect(try events(unwrapped(Array(inner.utf8), form)).map(\.id) == ["1"])
        #expect(try events(unwrapped(gzip(inner), form)).map(\.id) == ["1"])
    }

    @Test func `in binary mode the body is data, whatever it looks like`() throws {
        let attributes = [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "s")]
        for (contentType, body) in [("application/gzip", try gzip(event)), (form, Array("data=1".utf8))] {
            let request = EventRequest(
                contentType: contentType, attributes: attributes.map { (name: $0.0, value: $0.1) }, body: body)
            #expect(try request.unwrapped(bytesMax: 10).body == body)
            let found = try #require(events(request).first)
            #expect(found.isBase64 && found.data == Base64.encode(body))
        }
    }

    @Test(arguments: [
        ("application/json; charset=utf-8", true), ("text/plain;charset=ISO-8859-1", true),
        ("application/json; charset=\"UTF-16LE\"", false), ("text/plain; format=flowed; charset=utf-32", false),
    ])
    func `the charset is UTF-8, or said not to be`(contentType: String, isTaken: Bool) throws {
        if isTaken {
            #expect(try events(unwrapped(Array(event.utf8), contentType)).map(\.id) == ["1"])
        } else {
            let error = #expect(throws: EventBodyError.self) { try unwrapped(Array(event.utf8), contentType) }
            #expect(error?.code == .unsupportedMediaType)
        }
    }

    @Test(arguments: [nil, "application/json", "text/plain", "application/x-ndjson"])
    func `a byte order mark is passed over`(contentType: String?) throws {
        let body = [0xEF, 0xBB, 0xBF] + Array(event.utf8)
        #expect(try events(unwrapped(body, contentType)).map(\.id) == ["1"])
    }

    @Test func `damage is an error, or other events, and nothing worse`() throws {
        let whole = [
            Array("v=1&data=\(escaped(event))&x=%E2%82%AC+y".utf8), try gzip("data=" + escaped(event)),
            Array(("data=" + escaped(Base64.encode(try gzip(event)))).utf8), try Zstandard.compress(Array(event.utf8)),
        ]
        var state: UInt64 = 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var refused = 0
        for round in 0..<4000 {
            var bytes = whole[round % whole.count]
            for _ in 0...next(3) {
                switch next(3) {
                case 0: bytes[next(bytes.count)] ^= UInt8(1 << next(8))
                case 1: bytes.removeLast(next(bytes.count))
                default: bytes.insert(UInt8(next(256)), at: next(bytes.count))
                }
            }
            do {
                #expect(try unwrapped(bytes, form, bytesMax: 4096).body.count <= max(4096, bytes.count))
            } catch is EventBodyError {
                refused += 1
            }
        }
        #expect(refused > 100 && refused < 4000)
    }

    @Test(arguments: ["multipart/form-data; boundary=x", "image/png", "application/xml", "application/octet-stream"])
    func `other content is refused, with what is allowed`(contentType: String) {
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let error = #expect(throws: EventBodyError.self) {
            try parser.parse(
                EventRequest(contentType: contentType, body: Array("--x".utf8)), at: Timestamp(microseconds: 0))
        }
        #expect(error?.code == .unsupportedMediaType && error?.message.contains("application/x-ndjson") == true)
        #expect(error?.message.contains(form) == true)
    }
}

struct RefusalTests {
    private let now = Timestamp(microseconds: 0)

    private func batch(_ types: [String]) throws -> EventBatch {
        let events = types.enumerated().map { #"{"specversion":"1.0","id":"\#($0)","type":"\#($1)","source":"s"}"# }
        let body = "[" + (events + ["1"]).joined(separator: ",") + "]"
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        return try parser.parse(EventRequest(contentType: "application/json", body: Array(body.utf8)), at: now)
    }

    private func refusing(_ types: [String], _ bad: String) throws -> EventBatch {
        try batch(types).refusing { event, raw in
            let type = String(decoding: raw[event.type], as: UTF8.self)
            return type == bad ? EventObjection(.typeNotAllowed, attribute: "type", detail: "no \(bad)") : nil
        }
    }

    @Test(arguments: [
        (["a", "b", "c"], "b", [1]), (["b", "a", "b"], "b", [0, 2]), (["b", "b"], "b", [0, 1]), (["a"], "b", []),
        ([], "b", []),
    ])
    func `what is objected to becomes a rejection in its place`(types: [String], bad: String, expected: [Int]) throws {
        let before = try batch(types)
        let after = try refusing(types, bad)
        #expect(after.rejections.map(\.index) == expected + [types.count])
        let kept = types.indices.filter { !expected.contains($0) }
        #expect(after.accepted.map(\.index) == kept)
        let events = try EventRecord.events(after.record(context: EventContext(receivedAt: now)))
        #expect(events.map(\.id) == kept.map(String.init))
        for rejection in after.rejections.dropLast() {
            #expect(rejection.reason == .typeNotAllowed && rejection.id == String(rejection.index))
            #expect(rejection.message.hasSuffix(": no b"))
            #expect(rejection.text == before.accepted[rejection.index].text)
        }
        // What is left is still excluded by place.
        if after.accepted.count > 1 {
            let rest = try EventRecord.events(after.record(context: EventContext(receivedAt: now), excluding: [0]))
            #expect(rest.map(\.id) == kept.dropFirst().map(String.init))
        }
    }

    @Test func `the raw text of a refused event is what was sent`() throws {
        let body = Array(#"[ {"event_type":"b", "x": 1} ]"#.utf8)
        let parser = EventParser(secret: EventKeySecret(low: 1, high: 2))
        let batch = try parser.parse(EventRequest(contentType: "application/json", body: body), at: now)
            .refusing { _, _ in EventObjection(.timeOutOfRange, attribute: "time") }
        let rejection = try #require(batch.rejections.first)
        #expect(String(decoding: body[rejection.text], as: UTF8.self) == #"{"event_type":"b", "x": 1}"#)
        #expect(batch.accepted.isEmpty && batch.encoded.isEmpty)
    }

    @Test func `user agent and address go through the log, and only then make it a record of version 2`() throws {
        var context = EventContext(receivedAt: now)
        context[.tlsCipher] = "c"
        #expect(try batch(["a"]).record(context: context).first == 1)
        context[.userAgent] = String(repeating: "u", count: 600)
        context[.clientAddress] = "2001:db8::1"
        let record = try batch(["a"]).record(context: context)
        #expect(record.first == 2)
        let head = try record.withUnsafeBytes { try EventRecord($0) }
        #expect(head.context == context && head.context[.userAgent]?.count == 512)
        #expect(try EventRecord.events(record).map(\.id) == ["0"])
        let wide = String(repeating: "👩‍👩‍👧‍👦", count: 200)
        context[.userAgent] = wide
        #expect(context[.userAgent].map { $0.utf8.count <= 1024 && wide.hasPrefix($0.dropLast()) } == true)
    }
}
