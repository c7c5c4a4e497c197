import CSimdJSON
import Bytes
import Clocks
import JSONFormat

extension EventParser {
    /// Reads one event whose attributes came as `ce-*` fields (CloudEvents HTTP binding §3.1).
    ///
    /// The body becomes a structured event that goes the way of all others: JSON as it is, other text as a string,
    /// anything else as `data_base64`.
    func parseBinary(
        _ request: EventRequest, at now: Timestamp, _ random: some RandomSource
    ) throws(EventBodyError) -> EventBatch {
        func refuse(_ reason: EventRejection.Reason, _ attribute: String) -> EventBatch {
            func value(_ name: String) -> String? { request.attributes.first { $0.name == name }?.value }
            let rejection = EventRejection(
                index: 0, id: value("id"), eventType: value("type"), reason: reason, attribute: attribute,
                text: 0..<request.body.count)
            return EventBatch(encoded: [], accepted: [], rejections: [rejection])
        }
        guard request.body.count <= limits.eventBytesMax else { return refuse(.eventTooLarge, "") }
        var event: [UInt8] = []
        event.reserveCapacity(request.body.count + 512)
        for (name, raw) in request.attributes {
            guard name != "data", name != "data_base64", name != "datacontenttype" else {
                return refuse(.invalidName, name)
            }
            guard let value = Self.headerValue(raw) else { return refuse(.invalidValue, name) }
            appendMember(name, to: &event)
            JSONValue.appendQuoted(value, to: &event)
        }
        if let contentType = request.contentType, !contentType.isEmpty {
            appendMember("datacontenttype", to: &event)
            JSONValue.appendQuoted(contentType, to: &event)
        }
        guard appendData(request, to: &event) else {
            return refuse(.notJSON, "data")
        }
        event.append(UInt8(ascii: "}"))
        var wide = self.limits
        // What is measured here is the body above; base64 and escapes may make the text of the event longer.
        wide.eventBytesMax = event.count
        let parser = EventParser(limits: wide, strict: strict, secret: secret)
        let batch = try parser.parseBody(
            event, framing: Int(CEVENTS_FRAMING_SINGLE), source: Self.bareSource, at: now, random)
        // Ranges of the made-up text mean nothing to the caller: what was sent is the body.
        let text = 0..<request.body.count
        let rejections = batch.rejections.map {
            EventRejection(
                index: 0, id: $0.id, eventType: $0.eventType, reason: $0.reason, attribute: $0.attribute, text: text)
        }
        let accepted = batch.accepted.map {
            EventBatch.Accepted(index: 0, key: $0.key, range: $0.range, text: text)
        }
        return EventBatch(encoded: batch.encoded, accepted: accepted, rejections: rejections)
    }

    private func appendMember(_ name: String, to event: inout [UInt8]) {
        event.append(event.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        JSONValue.appendQuoted(name, to: &event)
        event.append(UInt8(ascii: ":"))
    }

    /// False when the body is said to be JSON and is not.
    private func appendData(_ request: EventRequest, to event: inout [UInt8]) -> Bool {
        let body = request.body
        guard !body.isEmpty else { return true }
        let mediaType = request.contentType.map(Self.mediaType) ?? "application/json"
        let isText = cevents_is_utf8(body, body.count) == 1
        if mediaType == "application/json" || mediaType == "text/json" || mediaType.hasSuffix("+json") {
            var begin = 0
            var end = 0
            guard isText, cevents_is_json(body, body.count, limits.depthMax - 1, &begin, &end) == 1 else {
                return false
            }
            appendMember("data", to: &event)
            event.append(contentsOf: body[begin..<end])
        } else if isText && (mediaType.hasPrefix("text/") || mediaType.hasSuffix("xml")) {
            appendMember("data", to: &event)
            JSONValue.appendQuoted(String(decoding: body, as: UTF8.self), to: &event)
        } else {
            appendMember("data_base64", to: &event)
            JSONValue.appendQuoted(Base64.encode(body), to: &event)
        }
        return true
    }

    /// The value of a field as an attribute: percent-decoded, a quoted string taken out of its quotes; nil when what
    /// comes out is not UTF-8 (§3.1.3.2).
    static func headerValue(_ raw: String) -> String? {
        var text = raw
        if text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") {
            var inner = ""
            var isEscaped = false
            for scalar in text.unicodeScalars.dropFirst().dropLast() {
                if !isEscaped, scalar == "\\" {
                    isEscaped = true
                } else {
                    inner.unicodeScalars.append(scalar)
                    isEscaped = false
                }
            }
            text = inner
        }
        return PercentEncoding.decode(text)
    }
}
