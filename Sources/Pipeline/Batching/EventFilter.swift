import Events

/// Which events of the log are for a table.
package enum EventFilter: Hashable, Sendable {
    /// Every accepted event: for the event table.
    case accepted
    /// What was refused: for the quarantine.
    case refused
    /// Accepted events of one type: for its typed table.
    case type([UInt8])

    package static func type(_ name: String) -> EventFilter { .type(Array(name.utf8)) }

    func admits(_ event: EncodedEvent, _ record: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .accepted: return !event.isRejected
        case .refused: return event.isRejected
        case .type(let name):
            guard !event.isRejected, event.type.count == name.count else { return false }
            return name.withUnsafeBytes { $0.elementsEqual(record[event.type]) }
        }
    }
}
