import Bytes
import Clocks

/// A refused event, or a request that could not be read, as the log keeps it for the quarantine.
///
/// It is logged as an event (`EncodedEvent`, flags 4 and 8): its type is the reason, its id that of the refusal, its time
/// the moment of receipt, its data the bytes as they were sent; all else is in extensions under the names below.
package struct Refusal: Hashable, Sendable {
    /// Names of extensions. Those of columns of the quarantine table are these columns.
    package enum Name {
        package static let message = "message"
        package static let attribute = "attribute"
        package static let index = "index"
        package static let eventID = "event_id"
        package static let eventType = "event_type"
        package static let contentType = "content_type"
        package static let client = "client"
        package static let requestID = "request_id"
        package static let origin = "origin"
        /// Bytes of `raw` that were not kept.
        package static let missingBytes = "missing_bytes"
        /// Before the name of an attribute of binary mode, as it came.
        package static let attributePrefix = "ce-"
    }

    /// The reason of rows that say that a refusal was replayed; the refusal has the same id.
    package static let replayed = "replayed"
    /// What takes the place of the event's source where the request has no origin.
    package static let source = "/events"

    package var id: String
    package var reason: String
    package var source: String
    package var receivedAt: Timestamp
    package var raw: ArraySlice<UInt8>
    package var details: [(name: String, value: String)]

    package init(
        id: String, reason: String, source: String = Refusal.source, receivedAt: Timestamp, raw: ArraySlice<UInt8>,
        details: [(name: String, value: String)]
    ) {
        self.id = id
        self.reason = reason
        self.source = source
        self.receivedAt = receivedAt
        self.raw = raw
        self.details = details
    }

    package static func == (left: Refusal, right: Refusal) -> Bool {
        left.id == right.id && left.reason == right.reason && left.raw == right.raw
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// Appends the binary form. Texts are cut to what it can say, at a character's edge.
    package func append(to bytes: inout [UInt8]) {
        let (id, reason) = (Self.cut(id, EventLimits.idBytesMax), Self.cut(reason, EventLimits.typeBytesMax))
        let source = Self.cut(source, EventLimits.sourceBytesMax)
        var extensions: [UInt8] = []
        for (name, value) in details.prefix(EventLimits.extensionsMax) {
            let (name, value) = (Self.cut(name, 255), Self.cut(value, EventLimits.attributeBytesMax))
            extensions.append(UInt8(name.count))
            extensions.appendLittleEndian(UInt16(value.count))
            extensions += name + value
        }
        let length =
            EncodedEvent.headerBytes - 4 + id.count + reason.count + source.count + raw.count + extensions.count
        bytes.appendLittleEndian(UInt32(length))
        bytes.appendLittleEndian(UInt16(1 | 4 | 8))
        bytes.appendLittleEndian(receivedAt.microseconds)
        // Nobody asks for the key of what was refused.
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(UInt64(0))
        for part in [id.count, reason.count, source.count, 0, 0, 0] { bytes.appendLittleEndian(UInt16(part)) }
        bytes.appendLittleEndian(UInt32(raw.count))
        bytes.appendLittleEndian(UInt32(extensions.count))
        bytes += id + reason + source
        bytes += raw
        bytes += extensions
    }

    private static func cut(_ text: String, _ count: Int) -> [UInt8] {
        var bytes = Array(text.utf8.prefix(count + 1))
        guard bytes.count > count else { return bytes }
        bytes.removeLast()
        // Continuation bytes, and then the byte that they continue, when the cut went through a character.
        if !String(decoding: bytes, as: UTF8.self).utf8.elementsEqual(bytes) {
            while let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
            bytes.removeLast()
        }
        return bytes
    }
}

/// Refusals in their binary form, for one record.
package struct EncodedRefusals: Sendable {
    package private(set) var bytes: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    package mutating func append(_ refusal: Refusal) {
        refusal.append(to: &bytes)
        count += 1
    }
}
