import Bytes
import Clocks

/// The events of one request as one record of the log.
///
/// Layout, little-endian: u8 version (1, or 2 when a field behind the first ten is there) · u8 reserved (0) · u16 bit set of the context's fields that follow · i64 moment
/// of receipt in microseconds · u32 number of events · for each field present u16 length and bytes · the events
/// (`EncodedEvent`), one behind the other.
package struct EventRecord {
    package static let versions: ClosedRange<UInt8> = 1...2
    static let headerBytes = 16

    package let context: EventContext
    package let count: Int
    /// Where the first event begins.
    package let eventsOffset: Int

    /// Reads the head of a record.
    ///
    /// - Throws: `.failed` for a version of another program, or for bytes that are no record.
    package init(_ bytes: UnsafeRawBufferPointer) throws(EventBodyError) {
        var context = EventContext(receivedAt: Timestamp(microseconds: 0))
        let head = try Self.readHead(bytes) { field, range in
            context[field] = String(decoding: bytes[range], as: UTF8.self)
        }
        context.receivedAt = Timestamp(microseconds: head.receivedAt)
        self.context = context
        count = head.count
        eventsOffset = head.eventsOffset
    }

    /// What there is of a record besides fields and events.
    package struct Head {
        /// In microseconds since 1970.
        package let receivedAt: Int64
        package let count: Int
        /// Where the first event begins.
        package let eventsOffset: Int
    }

    /// Reads the head of a record, and calls `body` with each field that is there and where its UTF-8 is.
    ///
    /// - Throws: as `init`.
    package static func readHead(
        _ bytes: UnsafeRawBufferPointer, _ body: (EventContext.Field, Range<Int>) -> Void
    ) throws(EventBodyError) -> Head {
        guard bytes.count >= headerBytes else { throw EventBodyError(.failed, "the record is cut short") }
        guard versions.contains(bytes[0]) else {
            throw EventBodyError(
                .failed, "the record has version \(bytes[0]); this program reads versions 1 and 2")
        }
        func load<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        var present = load(2, UInt16.self)
        var at = headerBytes
        while let field = EventContext.Field(rawValue: present.trailingZeroBitCount) {
            guard bytes.count - at >= 2, bytes.count - at - 2 >= Int(load(at, UInt16.self)) else {
                throw EventBodyError(.failed, "the record is cut short")
            }
            let end = at + 2 + Int(load(at, UInt16.self))
            body(field, at + 2..<end)
            at = end
            present &= present - 1
        }
        return Head(receivedAt: load(4, Int64.self), count: Int(load(12, UInt32.self)), eventsOffset: at)
    }

    /// The head of a record of `count` events.
    package static func appendHeader(context: EventContext, count: Int, to bytes: inout [UInt8]) {
        let fields = EventContext.Field.allCases
        let present = fields.reduce(UInt16(0)) { $0 | (context[$1] == nil ? 0 : 1 << UInt16($1.rawValue)) }
        bytes.append(present >> EventContext.Field.columns.count == 0 ? 1 : 2)
        bytes.append(0)
        bytes.appendLittleEndian(present)
        bytes.appendLittleEndian(context.receivedAt.microseconds)
        bytes.appendLittleEndian(UInt32(count))
        for field in fields {
            guard let value = context[field] else { continue }
            bytes.appendLittleEndian(UInt16(value.utf8.count))
            bytes.append(utf8: value)
        }
    }

    /// Calls `body` with the key of every accepted event and the moment all were received, in microseconds since 1970.
    /// Cost: little of the record is looked at.
    package static func forEachKey(
        _ bytes: UnsafeRawBufferPointer, _ body: (_ key: EventKey, _ receivedAt: Int64) -> Void
    ) throws(EventBodyError) {
        let head = try readHead(bytes) { _, _ in }
        var at = head.eventsOffset
        for _ in 0..<head.count {
            guard let event = EncodedEvent(bytes, at: at) else {
                throw EventBodyError(.failed, "the record is damaged at byte \(at)")
            }
            // What was refused may be sent again, mended.
            if !event.isRejected { body(event.key, head.receivedAt) }
            at = event.end
        }
        guard at == bytes.count else { throw EventBodyError(.failed, "the record has bytes behind its last event") }
    }

    /// Calls `body` with every event of the record.
    package static func forEachEvent(
        _ bytes: UnsafeRawBufferPointer, _ body: (EventContext, EncodedEvent) -> Void
    ) throws(EventBodyError) {
        let record = try EventRecord(bytes)
        var at = record.eventsOffset
        for _ in 0..<record.count {
            guard let event = EncodedEvent(bytes, at: at) else {
                throw EventBodyError(.failed, "the record is damaged at byte \(at)")
            }
            body(record.context, event)
            at = event.end
        }
        guard at == bytes.count else { throw EventBodyError(.failed, "the record has bytes behind its last event") }
    }

    /// The events of a record, for tools and tests.
    package static func events(_ bytes: [UInt8]) throws(EventBodyError) -> [Event] {
        var events: [Event] = []
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(EventBodyError) in
                try forEachEvent(raw) { _, encoded in events.append(Event(encoded, in: raw)) }
            }
        }
        try result.get()
        return events
    }
}
