import Clocks
import Events
import Synchronization
import WriteAheadLog

/// Decides what of a request's refusals goes into the log, and counts what does not: they are kept as long as the log has
/// room to spare, so that a flood of them costs no accepted event.
package final class RefusalKeeper: Sendable {
    package struct Limits: Sendable {
        /// Of one refusal; the rest of its bytes is left out, and said.
        package var rawBytesMax = 256 << 10
        /// All refusals of one request together.
        package var requestBytesMax = 4 << 20
        /// Refusals are kept while the log holds less than this share of what it may.
        package var logPercentMax = 50

        package init() {}
    }

    private let limits: Limits
    private let log: any RecordLog
    private let random: any RandomSource
    private let keptCount = Atomic<Int>(0)
    private let droppedCount = Atomic<Int>(0)

    package init(log: any RecordLog, limits: Limits = Limits(), random: any RandomSource = SystemRandom()) {
        self.log = log
        self.limits = limits
        self.random = random
    }

    /// Refusals in the log since the start.
    package var kept: Int { keptCount.load(ordering: .relaxed) }
    /// Refusals not kept since the start: the log had no room to spare, or a request had too many.
    package var dropped: Int { droppedCount.load(ordering: .relaxed) }

    /// What is to be logged of a request's refused events. `count` tells what became of it.
    func encode(_ rejections: [EventRejection], of request: EventRequest, _ sender: RefusalSender) -> EncodedRefusals {
        var encoded = EncodedRefusals()
        guard !rejections.isEmpty, hasRoom else {
            drop(rejections.count)
            return encoded
        }
        for (position, rejection) in rejections.enumerated() {
            guard encoded.bytes.count < limits.requestBytesMax else {
                drop(rejections.count - position)
                break
            }
            var details = [(Refusal.Name.message, rejection.message)]
            if !rejection.attribute.isEmpty { details.append((Refusal.Name.attribute, rejection.attribute)) }
            if let id = rejection.id { details.append((Refusal.Name.eventID, id)) }
            if let type = rejection.eventType { details.append((Refusal.Name.eventType, type)) }
            details.append((Refusal.Name.index, String(rejection.index)))
            encoded.append(
                refusal(rejection.reason.rawValue, request.body[rejection.text], details, request, sender))
        }
        return encoded
    }

    /// What is to be logged of a request that could not be read; nothing where the fault is ours.
    func encode(_ error: EventBodyError, of request: EventRequest, _ sender: RefusalSender) -> EncodedRefusals {
        var encoded = EncodedRefusals()
        let reason: String
        switch error.code {
        case .malformed: reason = "malformed_body"
        case .unsupportedMediaType: reason = "unsupported_media_type"
        case .tooLarge: reason = "too_many_events"
        case .failed: return encoded
        }
        guard hasRoom else {
            drop(1)
            return encoded
        }
        encoded.append(
            refusal(reason, request.body[...], [(Refusal.Name.message, error.message)], request, sender))
        return encoded
    }

    func keep(_ count: Int) { keptCount.add(count, ordering: .relaxed) }
    func drop(_ count: Int) { droppedCount.add(count, ordering: .relaxed) }

    private var hasRoom: Bool {
        let status = log.status
        return !status.isShortOfSpace && status.poisoned == nil
            && status.bytes < status.bytesMax / 100 * limits.logPercentMax
    }

    private func refusal(
        _ reason: String, _ raw: ArraySlice<UInt8>, _ details: [(String, String)], _ request: EventRequest,
        _ sender: RefusalSender
    ) -> Refusal {
        var details: [(name: String, value: String)] = details.map { (name: $0.0, value: $0.1) }
        if let type = request.contentType { details.append((Refusal.Name.contentType, type)) }
        if let client = sender.client { details.append((Refusal.Name.client, client)) }
        if let id = sender.requestID { details.append((Refusal.Name.requestID, id)) }
        if let origin = request.origin { details.append((Refusal.Name.origin, origin)) }
        let kept = raw.prefix(limits.rawBytesMax)
        let isWhole = kept.count == raw.count && request.attributes.count <= Self.attributesMax
        if !isWhole { details.append((Refusal.Name.missingBytes, String(raw.count - kept.count))) }
        for attribute in request.attributes.prefix(Self.attributesMax) {
            details.append((Refusal.Name.attributePrefix + attribute.name, attribute.value))
        }
        return Refusal(
            id: UUID.timeOrdered(at: sender.receivedAt, random).description, reason: reason,
            source: request.origin ?? Refusal.source, receivedAt: sender.receivedAt, raw: kept, details: details)
    }

    /// Besides what else is said, less than an event has room for.
    private static let attributesMax = EventLimits.extensionsMax - 16
}

/// Who sent what was refused, and when.
package struct RefusalSender: Sendable {
    package var receivedAt: Timestamp
    package var client: String?
    package var requestID: String?

    package init(receivedAt: Timestamp, client: String? = nil, requestID: String? = nil) {
        self.receivedAt = receivedAt
        self.client = client
        self.requestID = requestID
    }
}
