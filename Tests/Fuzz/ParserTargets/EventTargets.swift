import Bytes
import Clocks
import Compression
import Events
import JSONFormat

/// How a body comes to the collector: what the first byte of an input of `events` says.
private enum EventForm: UInt8, CaseIterable {
    case json, cloudEvent, cloudEvents, lines, beacon, form, binary, binaryImage

    private static let contentTypes = [
        "application/json", "application/cloudevents+json", "application/cloudevents-batch+json",
        "application/x-ndjson", "text/plain", "application/x-www-form-urlencoded", "application/json", "image/png",
    ]

    private var isBinary: Bool { rawValue >= Self.binary.rawValue }

    func request(_ body: [UInt8]) -> EventRequest {
        let attributes = isBinary ? [("specversion", "1.0"), ("type", "t"), ("source", "s"), ("id", "i%C3%A9")] : []
        return EventRequest(
            contentType: Self.contentTypes[Int(rawValue)],
            attributes: attributes.map { (name: $0.0, value: $0.1) }, origin: "https://o.example", body: body)
    }

    /// Whether each event has its text in the body.
    var hasTexts: Bool { !isBinary }

    /// One event out of such a request.
    func request(event: [UInt8]) -> EventRequest {
        let isCloudEvent = self == .cloudEvent || self == .cloudEvents
        return EventRequest(
            contentType: isCloudEvent ? "application/cloudevents+json" : "application/json",
            origin: "https://o.example", body: event, isOneEvent: true)
    }
}

private struct NoSuchForm: Error {}

private struct SameBits: RandomSource {
    func next() -> UInt64 { 42 }
}

private enum EventSeed {
    static let full =
        #"{"specversion":"1.0","id":"a\u00e9","type":"t","source":"s","time":"2024-01-15T14:30:00.25+01:00","subject":"u","#
        + #""datacontenttype":"text/plain","dataschema":"x:y","ext1":true,"ext2":-7,"data":"one \ud83d\ude00"}"#
    static let base64 = #"{"specversion":"1.0","id":"b","type":"t","source":"s","data_base64":"_-8"}"#
    static let bare =
        #"{"event_type":"e","event_id":"c","timestamp":"2024-01-15T14:30:00Z","n":[1,{"x":-2.5e3}],"z":null}"#

    static func all() throws -> [(EventForm, String, [UInt8])] {
        let list = Array("[\(full),\(base64)]".utf8)
        return [
            (.json, "list", Array("[\(full), \(bare),5,\(base64)]".utf8)),
            (.json, "member", Array(#"{"events":[\#(bare)]}"#.utf8)), (.cloudEvent, "one", Array(full.utf8)),
            (.cloudEvents, "batch", list), (.lines, "lines", Array("\(full)\r\n\nno\n\(bare)".utf8)),
            (.beacon, "gzip", try Deflate.compress(list, container: .gzip)),
            (.beacon, "zstd", try Zstandard.compress(list)),
            (.form, "fields", Array("event_type=click&a=1&a=%C3%A9+b".utf8)),
            (.form, "data", Array("data=\(Base64.encode(Array(bare.utf8), alphabet: .urlSafe))".utf8)),
            (.binary, "json", Array(#"{"a":1}"#.utf8)), (.binaryImage, "image", [0x89, 0x50, 0xFF, 0]),
        ]
    }
}

extension ParserTarget {
    private static let now = Timestamp(microseconds: 1_705_329_000_000_000)

    private static func parse(_ request: EventRequest) throws -> EventBatch {
        let parser = EventParser(limits: EventLimits(), secret: EventKeySecret(low: 1, high: 2))
        return try parser.parse(request, at: now, SameBits())
    }

    private static func events(of batch: EventBatch) throws -> [Event] {
        try EventRecord.events(batch.record(context: EventContext(receivedAt: now)))
    }

    /// A request with events, in each of the forms a sender may choose.
    static let events = ParserTarget("events") {
        try EventSeed.all().map { Seed("\($0.0)-\($0.1)", [$0.0.rawValue] + $0.2) }
    } parse: { bytes in
        guard let form = bytes.first.flatMap(EventForm.init) else { throw NoSuchForm() }
        let request = try form.request(Array(bytes.dropFirst())).unwrapped(bytesMax: 1 << 20)
        let batch = try parse(request)
        let found = try events(of: batch)
        try require(found.count == batch.accepted.count, "not every accepted event is in the record")
        let places = batch.accepted.map(\.index) + batch.rejections.map(\.index)
        try require(places.sorted() == Array(places.indices), "an event has no verdict, or two")
        for (event, accepted) in zip(found, batch.accepted) {
            try require(
                !event.id.isEmpty && !event.type.isEmpty && !event.source.isEmpty, "an event lacks what it must have")
            guard form.hasTexts else { continue }
            try require(accepted.text.upperBound <= request.body.count, "the text of an event is none of the body's")
            let alone = form.request(event: Array(request.body[accepted.text]))
            let again = try events(of: parse(alone))
            try require(
                again.count == 1 && again[0].type == event.type && again[0].data == event.data
                    && again[0].time == event.time && again[0].extensions == event.extensions,
                "an event is another one alone")
        }
        return digest(batch.encoded) ^ digest(places)
    }

    /// What the log gives back.
    static let eventRecord = ParserTarget("event-record") {
        var context = EventContext(receivedAt: now)
        let plain = try parse(EventForm.json.request(Array("[\(EventSeed.full),\(EventSeed.base64)]".utf8)))
        let record = plain.record(context: context)
        context[.country] = "NL"
        context[.userAgent] = "curl/8"
        return [Seed("plain", record), Seed("context", plain.record(context: context))]
    } parse: { bytes in
        let events = try EventRecord.events(bytes)
        return digest(events.map(\.id)) ^ digest(events.map(\.data))
    }
}
