import CSimdJSON
import Bytes
import Clocks

/// Reads the events of a request: CloudEvents 1.0 over HTTP in structured, batched and binary mode, JSON arrays,
/// `{"events":[…]}`, lines of JSON, and bare events.
///
/// A bare event is an object with `event_type` and without `specversion`: `type` ← `event_type`, `time` ← `timestamp`,
/// `id` ← `event_id`, `subject` ← `user_id`, `source` ← `project_id`, else the request's `Origin`, else `/bare`; every
/// other member, `project_id` too, makes up `data`, as it was written.
///
/// In `application/cloudevents+json` and `-batch+json` every event needs `specversion`; elsewhere bare events are taken.
/// A missing `id` (a new UUIDv7) or `time` (now) is filled in, unless `strict`. An attribute that is null is absent.
package struct EventParser: Sendable {
    package let limits: EventLimits
    package let strict: Bool
    package let secret: EventKeySecret

    package static let bareSource = "/bare"

    package init(limits: EventLimits = EventLimits(), strict: Bool = false, secret: EventKeySecret) {
        self.limits = limits
        self.strict = strict
        self.secret = secret
    }

    enum Mode: Equatable {
        case framed(Int)
        case binary
    }

    /// Reads `request`, received `now`. Cost: one pass over the body, no allocation for single events.
    ///
    /// - Throws: `.malformed` when the body as a whole is not what it says, `.unsupportedMediaType`, `.tooLarge` for too
    ///   many events.
    package func parse(
        _ request: EventRequest, at now: Timestamp, _ random: some RandomSource = SystemRandom()
    ) throws(EventBodyError) -> EventBatch {
        switch try mode(of: request) {
        case .binary: return try parseBinary(request, at: now, random)
        case .framed(let detected):
            let isOne = request.isOneEvent && detected == CEVENTS_FRAMING_DETECT
            let framing = isOne ? Int(CEVENTS_FRAMING_EVENT) : detected
            return try parseBody(
                request.body, framing: framing, source: request.origin ?? Self.bareSource, at: now, random)
        }
    }

    /// What the content type says about the body (CloudEvents HTTP binding §3).
    func mode(of request: EventRequest) throws(EventBodyError) -> Mode {
        let mediaType = request.contentType.map(Self.mediaType) ?? ""
        if mediaType.hasPrefix("application/cloudevents") {
            switch mediaType {
            case "application/cloudevents+json", "application/cloudevents": return .framed(Int(CEVENTS_FRAMING_SINGLE))
            case "application/cloudevents-batch+json", "application/cloudevents-batch":
                return .framed(Int(CEVENTS_FRAMING_BATCH))
            default:
                throw EventBodyError(
                    .unsupportedMediaType,
                    "the event format \(mediaType) is not supported: application/cloudevents+json and "
                        + "application/cloudevents-batch+json are")
            }
        }
        if request.isBinary { return .binary }
        switch mediaType {
        case "", "application/json", "text/json", "text/plain": return .framed(Int(CEVENTS_FRAMING_DETECT))
        case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
            return .framed(Int(CEVENTS_FRAMING_LINES))
        default:
            if mediaType.hasSuffix("+json") { return .framed(Int(CEVENTS_FRAMING_DETECT)) }
            throw EventBodyError(
                .unsupportedMediaType,
                "the content type \(mediaType) is not supported: application/cloudevents+json, "
                    + "application/cloudevents-batch+json, application/json, application/x-ndjson, text/plain and "
                    + "application/x-www-form-urlencoded are, and any other in binary mode, with a ce-specversion field"
            )
        }
    }

    /// The part of a content type before its parameters, in lowercase.
    static func mediaType(_ contentType: String) -> String {
        // Nearly always there is nothing to take off.
        if contentType.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3B && !(0x41...0x5A).contains($0) }) {
            return contentType
        }
        let bare = contentType.prefix { $0 != ";" }
        return String(bare.drop { $0 == " " }.prefix { $0 != " " && $0 != "\t" }).lowercased()
    }

    func parseBody(
        _ body: [UInt8], framing: Int, source: String, at now: Timestamp, _ random: some RandomSource
    ) throws(EventBodyError) -> EventBatch {
        var batch = cevents_batch()
        defer { cevents_free(&batch) }
        var sourceText = String(source.utf8.prefix(EventLimits.sourceBytesMax)) ?? Self.bareSource
        if sourceText.isEmpty { sourceText = Self.bareSource }
        let sourceBytes = Array(sourceText.utf8)
        let error = sourceBytes.withUnsafeBufferPointer { source in
            var options = cevents_options(
                framing: Int32(framing), strict: strict ? 1 : 0, now_microseconds: now.microseconds,
                random_seed: random.next(), secret_low: secret.low, secret_high: secret.high,
                event_bytes_max: limits.eventBytesMax, events_max: limits.eventsMax, depth_max: limits.depthMax,
                default_source: source.baseAddress, default_source_length: source.count)
            return cevents_parse(body, body.count, &options, &batch)
        }
        guard error == CEVENTS_BODY_OK else {
            throw bodyError(Int(error), offset: batch.error_offset, framing: framing)
        }
        return collect(batch)
    }

    private func bodyError(_ error: Int, offset: Int, framing: Int) -> EventBodyError {
        switch error {
        case CEVENTS_BODY_NOT_UTF8: EventBodyError(.malformed, "the body is not UTF-8")
        case CEVENTS_BODY_NOT_JSON:
            EventBodyError(
                .malformed,
                "the body is not JSON (or nested deeper than \(limits.depthMax)), at or behind byte \(offset)")
        case CEVENTS_BODY_WRONG_SHAPE:
            EventBodyError(
                .malformed,
                framing == CEVENTS_FRAMING_BATCH
                    ? "a batch is a JSON array of events" : "the body is neither an event nor a list of events")
        case CEVENTS_BODY_TOO_MANY:
            EventBodyError(.tooLarge, "a request has at most \(limits.eventsMax) events")
        default: EventBodyError(.failed, "out of memory")
        }
    }

    private func collect(_ batch: cevents_batch) -> EventBatch {
        let notes = UnsafeBufferPointer(start: batch.notes, count: batch.notes_length)
        func note(_ offset: Int, _ length: Int) -> String {
            String(decoding: notes[offset..<offset + length], as: UTF8.self)
        }
        var accepted: [EventBatch.Accepted] = []
        accepted.reserveCapacity(batch.accepted)
        var rejections: [EventRejection] = []
        for index in 0..<batch.count {
            let verdict = batch.verdicts[index]
            if verdict.problem == CEVENTS_ACCEPTED {
                let start = verdict.encoded_offset
                accepted.append(
                    EventBatch.Accepted(
                        index: index, key: EventKey(low: verdict.key_low, high: verdict.key_high),
                        range: start..<start + verdict.encoded_length,
                        text: verdict.text_offset..<verdict.text_offset + verdict.text_length))
            } else {
                let start = verdict.text_offset
                rejections.append(
                    EventRejection(
                        index: index, id: verdict.id_length > 0 ? note(verdict.id_offset, verdict.id_length) : nil,
                        eventType: verdict.type_length > 0 ? note(verdict.type_offset, verdict.type_length) : nil,
                        reason: EventRejection.Reason(problem: verdict.problem),
                        attribute: note(verdict.attribute_offset, verdict.attribute_length),
                        text: start..<start + verdict.text_length))
            }
        }
        let encoded = [UInt8](UnsafeBufferPointer(start: batch.encoded, count: batch.encoded_length))
        return EventBatch(encoded: encoded, accepted: accepted, rejections: rejections)
    }
}
