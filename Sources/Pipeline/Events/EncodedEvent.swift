import Clocks

/// One event in its binary form, in place: where its parts lie in a buffer.
///
/// Layout, little-endian: u32 length of what follows · u16 flags (1 has data, 2 data is base64, 4 rejected, 8 data is raw bytes) · i64 time in
/// microseconds · u64 u64 key · u16 lengths of id, type, source, subject, datacontenttype, dataschema · u32 length of
/// data · u32 length of extensions · the bytes of these in that order; each extension is u8 length of name, u16 length of
/// value, name, value. A missing optional attribute has length 0, which no present one can have.
package struct EncodedEvent {
    @usableFromInline static let headerBytes = 50

    package let time: Int64
    package let key: EventKey
    package let hasData: Bool
    package let isBase64: Bool
    /// Refused: kept for the quarantine, and for no other table.
    package let isRejected: Bool
    package let id: Range<Int>
    package let type: Range<Int>
    package let source: Range<Int>
    package let subject: Range<Int>
    package let dataContentType: Range<Int>
    package let dataSchema: Range<Int>
    package let data: Range<Int>
    package let extensions: Range<Int>
    /// One past the event's last byte.
    package let end: Int

    /// Reads the event at `offset`; nil when the bytes there are not one whole event.
    @inlinable
    package init?(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard offset >= 0, bytes.count - offset >= Self.headerBytes else { return nil }
        func load<T: FixedWidthInteger>(_ at: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + at, as: T.self))
        }
        let length = Int(load(0, UInt32.self)) + 4
        guard length <= bytes.count - offset else { return nil }
        let flags = load(4, UInt16.self)
        hasData = flags & 1 != 0
        isBase64 = flags & 2 != 0
        isRejected = flags & 4 != 0
        time = load(6, Int64.self)
        key = EventKey(low: load(14, UInt64.self), high: load(22, UInt64.self))
        var at = offset + Self.headerBytes
        func part(_ count: Int) -> Range<Int> {
            let range = Range(uncheckedBounds: (at, at + count))
            at += count
            return range
        }
        id = part(Int(load(30, UInt16.self)))
        type = part(Int(load(32, UInt16.self)))
        source = part(Int(load(34, UInt16.self)))
        subject = part(Int(load(36, UInt16.self)))
        dataContentType = part(Int(load(38, UInt16.self)))
        dataSchema = part(Int(load(40, UInt16.self)))
        data = part(Int(load(42, UInt32.self)))
        extensions = part(Int(load(46, UInt32.self)))
        guard at == offset + length else { return nil }
        end = at
    }

    /// Calls `body` with the name and the value of each extension; false when they do not fill their space.
    @inlinable
    package func forEachExtension(
        _ bytes: UnsafeRawBufferPointer, _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) -> Bool {
        var at = extensions.lowerBound
        while at < extensions.upperBound {
            guard extensions.upperBound - at >= 3 else { return false }
            let nameEnd = at + 3 + Int(bytes[at])
            let valueEnd = nameEnd + Int(bytes[at + 1]) + Int(bytes[at + 2]) << 8
            guard valueEnd <= extensions.upperBound else { return false }
            body(at + 3..<nameEnd, nameEnd..<valueEnd)
            at = valueEnd
        }
        return true
    }
}

extension Event {
    /// The event that `encoded` describes.
    package init(_ encoded: EncodedEvent, in bytes: UnsafeRawBufferPointer) {
        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        func optional(_ range: Range<Int>) -> String? { range.isEmpty ? nil : text(range) }
        var extensions: [Extension] = []
        _ = encoded.forEachExtension(bytes) { name, value in extensions.append(Extension(text(name), text(value))) }
        self.init(
            id: text(encoded.id), type: text(encoded.type), source: text(encoded.source),
            time: Timestamp(microseconds: encoded.time), subject: optional(encoded.subject),
            dataContentType: optional(encoded.dataContentType), dataSchema: optional(encoded.dataSchema),
            data: encoded.hasData ? text(encoded.data) : nil, isBase64: encoded.isBase64, extensions: extensions,
            key: encoded.key)
    }
}
