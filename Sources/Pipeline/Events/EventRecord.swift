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
        guard bytes.count >= Self.headerBytes else { throw EventBodyError(.failed, "the record is cut short") }
        guard Self.versions.contains(bytes[0]) else {
            throw EventBodyError(
                .failed, "the record has version \(bytes[0]); this program reads versions 1 and 2")
        }
        func load<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        let present = load(2, UInt16.self)
        var context = EventContext(receivedAt: Timestamp(microseconds: load(4, Int64.self)))
        let count = Int(load(12, UInt32.self))
        var at = Self.headerBytes
        for field in EventContext.Field.allCases where present & 1 << UInt16(field.rawValue) != 0 {
            guard bytes.count - at >= 2, bytes.count - at - 2 >= Int(load(at, UInt16.self)) else {
                throw EventBodyError(.failed, "the record is cut short")
            }
            let end = at + 2 + Int(load(at, UInt16.self))
            context[field] = String(decoding: bytes[at + 2..<end], as: UTF8.self)
            at = end
        }
        self.context = context
        self.count = count
        eventsOffset = at
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
