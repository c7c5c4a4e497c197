import Clocks
import Events
import ServiceHost

/// What is asked of the events of one request besides being events.
package struct EventRules: Sendable {
    /// The types that the sender's key is for; nil: all.
    package var types: [NamePattern]?
    /// The latest time an event may be of; nil: any.
    package var latest: Timestamp?

    package init(types: [NamePattern]? = nil, latest: Timestamp? = nil) {
        self.types = types
        self.latest = latest
    }

    /// `batch` without the events that break a rule. Costs nothing where there is none.
    package func apply(to batch: EventBatch) -> EventBatch {
        guard types != nil || latest != nil else { return batch }
        return batch.refusing { event, raw in
            if let types {
                let type = UnsafeRawBufferPointer(rebasing: raw[event.type])
                guard types.contains(where: { $0.matches(type) }) else {
                    return EventObjection(.typeNotAllowed, attribute: "type")
                }
            }
            if let latest, event.time > latest.microseconds {
                return EventObjection(.timeOutOfRange, attribute: "time")
            }
            return nil
        }
    }
}
