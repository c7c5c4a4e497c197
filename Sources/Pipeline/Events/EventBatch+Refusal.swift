/// Why one well-formed event is not wanted all the same.
package struct EventObjection: Sendable {
    package let reason: EventRejection.Reason
    /// The attribute at fault; empty when it is the event as a whole.
    package let attribute: String
    /// What is wrong, for the sender, where the reason does not say it all.
    package let detail: String?

    package init(_ reason: EventRejection.Reason, attribute: String = "", detail: String? = nil) {
        self.reason = reason
        self.attribute = attribute
        self.detail = detail
    }
}

extension EventBatch {
    /// The batch without the events that `judge` objects to, which become rejections in their places. The batch itself, at the
    /// cost of the calls, when there is no objection.
    package func refusing(
        _ judge: (EncodedEvent, UnsafeRawBufferPointer) -> EventObjection?
    ) -> EventBatch {
        var kept: [Accepted] = []
        var refused: [EventRejection] = []
        encoded.withUnsafeBytes { raw in
            for (position, event) in accepted.enumerated() {
                guard let parts = EncodedEvent(raw, at: event.range.lowerBound), let objection = judge(parts, raw)
                else {
                    if !refused.isEmpty { kept.append(event) }
                    continue
                }
                if refused.isEmpty { kept = Array(accepted[..<position]) }
                refused.append(
                    EventRejection(
                        index: event.index, id: String(decoding: raw[parts.id], as: UTF8.self),
                        eventType: String(decoding: raw[parts.type], as: UTF8.self), reason: objection.reason,
                        attribute: objection.attribute, detail: objection.detail,
                        text: event.text))
            }
        }
        guard !refused.isEmpty else { return self }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(kept.reduce(0) { $0 + $1.range.count })
        let moved = kept.map { event in
            let start = bytes.count
            bytes.append(contentsOf: encoded[event.range])
            return Accepted(index: event.index, key: event.key, range: start..<bytes.count, text: event.text)
        }
        return EventBatch(
            encoded: bytes, accepted: moved, rejections: (rejections + refused).sorted { $0.index < $1.index })
    }
}
